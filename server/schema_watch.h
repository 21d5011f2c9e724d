// A node goes on running while another one, of a newer Cairn, raises the schema of the metadata
// that they share. It must not write any more then: what it knows of rows is outdated. Thread rule:
// main reactor.
#pragma once

#include <functional>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "io/stop.h"
#include "io/task.h"

namespace cairn::server {

inline constexpr Duration kSchemaWatchEvery = seconds(1);  // A read of the mirror.

// Calls `on_other` once, with what to do, when the catalog's schema is not this program's.
// `catalog` outlives it.
io::Task<void> watch_schema(catalog::Catalog& catalog, std::function<void(Error)> on_other,
                            io::StopToken stop);

}  // namespace cairn::server
