#include "object/usage.h"

#include <algorithm>
#include <string>

#include "object/objects.h"

namespace cairn::object {
namespace {

bool passes(int64_t used, int64_t by, uint64_t limit) {
  return limit != 0 && by > 0 && used + by > static_cast<int64_t>(limit);
}

// The part of a change that grows, or the one that frees.
int64_t part(int64_t by, bool growth) {
  return growth ? std::max<int64_t>(by, 0) : std::min<int64_t>(by, 0);
}

}  // namespace

UsageChange usage_change(const BucketInfo& bucket, Usage by) {
  UsageChange out{bucket.id, bucket.tenant, by};
  // The ARN lives as long as the configuration that holds it.
  const std::string& creator = bucket.config->creator;
  if (!creator.empty()) out.user = std::shared_ptr<const std::string>(bucket.config, &creator);
  return out;
}

UsageReservation::~UsageReservation() {
  if (table_ != nullptr) table_->apply(change_, -1, true);
}

void UsageReservation::keep() {
  if (table_ != nullptr) std::exchange(table_, nullptr)->apply(change_, 1, false);
}

Status UsageTable::check_entry(const Entry& entry, const Usage& by) const {
  if (!entry.limits.any() || (by.size_bytes <= 0 && by.versions_count <= 0)) return {};
  if (!is_counted_) {
    return fail(Code::kResourceExhausted, "what a quota limits is still being counted");
  }
  if (passes(entry.usage.size_bytes, by.size_bytes, entry.limits.size_bytes)) {
    return fail(Code::kResourceExhausted, std::string(reason::kQuotaExceeded) + ": bytes");
  }
  if (passes(entry.usage.versions_count, by.versions_count, entry.limits.versions_count)) {
    return fail(Code::kResourceExhausted, std::string(reason::kQuotaExceeded) + ": objects");
  }
  return {};
}

UsageTable::Entries UsageTable::entries_of(const UsageChange& change) {
  Entry* const user = change.user ? &users_[*change.user] : nullptr;
  return {&buckets_[change.bucket_id], &tenants_[change.tenant.value], user};
}

void UsageTable::apply(const UsageChange& change, int sign, bool growth) {
  const std::lock_guard lock(mutex_);
  for (Entry* entry : entries_of(change)) {
    if (entry == nullptr) continue;
    entry->usage.size_bytes += sign * part(change.by.size_bytes, growth);
    entry->usage.versions_count += sign * part(change.by.versions_count, growth);
  }
}

Result<UsageReservation> UsageTable::reserve(UsageChange change) {
  if (change.by == Usage()) return UsageReservation(nullptr, std::move(change));
  {
    const std::lock_guard lock(mutex_);
    const Entries entries = entries_of(change);
    for (const Entry* entry : entries) {
      const Status fits = entry == nullptr ? Status() : check_entry(*entry, change.by);
      if (!fits) return std::unexpected(fits.error());
    }
    for (Entry* entry : entries) {
      if (entry == nullptr) continue;
      entry->usage.size_bytes += part(change.by.size_bytes, true);
      entry->usage.versions_count += part(change.by.versions_count, true);
    }
  }
  return UsageReservation(this, std::move(change));
}

Status UsageTable::check(const UsageChange& change) const {
  const std::lock_guard lock(mutex_);
  const auto check_in = [&](const auto& entries, const auto& key) {
    const auto found = entries.find(key);
    return found == entries.end() ? Status() : check_entry(found->second, change.by);
  };
  Status fits = check_in(buckets_, change.bucket_id);
  if (fits) fits = check_in(tenants_, change.tenant.value);
  if (fits && change.user) fits = check_in(users_, *change.user);
  return fits;
}

void UsageTable::limit_bucket(uint64_t bucket_id, UsageLimits limits) {
  const std::lock_guard lock(mutex_);
  buckets_[bucket_id].limits = limits;
  if (limits.any()) has_limits_ = true;
}

void UsageTable::limit_tenant(TenantId tenant, UsageLimits limits) {
  const std::lock_guard lock(mutex_);
  tenants_[tenant.value].limits = limits;
  if (limits.any()) has_limits_ = true;
}

void UsageTable::limit_user(const std::string& arn, UsageLimits limits) {
  const std::lock_guard lock(mutex_);
  users_[arn].limits = limits;
  if (limits.any()) has_limits_ = true;
}

Usage UsageTable::of_bucket(uint64_t bucket_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = buckets_.find(bucket_id);
  return found == buckets_.end() ? Usage() : found->second.usage;
}

Usage UsageTable::of_tenant(TenantId tenant) const {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  return found == tenants_.end() ? Usage() : found->second.usage;
}

Usage UsageTable::of_user(const std::string& arn) const {
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(arn);
  return found == users_.end() ? Usage() : found->second.usage;
}

void UsageTable::add_counted(const UsageChange& bucket) {
  apply(bucket, 1, true);
}

void UsageTable::set_counted() {
  const std::lock_guard lock(mutex_);
  is_counted_ = true;
}

bool UsageTable::is_counted() const {
  const std::lock_guard lock(mutex_);
  return is_counted_;
}

}  // namespace cairn::object
