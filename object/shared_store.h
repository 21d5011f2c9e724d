// Objects on a catalog that other processes change too: what is different there.
#pragma once

#include "base/clock.h"
#include "object/objects.h"

namespace cairn::object {

struct SharedOptions {
  // So long after it was found garbage is dropped, since readers of other processes are not known
  // (Ceph's radosgw waits two hours). Without effect where the catalog is not shared.
  Duration garbage_grace = seconds(3600);
};
// As open_objects(). kUnavailable kTenantKeyRace when another process made the store at the same
// moment: to be tried again with a new key ring.
io::Task<Result<std::unique_ptr<Objects>>> open_objects(ObjectsOptions options,
                                                        SharedOptions shared);

}  // namespace cairn::object
