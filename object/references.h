// Answers the chunk store's question "does anybody still need this chunk?" from the reference
// edges.
#pragma once

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "storage/chunk_store.h"

namespace cairn::object {

// A commit whose outcome is not known may have written edges that no read sees, and the log brings
// them back at the next start. A catalog of this process alone commits nothing more after such a
// one, so it is asked whether it still does before a chunk without edges is given up: what it then
// fails with (kUnavailable) is the answer. Where other processes commit too, commit_fence.h settles
// that.
// Thread rule: any reactor. The catalog outlives it.
class CatalogReferences final : public storage::ReferenceSource {
 public:
  explicit CatalogReferences(catalog::Catalog& catalog) : catalog_(catalog) {}
  io::Task<Result<bool>> is_referenced(crypto::ChunkId id) override;

 private:
  catalog::Catalog& catalog_;
};

}  // namespace cairn::object
