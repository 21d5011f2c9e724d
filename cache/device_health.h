// Whether a tier's device may be used. After kErrorsUntilBypass errors in a row it is left alone:
// everything is a miss then, until one operation every kBypassFor finds it well again. One line is
// logged when it goes and one when it comes back, however many operations fail.
//
// Thread rule: any thread.
#pragma once

#include <atomic>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace cairn::cache {

class DeviceHealth {
 public:
  explicit DeviceHealth(std::string device) : device_(std::move(device)) {}
  DeviceHealth(const DeviceHealth&) = delete;
  DeviceHealth& operator=(const DeviceHealth&) = delete;

  // False: do without it. True for one caller now and then while it is bypassed.
  bool usable(Instant now);
  void note_success();
  void note_error(const Error& error, Instant now);
  // It cannot be used at all (it did not open).
  void give_up(const Error& error);

  bool bypassed() const { return bypassed_.load(std::memory_order_relaxed); }

 private:
  void alarm(const Error& error);

  const std::string device_;
  std::atomic<unsigned> errors_in_a_row_{0};
  std::atomic<bool> bypassed_{false};
  std::atomic<int64_t> retry_at_ns_{0};  // While bypassed.
};

}  // namespace cairn::cache
