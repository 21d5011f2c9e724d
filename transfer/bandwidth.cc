#include "transfer/bandwidth.h"

#include <algorithm>

#include "io/reactor.h"

namespace cairn::transfer {

io::Task<void> Bandwidth::take(uint64_t size_bytes, io::StopToken stop) {
  if (bytes_per_second_ == 0) co_return;
  const Instant now = io::Reactor::current().now();
  const Instant begin = std::max(free_at_, now + Duration{-kBandwidthBurst.nanoseconds});
  // At most 2^33 bytes in a booking and 1 byte a second: no overflow in doubles, none in int64.
  const double seconds_taken =
      static_cast<double>(size_bytes) / static_cast<double>(bytes_per_second_);
  free_at_ = begin + Duration{static_cast<int64_t>(std::min(seconds_taken, 1e9) * 1e9)};
  if (free_at_ > now) static_cast<void>(co_await io::sleep_for(free_at_ - now, stop));
}

}  // namespace cairn::transfer
