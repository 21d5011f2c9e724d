// Time as an interface, so that tests and the simulator can steer it.
#pragma once

#include <compare>
#include <cstdint>

namespace cairn {

// A length of time. Nanoseconds; may be negative.
struct Duration {
  int64_t nanoseconds = 0;
  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) {
    return {a.nanoseconds + b.nanoseconds};
  }
  friend constexpr Duration operator-(Duration a, Duration b) {
    return {a.nanoseconds - b.nanoseconds};
  }
};
constexpr Duration microseconds(int64_t count) {
  return {count * 1000};
}
constexpr Duration milliseconds(int64_t count) {
  return {count * 1000000};
}
constexpr Duration seconds(int64_t count) {
  return {count * 1000000000};
}

// A point of the monotonic clock: for deadlines and measuring, never stored.
struct Instant {
  int64_t nanoseconds = 0;
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant a, Duration d) {
    return {a.nanoseconds + d.nanoseconds};
  }
  friend constexpr Duration operator-(Instant a, Instant b) {
    return {a.nanoseconds - b.nanoseconds};
  }
};

// A point of civil time: milliseconds since 1970-01-01T00:00:00Z. May jump; never used for
// ordering.
struct WallTime {
  int64_t unix_ms = 0;
  friend constexpr auto operator<=>(WallTime, WallTime) = default;
};

// Thread rule: may be called on any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall_now() const = 0;
};

// The operating system's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME).
const Clock& system_clock();

}  // namespace cairn
