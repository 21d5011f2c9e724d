#include "object/quota_store.h"

#include "base/bytes.h"
#include "object/signed_row.h"
#include "proto/background.pb.h"

namespace cairn::object {
namespace {

constexpr std::string_view kPrefix = "z/";
constexpr size_t kQuotaBytesMax = 1024;

std::string number_id(uint64_t number) {
  uint8_t bytes[8];
  store_be(bytes, number);
  return std::string(as_text(bytes));
}

// z/<scope>/<id>
std::string row_of(const QuotaOwner& owner) {
  std::string row(kPrefix);
  row.push_back(static_cast<char>(owner.scope));
  row.append("/").append(owner.id);
  return row;
}

std::optional<QuotaOwner> parse_row(std::string_view row) {
  if (row.size() < kPrefix.size() + 3 || !row.starts_with(kPrefix) || row[3] != '/') {
    return std::nullopt;
  }
  const char scope = row[2];
  const std::string_view id = row.substr(4);
  if (std::string_view("btuk").find(scope) == std::string_view::npos) return std::nullopt;
  const bool is_numbered = scope == 'b' || scope == 't';
  if (is_numbered && id.size() != 8) return std::nullopt;
  return QuotaOwner{static_cast<QuotaScope>(scope), std::string(id)};
}

std::string encode(const Quota& quota) {
  proto::Quota record;
  record.set_size_bytes(quota.size_bytes);
  record.set_objects(quota.versions_count);
  record.set_requests_per_second(quota.requests_per_second);
  record.set_bytes_in_per_second(quota.bytes_in_per_second);
  record.set_bytes_out_per_second(quota.bytes_out_per_second);
  return record.SerializeAsString();
}

std::optional<Quota> decode(BytesView bytes) {
  proto::Quota record;
  if (bytes.size() > kQuotaBytesMax ||
      !record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return std::nullopt;
  }
  return Quota{record.size_bytes(), record.objects(), record.requests_per_second(),
               record.bytes_in_per_second(), record.bytes_out_per_second()};
}

}  // namespace

std::string quota_rows() {
  return std::string(kPrefix);
}

QuotaOwner QuotaOwner::bucket(uint64_t bucket_id) {
  return {QuotaScope::kBucket, number_id(bucket_id)};
}
QuotaOwner QuotaOwner::tenant(TenantId tenant) {
  return {QuotaScope::kTenant, number_id(tenant.value)};
}
QuotaOwner QuotaOwner::user(std::string_view arn) {
  return {QuotaScope::kUser, std::string(arn)};
}
QuotaOwner QuotaOwner::access_key(std::string_view access_key) {
  return {QuotaScope::kKey, std::string(access_key)};
}

QuotaStore::QuotaStore(catalog::Catalog& catalog, const crypto::KeyRing& keys, UsageTable& usage,
                       Listener listener)
    : catalog_(catalog), keys_(keys), usage_(usage), listener_(std::move(listener)) {}

void QuotaStore::adopt(const QuotaOwner& owner, const Quota& quota) {
  {
    const std::lock_guard lock(mutex_);
    if (quota.any()) {
      quotas_[owner] = quota;
    } else {
      quotas_.erase(owner);
    }
  }
  const UsageLimits limits{quota.size_bytes, quota.versions_count};
  if (owner.scope == QuotaScope::kBucket) {
    usage_.limit_bucket(load_be<uint64_t>(as_bytes(owner.id).data()), limits);
  } else if (owner.scope == QuotaScope::kTenant) {
    usage_.limit_tenant(TenantId{load_be<uint64_t>(as_bytes(owner.id).data())}, limits);
  } else if (owner.scope == QuotaScope::kUser) {
    usage_.limit_user(owner.id, limits);
  }
  if (listener_) listener_(owner, quota);
}

io::Task<Status> QuotaStore::load() {
  catalog::ScanRequest scan;
  scan.begin = kPrefix;
  scan.end = catalog::prefix_end(std::string(kPrefix));
  std::set<QuotaOwner> present;
  while (!scan.begin.empty()) {
    const catalog::ScanPage page = co_await io::or_return(catalog_.scan(scan));
    for (const catalog::Entry& entry : page.entries) {
      const OpenedRow row = co_await io::or_return(open_row(keys_, entry.key, entry.value));
      const std::optional<QuotaOwner> owner = parse_row(entry.key);
      const std::optional<Quota> quota = decode(row.record);
      if (!owner || !quota) co_return fail(Code::kCorruption, "the row of a quota does not parse");
      if (get(*owner) != *quota) adopt(*owner, *quota);
      present.insert(*owner);
    }
    scan.begin.clear();
    if (page.more && !page.entries.empty()) scan.begin = page.entries.back().key + '\0';
  }
  for (const auto& [owner, quota] : all()) {
    if (!present.contains(owner)) adopt(owner, Quota());
  }
  co_return Status();
}

io::Task<Status> QuotaStore::set(QuotaOwner owner, Quota quota) {
  {
    const std::lock_guard lock(mutex_);
    if (quotas_.size() >= kQuotasMax && !quotas_.contains(owner)) {
      co_return fail(Code::kResourceExhausted, "there are too many quotas");
    }
  }
  const std::shared_ptr<const crypto::TenantKeys> root = keys_.current(crypto::kRootTenant);
  if (!root) co_return fail(Code::kNotFound, "the root tenant has no keys");
  std::string row = row_of(owner);
  catalog::Batch batch;
  if (quota.any()) {
    std::string value = sign_row(*root, row, encode(quota));
    batch.puts.push_back({std::move(row), std::move(value)});
  } else {
    batch.deletes.push_back(std::move(row));
  }
  co_await io::or_return(catalog_.commit(std::move(batch)));
  adopt(owner, quota);
  co_return Status();
}

Quota QuotaStore::get(const QuotaOwner& owner) const {
  const std::lock_guard lock(mutex_);
  const auto found = quotas_.find(owner);
  return found == quotas_.end() ? Quota() : found->second;
}

std::vector<std::pair<QuotaOwner, Quota>> QuotaStore::all() const {
  const std::lock_guard lock(mutex_);
  return {quotas_.begin(), quotas_.end()};
}

}  // namespace cairn::object
