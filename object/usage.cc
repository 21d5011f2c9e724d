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

void UsageTable::apply(const UsageChange& change, int sign, bool growth) {
  const std::lock_guard lock(mutex_);
  for (Entry* entry : {&buckets_[change.bucket_id], &tenants_[change.tenant.value]}) {
    entry->usage.size_bytes += sign * part(change.by.size_bytes, growth);
    entry->usage.versions_count += sign * part(change.by.versions_count, growth);
  }
}

Result<UsageReservation> UsageTable::reserve(UsageChange change) {
  if (change.by == Usage()) return UsageReservation(nullptr, change);
  {
    const std::lock_guard lock(mutex_);
    Entry& bucket = buckets_[change.bucket_id];
    Entry& tenant = tenants_[change.tenant.value];
    for (const Entry* entry : {&bucket, &tenant}) {
      const Status fits = check_entry(*entry, change.by);
      if (!fits) return std::unexpected(fits.error());
    }
    for (Entry* entry : {&bucket, &tenant}) {
      entry->usage.size_bytes += part(change.by.size_bytes, true);
      entry->usage.versions_count += part(change.by.versions_count, true);
    }
  }
  return UsageReservation(this, change);
}

Status UsageTable::check(const UsageChange& change) const {
  const std::lock_guard lock(mutex_);
  const auto bucket = buckets_.find(change.bucket_id);
  if (bucket != buckets_.end()) {
    const Status fits = check_entry(bucket->second, change.by);
    if (!fits) return fits;
  }
  const auto tenant = tenants_.find(change.tenant.value);
  return tenant == tenants_.end() ? Status() : check_entry(tenant->second, change.by);
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

void UsageTable::add_counted(uint64_t bucket_id, TenantId tenant, Usage usage) {
  const std::lock_guard lock(mutex_);
  for (Entry* entry : {&buckets_[bucket_id], &tenants_[tenant.value]}) {
    entry->usage.size_bytes += usage.size_bytes;
    entry->usage.versions_count += usage.versions_count;
  }
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
