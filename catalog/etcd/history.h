// The commits that etcd still remembers, read from etcd itself by a watch of the past.
// Thread rule: a thread that may block.
#pragma once

#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/etcd/client.h"
#include "catalog/etcd/layout.h"

namespace cairn::catalog::etcd {

// As Catalog::tail(). Everything committed before the call is told. kUnavailable at `deadline`.
Result<std::vector<Change>> read_history(Client& client, const Layout& layout, Revision after,
                                         size_t limit, Instant deadline);

}  // namespace cairn::catalog::etcd
