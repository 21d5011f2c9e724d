// Requests and bytes per second of access keys, users, tenants and buckets, exact over all cores.
//
// Each limit is one number, the time at which it will be used up (the generic cell rate algorithm:
// ITU-T I.371, "virtual scheduling"). A request is let in while that time is not further ahead than
// kBurst; then its cost is added. Costs that are known only afterwards (bytes sent, bodies of
// unknown length) are added afterwards, and later requests wait for them. So the average over any
// time is the limit, and at most kBurst's worth beyond it at once.
// Thread rule: any thread. Without limits a request costs one load; with them one shared pointer
// and a few compare-and-swaps, no mutex is held meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace cairn::s3 {

// Units per second; 0 = no limit.
struct RateLimits {
  uint64_t requests = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  bool any() const { return requests != 0 || bytes_in != 0 || bytes_out != 0; }
};

// One rate.
class RateMeter {
 public:
  static constexpr Duration kBurst = milliseconds(100);

  explicit RateMeter(uint64_t per_second) : per_second_(per_second) {}
  // Takes `units` and answers nullopt; or takes nothing and tells when to come again.
  std::optional<Duration> take(uint64_t units, Instant now);
  // Takes them in any case.
  void charge(uint64_t units, Instant now);
  void give_back(uint64_t units);

 private:
  int64_t cost_ns(uint64_t units) const;
  const uint64_t per_second_;
  std::atomic<int64_t> used_until_ns_{0};
};

// Names whose limits apply to one request: "k/<access key>", "u/<ARN>", "t/<tenant>", "b/<bucket
// id>".
std::string rate_key(char scope, std::string_view id);

class RateLimiter {
 public:
  // `owner` as rate_key() makes it.
  void set(const std::string& owner, RateLimits limits);
  bool is_active() const { return active_.load(std::memory_order_acquire); }

  // What a request may be counted against; the strings are rate keys, empty = none.
  struct Owners {
    std::string access_key;
    std::string user;
    std::string tenant;
    std::string bucket;
  };
  // Lets a request with a body of `bytes_in` in, or tells when to come again; then nothing was
  // taken.
  std::optional<Duration> admit(const Owners& owners, uint64_t bytes_in, Instant now);
  // What became known after admit().
  void charge(const Owners& owners, uint64_t bytes_in, uint64_t bytes_out, Instant now);

 private:
  struct Meters {
    explicit Meters(RateLimits limits);
    std::optional<RateMeter> requests;
    std::optional<RateMeter> bytes_in;
    std::optional<RateMeter> bytes_out;
  };
  using Table = std::unordered_map<std::string, std::shared_ptr<Meters>>;
  std::shared_ptr<const Table> table() const;

  std::atomic<bool> active_{false};
  mutable std::mutex mutex_;  // Guards the pointer, for a copy of it.
  std::shared_ptr<const Table> table_ = std::make_shared<const Table>();
};

}  // namespace cairn::s3
