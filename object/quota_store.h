// Quotas as rows of the catalog: what a bucket, a tenant, a user or an access key may use.
//
// Size quotas go to UsageTable, which decides at commits; rates are for the doors, who are told of
// changes by a listener. Thread rule: get() on any thread; the rest on one reactor.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "crypto/key_ring.h"
#include "io/task.h"
#include "object/types.h"
#include "object/usage.h"

namespace cairn::object {

inline constexpr size_t kQuotasMax = 100'000;

// The letter stands in the row's key.
enum class QuotaScope : char { kBucket = 'b', kTenant = 't', kUser = 'u', kKey = 'k' };

// 0 = no limit.
struct Quota {
  uint64_t size_bytes = 0;
  uint64_t versions_count = 0;
  uint64_t requests_per_second = 0;
  uint64_t bytes_in_per_second = 0;
  uint64_t bytes_out_per_second = 0;
  bool any() const {
    return size_bytes != 0 || versions_count != 0 || requests_per_second != 0 ||
           bytes_in_per_second != 0 || bytes_out_per_second != 0;
  }
  friend bool operator==(const Quota&, const Quota&) = default;
};

// `id`: the bucket's id or the tenant as 8 bytes big-endian, the ARN of a user or a role (all its
// keys and sessions together), or the access key.
struct QuotaOwner {
  QuotaScope scope = QuotaScope::kBucket;
  std::string id;
  static QuotaOwner bucket(uint64_t bucket_id);
  static QuotaOwner tenant(TenantId tenant);
  static QuotaOwner user(std::string_view arn);
  static QuotaOwner access_key(std::string_view access_key);
  friend auto operator<=>(const QuotaOwner&, const QuotaOwner&) = default;
};

// Prefix of the rows.
std::string quota_rows();

class QuotaStore {
 public:
  using Listener = std::function<void(const QuotaOwner& owner, const Quota& quota)>;

  // All outlive it. `listener` is told every quota that load() finds and set() changes.
  QuotaStore(catalog::Catalog& catalog, const crypto::KeyRing& keys, UsageTable& usage,
             Listener listener);

  // Makes the quotas those of the catalog: at the start, and when another process changed some. One
  // call at a time. kCorruption when a row was altered: limits are not forgotten silently.
  io::Task<Status> load();
  // A quota without limits removes the row. kResourceExhausted beyond kQuotasMax.
  io::Task<Status> set(QuotaOwner owner, Quota quota);
  Quota get(const QuotaOwner& owner) const;
  std::vector<std::pair<QuotaOwner, Quota>> all() const;

 private:
  void adopt(const QuotaOwner& owner, const Quota& quota);

  catalog::Catalog& catalog_;
  const crypto::KeyRing& keys_;
  UsageTable& usage_;
  const Listener listener_;
  mutable std::mutex mutex_;
  std::map<QuotaOwner, Quota> quotas_;
};

}  // namespace cairn::object
