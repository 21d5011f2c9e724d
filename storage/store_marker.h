// The object FORMAT of a bucket's prefix: which store lives there, and whether in packs or in an
// object per chunk. A volume's FORMAT block (log_format.h) with the store's id, written once.
#pragma once

#include "storage/log_format.h"
#include "storage/upstream.h"

namespace cairn::storage {

enum class BucketLayout : uint8_t {
  kPacks,         // Of one server.
  kChunkObjects,  // Shared by the nodes of a cluster.
};

// Finds the store `store_id` upstream, or makes it there when `create` is set and the prefix is
// free. The errors of S3Store::open().
io::Task<Status> settle_marker(Upstream& upstream, const UpstreamPlace& place, RandomId store_id,
                               BucketLayout layout, bool create);
// The id of the store of chunk objects that is there, whichever it is; `store_id` is made where
// there is none and `create` is set.
io::Task<Result<RandomId>> adopt_marker(Upstream& upstream, const UpstreamPlace& place,
                                        RandomId store_id, bool create);

}  // namespace cairn::storage
