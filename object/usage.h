// How much buckets, tenants and users hold, and may hold: logical bytes (of every version and of
// the parts of pending uploads) and versions, delete markers among them. A user holds what is in
// the buckets that it made, whoever wrote it: as user quotas of Ceph's RGW count.
//
// A commit reserves what it adds before it is tried, so that commits side by side cannot pass a
// limit together; what it frees is given back when it is done. Counters live in memory: they start
// with what was there when the store was opened, which a background scan finds out
// (usage_count.h). Until that is done, whoever has a limit may not grow.
// Thread rule: any thread; a mutex is held for two look-ups. Only commits come here.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/result.h"
#include "object/types.h"

namespace cairn::object {

struct Usage {
  int64_t size_bytes = 0;
  int64_t versions_count = 0;
  friend bool operator==(const Usage&, const Usage&) = default;
};

// 0 = no limit.
struct UsageLimits {
  uint64_t size_bytes = 0;
  uint64_t versions_count = 0;
  bool any() const { return size_bytes != 0 || versions_count != 0; }
};

// What one commit changes; negative = it frees.
struct UsageChange {
  uint64_t bucket_id = 0;
  TenantId tenant;  // Owner of the bucket.
  Usage by;
  std::shared_ptr<const std::string> user = {};  // Who made the bucket; null = nobody counts.
};
UsageChange usage_change(const BucketInfo& bucket, Usage by = {});

class UsageTable;

// What a commit adds. Given back when destroyed, unless keep() was called.
class [[nodiscard]] UsageReservation {
 public:
  UsageReservation(UsageReservation&& other) noexcept
      : table_(std::exchange(other.table_, nullptr)), change_(std::move(other.change_)) {}
  UsageReservation& operator=(UsageReservation&&) = delete;
  ~UsageReservation();
  // The commit is done: what it frees counts from now on.
  void keep();

 private:
  friend class UsageTable;
  UsageReservation(UsageTable* table, UsageChange change)
      : table_(table), change_(std::move(change)) {}
  UsageTable* table_;
  UsageChange change_;
};

class UsageTable {
 public:
  // kResourceExhausted: with kQuotaExceeded when a limit of the bucket, its tenant or its
  // maker would be passed, without while usage is not known. Changes that only free always pass.
  Result<UsageReservation> reserve(UsageChange change);
  // The same question, without reserving: for uploads whose body has not been read.
  Status check(const UsageChange& change) const;

  void limit_bucket(uint64_t bucket_id, UsageLimits limits);
  void limit_tenant(TenantId tenant, UsageLimits limits);
  void limit_user(const std::string& arn, UsageLimits limits);

  // False while no limit was ever set: then no check is worth its look-ups.
  bool has_limits() const { return has_limits_.load(std::memory_order_relaxed); }
  Usage of_bucket(uint64_t bucket_id) const;
  Usage of_tenant(TenantId tenant) const;
  Usage of_user(const std::string& arn) const;

  // The scan's: adds what a bucket held when the store was opened; then says that all were told.
  void add_counted(const UsageChange& bucket);
  void set_counted();
  bool is_counted() const;

 private:
  friend class UsageReservation;
  struct Entry {
    Usage usage;
    UsageLimits limits;
  };
  // Of the bucket, its tenant and its maker; null where there is none.
  using Entries = std::array<Entry*, 3>;
  Entries entries_of(const UsageChange& change);
  Status check_entry(const Entry& entry, const Usage& by) const;
  void apply(const UsageChange& change, int sign, bool growth);

  std::atomic<bool> has_limits_{false};
  mutable std::mutex mutex_;
  bool is_counted_ = false;
  std::unordered_map<uint64_t, Entry> buckets_;
  std::unordered_map<uint64_t, Entry> tenants_;
  std::unordered_map<std::string, Entry> users_;  // By ARN.
};

}  // namespace cairn::object
