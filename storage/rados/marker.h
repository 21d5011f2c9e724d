// The object FORMAT of a store in a Ceph pool: which store lives there. A volume's FORMAT block
// (log_format.h) with the store's id, written once.
#pragma once

#include "storage/rados/pool.h"

namespace cairn::storage {

struct RadosMarker {
  RandomId store_id{};
  bool is_new = false;  // It was made by this call.
};
// Finds the store `store_id` in the pool, or makes it there when `create` is set and the namespace
// is free. With `adopt` any store will do that is there. The errors of RadosStore::open().
io::Task<Result<RadosMarker>> settle_rados_marker(RadosPool& pool, RandomId store_id, bool create,
                                                  bool adopt);

}  // namespace cairn::storage
