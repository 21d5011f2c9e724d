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
  co_return !page.entries.empty();
}

}  // namespace cairn::object
