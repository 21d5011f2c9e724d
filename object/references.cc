#include "object/references.h"

#include <utility>

#include "object/keys.h"

namespace cairn::object {

io::Task<Result<bool>> CatalogReferences::is_referenced(crypto::ChunkId id) {
  catalog::ScanRequest request;
  request.begin = keys::edges(id);
  request.end = catalog::prefix_end(request.begin);
  request.limit_entries = 1;
  request.keys_only = true;
  const catalog::ScanPage page = co_await io::or_return(catalog_.scan(std::move(request)));
  if (!page.entries.empty()) co_return true;
  if (catalog_.is_shared()) co_return false;
  co_await io::or_return(catalog_.commit(catalog::Batch()));  // Writes nothing.
  co_return false;
}

}  // namespace cairn::object
