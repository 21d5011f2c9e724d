// How far a reader reads ahead of its client. A window that grows, like TCP's in slow start, while
// that makes the store deliver faster: up to the product of the home's bandwidth and latency, and
// no further. A client that is slower than the store needs none.
//
// A home may bound each connection and not all of them together: then it is as fast as there are
// requests under way, each up to 4 MiB long, and the product is not of the latency but of the time
// that such a request takes. A little larger window brings nothing there, because its pieces only
// go in fewer requests: so the first step is a long one.
//
// A round is the handing over of one window. What comes in large requests comes in bursts: few
// pieces of a burst are waited for, but these for long, so that it is the time that tells who is
// slower. Pure: times are passed in. Externally synchronised.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/clock.h"
#include "base/units.h"
#include "object/limits.h"

namespace cairn::object {

class ReadWindow {
 public:
  static constexpr uint64_t kMostBytes = 128 * MiB;  // 85 ms at 12.5 Gbit/s.

  // `max_bytes` is at least the least window.
  explicit ReadWindow(uint64_t max_bytes) : max_bytes_(std::max(max_bytes, kMinBytes)) {}

  uint64_t size_bytes() const { return size_bytes_; }
  void start(Instant now) {
    *this = ReadWindow(max_bytes_);
    round_began_ = now;
  }
  // Bytes were handed over, `waited` after they were asked for. Says how large the window should
  // become: the caller sets it, or not.
  uint64_t note(uint64_t bytes, Duration waited, Instant now) {
    round_bytes_ += bytes;
    waited_ns_ += waited.nanoseconds;
    if (round_bytes_ < size_bytes_) return size_bytes_;
    return end_round(now);
  }
  void set_size_bytes(uint64_t size_bytes) { size_bytes_ = size_bytes; }

 private:
  static constexpr uint64_t kMinBytes = kInFlightBytesMax;
  // The least window grows by this factor at once, larger ones double: measured in
  // bench/README.md, "Cold reads from a slow home".
  static constexpr uint64_t kFirstStep = 16;
  // What a step has to bring to be followed by another one.
  static constexpr double kGainMin = 1.125;
  // Rounds after which a window that brought nothing more is tried again.
  static constexpr unsigned kRoundsUntilRetry = 4;

  uint64_t end_round(Instant now) {
    const int64_t round_ns = std::max<int64_t>((now - round_began_).nanoseconds, 1);
    const double rate = static_cast<double>(round_bytes_) / static_cast<double>(round_ns);
    const bool store_is_slower = waited_ns_ * 4 >= round_ns;
    const bool client_is_slower = waited_ns_ * 16 < round_ns;
    round_began_ = now;
    round_bytes_ = 0;
    waited_ns_ = 0;
    const bool grew = std::exchange(grew_, false);
    if (client_is_slower) return std::max(size_bytes_ / 2, kMinBytes);
    if (!store_is_slower) return size_bytes_;
    if (grew && rate < rate_before_ * kGainMin) {
      rounds_to_hold_ = kRoundsUntilRetry;
      return size_before_bytes_;
    }
    if (rounds_to_hold_ > 0) {
      --rounds_to_hold_;
      return size_bytes_;
    }
    if (size_bytes_ >= max_bytes_) return size_bytes_;
    grew_ = true;
    rate_before_ = rate;
    size_before_bytes_ = size_bytes_;
    return std::min(size_bytes_ * (size_bytes_ == kMinBytes ? kFirstStep : 2), max_bytes_);
  }

  uint64_t max_bytes_;
  uint64_t size_bytes_ = kMinBytes;
  Instant round_began_;
  uint64_t round_bytes_ = 0;
  int64_t waited_ns_ = 0;  // Of the round.
  // Before the window grew last: bytes a nanosecond of that round, and its size.
  double rate_before_ = 0;
  uint64_t size_before_bytes_ = kMinBytes;
  bool grew_ = false;  // In the round before.
  unsigned rounds_to_hold_ = 0;
};

}  // namespace cairn::object
