#include "server/schema_watch.h"

#include <optional>
#include <utility>

#include "io/reactor.h"
#include "object/keys.h"
#include "object/schema.h"

namespace cairn::server {

io::Task<void> watch_schema(catalog::Catalog& catalog, std::function<void(Error)> on_other,
                            io::StopToken stop) {
  while (!stop.stop_requested()) {
    // A stop ends the pause early; the loop's condition sees it.
    static_cast<void>(co_await io::sleep_for(kSchemaWatchEvery, stop));
    const Result<std::optional<catalog::Entry>> row =
        co_await catalog.get_recent(object::keys::store_info());
    if (!row || !*row) continue;
    const Status known = object::check_schema_row(**row);
    if (known) continue;
    on_other(known.error());
    co_return;
  }
}

}  // namespace cairn::server
