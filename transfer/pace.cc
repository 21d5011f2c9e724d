#include "transfer/pace.h"

#include <algorithm>

namespace cairn::transfer {
namespace {

constexpr Duration kWindow = milliseconds(500);
constexpr Duration kHold = seconds(3);
// More than noise.
constexpr double kBetter = 1.05;
constexpr unsigned kQuietWindows = 16;

size_t step_above(size_t limit) {
  return limit + std::max<size_t>(limit / 4, 1);
}

}  // namespace

Pace::Pace(PaceLimits limits, Instant now)
    : limits_(limits),
      limit_(std::clamp(limits.in_flight_start, limits.in_flight_min, limits.in_flight_max)),
      window_start_(now),
      hold_until_(now),
      base_limit_(limit_) {}

void Pace::on_tick(Instant now) {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || now < window_start_ + kWindow) return;
  const auto elapsed_ns = static_cast<double>((now - window_start_).nanoseconds);
  window_start_ = now;
  const auto bytes = static_cast<double>(bytes_.exchange(0, std::memory_order_relaxed));
  const bool was_refused = refusals_.exchange(0, std::memory_order_relaxed) > 0;
  decide(bytes * 1e9 / elapsed_ns, was_refused, now);
}

void Pace::decide(double bytes_per_second, bool was_refused, Instant now) {
  size_t next = limit_.load(std::memory_order_relaxed);
  if (was_refused) {
    next = std::max(limits_.in_flight_min, next / 2);
    base_limit_ = next;
    base_rate_ = 0;
    is_trying_ = false;
    hold_until_ = now + kHold;
  } else if (now < hold_until_ || bytes_per_second <= 0) {
    return;
  } else if (is_trying_) {
    is_trying_ = bytes_per_second > base_rate_ * kBetter;
    quiet_windows_ = 0;
    if (is_trying_) {
      base_limit_ = next;
      base_rate_ = bytes_per_second;
      next = step_above(next);
    } else {
      next = base_limit_;
    }
  } else {
    is_trying_ = base_rate_ == 0 || ++quiet_windows_ >= kQuietWindows;
    base_rate_ = base_rate_ == 0 ? bytes_per_second : (base_rate_ * 3 + bytes_per_second) / 4;
    if (is_trying_) next = step_above(next);
  }
  limit_.store(std::clamp(next, limits_.in_flight_min, limits_.in_flight_max),
               std::memory_order_relaxed);
}

}  // namespace cairn::transfer
