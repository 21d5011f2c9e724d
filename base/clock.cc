#include "base/clock.h"

#include <ctime>

namespace cairn {
namespace {

int64_t read_clock_ns(clockid_t id) {
  timespec at{};
  ::clock_gettime(id, &at);
  return static_cast<int64_t>(at.tv_sec) * 1000000000 + at.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  Instant now() const override { return {read_clock_ns(CLOCK_MONOTONIC)}; }
  WallTime wall_now() const override { return {read_clock_ns(CLOCK_REALTIME) / 1000000}; }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace cairn
