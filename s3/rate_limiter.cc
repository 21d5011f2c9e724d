#include "s3/rate_limiter.h"

#include <algorithm>
#include <array>
#include <vector>

namespace cairn::s3 {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
// A debt is never longer than this: a body of 50 TiB must not lock a slow user out for ever.
constexpr int64_t kDebtMaxNs = 3600 * kSecondNs;

}  // namespace

int64_t RateMeter::cost_ns(uint64_t units) const {
  const auto cost = static_cast<unsigned __int128>(units) * kSecondNs / per_second_;
  return static_cast<int64_t>(std::min<unsigned __int128>(cost, kDebtMaxNs));
}

std::optional<Duration> RateMeter::take(uint64_t units, Instant now) {
  // One unit may always be waiting, else rates below 1 / kBurst would let nothing in.
  const int64_t ahead_max = std::max(kBurst.nanoseconds, cost_ns(1) - 1);
  int64_t until = used_until_ns_.load(std::memory_order_relaxed);
  int64_t next;
  do {
    const int64_t begin = std::max(until, now.nanoseconds);
    const int64_t ahead = begin - now.nanoseconds;
    const int64_t room = units == 1 ? ahead + cost_ns(1) - ahead_max : ahead - ahead_max;
    if (room > 0 && ahead > 0) return Duration{room};
    next = std::min(begin + cost_ns(units), now.nanoseconds + kDebtMaxNs);
  } while (!used_until_ns_.compare_exchange_weak(until, next, std::memory_order_relaxed));
  return std::nullopt;
}

void RateMeter::charge(uint64_t units, Instant now) {
  if (units == 0) return;
  int64_t until = used_until_ns_.load(std::memory_order_relaxed);
  int64_t next;
  do {
    next =
        std::min(std::max(until, now.nanoseconds) + cost_ns(units), now.nanoseconds + kDebtMaxNs);
  } while (!used_until_ns_.compare_exchange_weak(until, next, std::memory_order_relaxed));
}

void RateMeter::give_back(uint64_t units) {
  used_until_ns_.fetch_sub(cost_ns(units), std::memory_order_relaxed);
}

std::string rate_key(char scope, std::string_view id) {
  std::string key(1, scope);
  return key.append("/").append(id);
}

RateLimiter::Meters::Meters(RateLimits limits) {
  if (limits.requests != 0) requests.emplace(limits.requests);
  if (limits.bytes_in != 0) bytes_in.emplace(limits.bytes_in);
  if (limits.bytes_out != 0) bytes_out.emplace(limits.bytes_out);
}

void RateLimiter::set(const std::string& owner, RateLimits limits) {
  const std::lock_guard lock(mutex_);
  auto changed = std::make_shared<Table>(*table_);
  changed->erase(owner);
  if (limits.any()) changed->emplace(owner, std::make_shared<Meters>(limits));
  active_.store(!changed->empty(), std::memory_order_release);
  table_ = std::move(changed);
}

std::shared_ptr<const RateLimiter::Table> RateLimiter::table() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

std::optional<Duration> RateLimiter::admit(const Owners& owners, uint64_t bytes_in, Instant now) {
  if (!is_active()) return std::nullopt;
  const std::shared_ptr<const Table> limits = table();
  // What was taken so far, given back when a later limit refuses.
  std::vector<std::pair<RateMeter*, uint64_t>> taken;
  const auto take = [&](std::optional<RateMeter>& meter,
                        uint64_t units) -> std::optional<Duration> {
    if (!meter) return std::nullopt;
    const std::optional<Duration> wait = meter->take(units, now);
    if (!wait) taken.emplace_back(&*meter, units);
    return wait;
  };
  for (const std::string* owner :
       {&owners.access_key, &owners.user, &owners.tenant, &owners.bucket}) {
    const auto found = limits->find(*owner);
    if (found == limits->end()) continue;
    std::optional<Duration> wait = take(found->second->requests, 1);
    if (!wait) wait = take(found->second->bytes_in, bytes_in);
    if (!wait) wait = take(found->second->bytes_out, 0);  // Only waits for earlier debts.
    if (!wait) continue;
    for (const auto& [meter, units] : taken) meter->give_back(units);
    return wait;
  }
  return std::nullopt;
}

void RateLimiter::charge(const Owners& owners, uint64_t bytes_in, uint64_t bytes_out, Instant now) {
  if (!is_active()) return;
  const std::shared_ptr<const Table> limits = table();
  for (const std::string* owner :
       {&owners.access_key, &owners.user, &owners.tenant, &owners.bucket}) {
    const auto found = limits->find(*owner);
    if (found == limits->end()) continue;
    if (found->second->bytes_in) found->second->bytes_in->charge(bytes_in, now);
    if (found->second->bytes_out) found->second->bytes_out->charge(bytes_out, now);
  }
}

}  // namespace cairn::s3
