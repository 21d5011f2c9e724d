// The object FORMAT of a store in a Ceph pool: which store lives there, and whether it is divided
// into a namespace for each tenant. A volume's FORMAT block (log_format.h) with the store's id,
// written once; version 2 of a divided store, so that a server that would not find its chunks
// refuses it.
#pragma once

#include "storage/rados/pool.h"

namespace cairn::storage {

struct RadosMarker {
  RandomId store_id{};
  bool is_new = false;  // It was made by this call.
  bool is_divided = false;
};
// Finds the store `store_id` in the pool, or makes it there, divided or not, when `create` is set
// and the namespace is free. With `adopt` any store will do that is there. The errors of
// RadosStore::open().
io::Task<Result<RadosMarker>> settle_rados_marker(RadosPool& pool, RandomId store_id, bool create,
                                                  bool adopt, bool divide);

}  // namespace cairn::storage
