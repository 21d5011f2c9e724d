// Answers the chunk store's question "does anybody still need this chunk?" from the reference
// edges.
#pragma once

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "storage/chunk_store.h"

namespace cairn::object {

// Thread rule: any reactor. The catalog outlives it.
class CatalogReferences final : public storage::ReferenceSource {
 public:
  explicit CatalogReferences(catalog::Catalog& catalog) : catalog_(catalog) {}
  io::Task<Result<bool>> is_referenced(crypto::ChunkId id) override;

 private:
  catalog::Catalog& catalog_;
};

}  // namespace cairn::object
