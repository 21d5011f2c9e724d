// The object FORMAT of a store in a Ceph pool: which store lives there. A volume's FORMAT block
// (log_format.h) with the store's id, written once.
#pragma once

#include "storage/rados/pool.h"

namespace cairn::storage {

// Finds the store `store_id` in the pool, or makes it there when `create` is set and the namespace
// is free. Whether it was made; the errors of RadosStore::open().
io::Task<Result<bool>> settle_rados_marker(RadosPool& pool, RandomId store_id, bool create);

}  // namespace cairn::storage
