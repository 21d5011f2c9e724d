// The object FORMAT of a bucket's prefix: which store lives there. A volume's FORMAT block
// (log_format.h) with the store's id, written once.
#pragma once

#include "storage/upstream.h"

namespace cairn::storage {

// Finds the store `store_id` upstream, or makes it there when `create` is set and the prefix is
// free. The errors of S3Store::open().
io::Task<Status> settle_marker(Upstream& upstream, const UpstreamPlace& place, RandomId store_id,
                               bool create);

}  // namespace cairn::storage
