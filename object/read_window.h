// How far a reader reads ahead of its client. A window that doubles, like TCP's slow start, while
// that makes the store deliver faster: up to the product of the home's bandwidth and latency, and
// no further. A client that is slower than the store needs none.
//
// A round is the handing over of one window. Pure: times are passed in. Externally synchronised.
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
  // `max_bytes` is at least the least window.
  explicit ReadWindow(uint64_t max_bytes) : max_bytes_(std::max(max_bytes, kMinBytes)) {}

  uint64_t size_bytes() const { return size_bytes_; }
  void start(Instant now) {
    *this = ReadWindow(max_bytes_);
    round_began_ = now;
  }
  // Bytes were handed over; `waited`: they were not there when they were asked for. Says how large
  // the window should become: the caller sets it, or not.
  uint64_t note(uint64_t bytes, bool waited, Instant now) {
    round_bytes_ += bytes;
    if (waited) waited_bytes_ += bytes;
    if (round_bytes_ < size_bytes_) return size_bytes_;
    return end_round(now);
  }
  void set_size_bytes(uint64_t size_bytes) { size_bytes_ = size_bytes; }

 private:
  static constexpr uint64_t kMinBytes = kInFlightBytesMax;
  // What a doubling has to bring to be followed by another one.
  static constexpr double kGainMin = 1.125;
  // Rounds after which a window that brought nothing more is tried twice as large again.
  static constexpr unsigned kRoundsUntilRetry = 16;

  uint64_t end_round(Instant now) {
    const double ns = static_cast<double>(std::max<int64_t>((now - round_began_).nanoseconds, 1));
    const double rate = static_cast<double>(round_bytes_) / ns;
    const bool store_is_slower = waited_bytes_ * 2 >= round_bytes_;
    const bool client_is_slower = waited_bytes_ * 8 < round_bytes_;
    round_began_ = now;
    round_bytes_ = waited_bytes_ = 0;
    const bool grew = std::exchange(grew_, false);
    if (client_is_slower) return std::max(size_bytes_ / 2, kMinBytes);
    if (!store_is_slower || ++rounds_held_ <= rounds_to_hold_) return size_bytes_;
    rounds_held_ = rounds_to_hold_ = 0;
    if (grew && rate < rate_before_ * kGainMin) {
      // The last doubling was for nothing.
      rounds_to_hold_ = kRoundsUntilRetry;
      return std::max(size_bytes_ / 2, kMinBytes);
    }
    if (size_bytes_ >= max_bytes_) return size_bytes_;
    grew_ = true;
    rate_before_ = rate;
    return std::min(size_bytes_ * 2, max_bytes_);
  }

  uint64_t max_bytes_;
  uint64_t size_bytes_ = kMinBytes;
  Instant round_began_;
  uint64_t round_bytes_ = 0;
  uint64_t waited_bytes_ = 0;
  double rate_before_ = 0;  // Of the round before the window grew last; bytes a nanosecond.
  bool grew_ = false;       // In the round before.
  unsigned rounds_held_ = 0;
  unsigned rounds_to_hold_ = 0;
};

}  // namespace cairn::object
