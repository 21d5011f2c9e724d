// A GET that is sent a second time when its head is late: the first head that arrives is used, the
// other request is given up. Used on the client's reactor.
#pragma once

#include <array>
#include <string>

#include "base/bytes.h"
#include "io/stop.h"
#include "storage/hedge_policy.h"
#include "storage/metrics.h"
#include "transfer/s3_client.h"

namespace cairn::storage {

struct RangeGet {
  std::string bucket;
  std::string key;
  ByteRange range;
  std::string etag;  // Empty = any.
  Instant deadline;
};

// By which the requests are stopped. A body that is being received listens to them as well.
using HedgeStops = std::array<io::StopSource, 2>;

// All of the references outlive the call, and `stops` the body that it returns.
io::Task<transfer::S3Result<transfer::ObjectBody>> get_hedged(transfer::S3Client& client,
                                                              RangeGet get, HedgePolicy& policy,
                                                              HedgeStops& stops,
                                                              StoreCounters& counters);

}  // namespace cairn::storage
