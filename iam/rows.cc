#include "iam/rows.h"

#include "base/bytes.h"
#include "crypto/sealing.h"
#include "iam/names.h"

namespace cairn::iam::rows {
namespace {

constexpr std::string_view kPrefix = "iam/";
constexpr size_t kKindAt = kPrefix.size();
constexpr size_t kTenantAt = kKindAt + 2;

std::string start(Kind kind) {
  std::string key(kPrefix);
  key += static_cast<char>(kind);
  key += '/';
  return key;
}

std::string in_tenant(Kind kind, TenantId tenant, std::string_view name) {
  std::string key = start(kind);
  uint8_t number[8];
  store_be(number, tenant.value);
  key.append(as_text(number)).append(lower_name(name));
  return key;
}

std::string context_of(std::string_view row_key) {
  return "cairn account row v1 " + std::string(row_key);
}

}  // namespace

std::string all() {
  return std::string(kPrefix);
}
std::string tenant(TenantId tenant) {
  return in_tenant(Kind::kTenant, tenant, {});
}
std::string key_of(const Tenant& value) {
  return tenant(value.id);
}
std::string key_of(TenantId tenant, const User& value) {
  return in_tenant(Kind::kUser, tenant, value.name);
}
std::string key_of(TenantId tenant, const Group& value) {
  return in_tenant(Kind::kGroup, tenant, value.name);
}
std::string key_of(TenantId tenant, const Role& value) {
  return in_tenant(Kind::kRole, tenant, value.name);
}
std::string key_of(TenantId tenant, const ManagedPolicy& value) {
  return in_tenant(Kind::kPolicy, tenant, value.name);
}
std::string key_of(TenantId tenant, const OidcProvider& value) {
  return in_tenant(Kind::kProvider, tenant, value.url);
}
std::string key_of(const AccessKey& value) {
  return start(Kind::kAccessKey) + value.access_key;
}

Result<Parsed> parse(std::string_view row_key) {
  Parsed out;
  const auto unknown = [] {
    return fail(Code::kCorruption,
                "a row of the accounts has a key that this version does not know");
  };
  if (!row_key.starts_with(kPrefix) || row_key.size() < kTenantAt) return unknown();
  out.kind = static_cast<Kind>(row_key[kKindAt]);
  switch (out.kind) {
    case Kind::kAccessKey: return out;
    case Kind::kTenant:
    case Kind::kUser:
    case Kind::kGroup:
    case Kind::kRole:
    case Kind::kPolicy:
    case Kind::kProvider: break;
    default: return unknown();
  }
  if (row_key.size() < kTenantAt + sizeof(uint64_t)) return unknown();
  out.tenant = TenantId{load_be<uint64_t>(as_bytes(row_key.substr(kTenantAt)).data())};
  return out;
}

Result<std::string> seal(const crypto::KeyRing& keys, std::string_view row_key,
                         std::string_view record, Random& random) {
  const auto root = keys.current(crypto::kRootTenant);
  if (root == nullptr) return fail(Code::kInternal, "the root tenant has no keys");
  return crypto::seal_value(*root, context_of(row_key), random, as_bytes(record));
}

Result<Bytes> open(const crypto::KeyRing& keys, std::string_view row_key, std::string_view value) {
  Result<Bytes> record =
      crypto::open_value(keys, crypto::kRootTenant, context_of(row_key), as_bytes(value));
  if (!record) return std::unexpected(record.error().with_context("opening a row of the accounts"));
  return record;
}

}  // namespace cairn::iam::rows
