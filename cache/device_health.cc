#include "cache/device_health.h"

#include <limits>

#include "base/log.h"
#include "cache/disk_limits.h"

namespace cairn::cache {

bool DeviceHealth::usable(Instant now) {
  if (!bypassed()) return true;
  int64_t retry_at = retry_at_ns_.load(std::memory_order_relaxed);
  if (now.nanoseconds < retry_at) return false;
  // Whoever moves the time on is the one that tries.
  return retry_at_ns_.compare_exchange_strong(retry_at, (now + kBypassFor).nanoseconds,
                                              std::memory_order_relaxed);
}

void DeviceHealth::note_success() {
  if (errors_in_a_row_.load(std::memory_order_relaxed) == 0) return;
  errors_in_a_row_.store(0, std::memory_order_relaxed);
  if (bypassed_.exchange(false, std::memory_order_relaxed)) {
    log::info("cache-disk-back", {{"device", std::string_view(device_)}});
  }
}

void DeviceHealth::note_error(const Error& error, Instant now) {
  const unsigned in_a_row = errors_in_a_row_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (in_a_row < kErrorsUntilBypass) return;
  retry_at_ns_.store((now + kBypassFor).nanoseconds, std::memory_order_relaxed);
  if (!bypassed_.exchange(true, std::memory_order_relaxed)) alarm(error);
}

void DeviceHealth::give_up(const Error& error) {
  retry_at_ns_.store(std::numeric_limits<int64_t>::max(), std::memory_order_relaxed);
  bypassed_.store(true, std::memory_order_relaxed);
  alarm(error);
}

void DeviceHealth::alarm(const Error& error) {
  log::error("cache-disk-bypassed",
             {{"device", std::string_view(device_)},
              {"message", std::string_view(error.message)},
              {"effect", "reads go to the home until the device works again"}});
}

}  // namespace cairn::cache
