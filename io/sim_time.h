// Virtual time: a clock that only the simulation moves, and a reactor whose loop jumps to the next
// timer instead of waiting. With SimFileSystem, SimNetwork and a SeededRandom a whole server runs
// on one thread, faster than real time, the same for every run of a seed.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "io/reactor.h"

namespace cairn::io {

// Starts at a fixed instant and date (2026-01-01T00:00:00Z), so that runs repeat.
class SimClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall_now() const override { return {wall_offset_ms_ + now_.nanoseconds / 1000000}; }

  void advance(Duration by) { now_ = now_ + by; }
  // A jump of civil time, as after an operator's or NTP's correction; monotonic time is untouched.
  void jump_wall(int64_t by_ms) { wall_offset_ms_ += by_ms; }

 private:
  Instant now_{1};
  int64_t wall_offset_ms_ = 1767225600000;
};

// A reactor on `clock` (which outlives it). Real descriptors do not work on it: files and sockets
// must be simulated ones. When nothing is ready and no timer is set, nothing can ever happen again:
// that is a deadlock of the simulated program, and the process stops with a message.
Result<std::unique_ptr<Reactor>> create_simulated_reactor(SimClock& clock,
                                                          uint64_t pool_bytes = 256ULL << 20);

}  // namespace cairn::io
