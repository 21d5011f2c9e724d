#include "crypto/key_ring.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/assert.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "crypto/key_wrap.h"
#include "crypto/kms_ring.h"
#include "crypto/secret_memory.h"

namespace cairn::crypto {

SecretKey::SecretKey() : memory_(allocate_secret()) {}

SecretKey::SecretKey(BytesView bytes) : SecretKey() {
  ASSERT(bytes.size() == kSecretBytes);
  std::copy(bytes.begin(), bytes.end(), memory_);
}

SecretKey SecretKey::generate(Random& random) {
  SecretKey key;
  random.fill({key.memory_, kSecretBytes});
  return key;
}

SecretKey::SecretKey(SecretKey&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  std::swap(memory_, other.memory_);
  return *this;
}

SecretKey::~SecretKey() {
  release_secret(memory_);
}

BytesView SecretKey::view() const {
  ASSERT(memory_ != nullptr);
  return {memory_, kSecretBytes};
}

namespace {

SecretKey copy_of(const SecretKey& key) {
  return SecretKey(key.view());
}

// A child of a secret: HKDF-SHA256 without salt, info = label | tenant | version, big-endian. A
// child that all versions share is made with version 0.
SecretKey derive(const SecretKey& secret, std::string_view label, TenantId tenant,
                 uint32_t version) {
  std::string info(label);
  info.resize(label.size() + 12);
  auto* numbers = reinterpret_cast<uint8_t*>(info.data() + label.size());
  store_be<uint64_t>(numbers, tenant.value);
  store_be<uint32_t>(numbers + 8, version);
  std::array<uint8_t, kSecretBytes> bytes;
  hkdf_sha256(secret.view(), {}, as_bytes(info), bytes);
  SecretKey child{BytesView(bytes)};
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return child;
}

}  // namespace

struct KeyRing::Secrets {
  SecretKey version_secret;
  SecretKey id_secret;
};

struct KeyRing::Tenant {
  struct Version {
    SecretKey secret;
    std::shared_ptr<const TenantKeys> keys;
  };
  SecretKey id_secret;
  std::map<uint32_t, Version> versions;
  uint32_t current = 0;  // 0 while no version is active.
};

KeyRing::KeyRing(SecretKey root) : root_(std::move(root)), kms_(std::make_unique<KmsRing>()) {}
KeyRing::~KeyRing() = default;

Status KeyRing::add(TenantId tenant, uint32_t version, Secrets secrets, bool active) {
  std::unique_ptr<Tenant>& entry = tenants_[tenant.value];
  if (entry == nullptr) {
    entry = std::make_unique<Tenant>();
    entry->id_secret = copy_of(secrets.id_secret);
  } else if (!equal_secret(entry->id_secret.view(), secrets.id_secret.view())) {
    return fail(Code::kCorruption, "two versions of a tenant key disagree about the tenant's ids");
  }
  auto keys = std::make_shared<TenantKeys>();
  keys->tenant = tenant;
  keys->version = version;
  keys->enc = derive(secrets.version_secret, "cairn enc 1", tenant, version);
  keys->mac = derive(secrets.version_secret, "cairn mac 1", tenant, version);
  keys->id = derive(secrets.id_secret, "cairn id 1", tenant, 0);
  entry->versions.insert_or_assign(
      version, Tenant::Version{std::move(secrets.version_secret), std::move(keys)});
  if (active) entry->current = std::max(entry->current, version);
  return {};
}

Result<std::string> KeyRing::create_version(TenantId tenant, Random& random) {
  const std::unique_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  Secrets secrets{.version_secret = SecretKey::generate(random), .id_secret = SecretKey()};
  uint32_t version = 1;
  if (found == tenants_.end()) {
    secrets.id_secret = SecretKey::generate(random);
  } else {
    secrets.id_secret = copy_of(found->second->id_secret);
    version = found->second->versions.rbegin()->first + 1;
  }
  Result<std::string> wrapped = wrap_tenant_secrets(
      root_, {tenant, version}, {secrets.version_secret, secrets.id_secret}, random);
  if (!wrapped) return wrapped;
  const Status added = add(tenant, version, std::move(secrets), version == 1);
  if (!added) return std::unexpected(added.error());
  return wrapped;
}

Status KeyRing::activate(TenantId tenant, uint32_t version) {
  const std::unique_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  if (found == tenants_.end() || !found->second->versions.contains(version)) {
    return fail(Code::kNotFound, "no such tenant key version");
  }
  found->second->current = std::max(found->second->current, version);
  return {};
}

Status KeyRing::add_wrapped(TenantId tenant, uint32_t version, BytesView wrapped) {
  const std::unique_lock lock(mutex_);
  Secrets secrets;
  const Status unwrapped = unwrap_tenant_secrets(root_, {tenant, version}, wrapped,
                                                 {secrets.version_secret, secrets.id_secret});
  if (!unwrapped) return unwrapped;
  return add(tenant, version, std::move(secrets), true);
}

Result<std::string> KeyRing::rewrap(TenantId tenant, uint32_t version,
                                    const SecretKey& new_root) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  if (found == tenants_.end()) return fail(Code::kNotFound, "no such tenant");
  const auto entry = found->second->versions.find(version);
  if (entry == found->second->versions.end()) {
    return fail(Code::kNotFound, "no such tenant key version");
  }
  return wrap_tenant_secrets(new_root, {tenant, version},
                             {entry->second.secret, found->second->id_secret}, system_random());
}

void KeyRing::replace_root(SecretKey new_root) {
  const std::unique_lock lock(mutex_);
  root_ = std::move(new_root);
}

Result<std::string> KeyRing::wrap_named(std::string_view binding, const SecretKey& secret,
                                        Random& random) const {
  const std::shared_lock lock(mutex_);
  return wrap_named_secret(root_, binding, secret, random);
}

Result<SecretKey> KeyRing::unwrap_named(std::string_view binding, BytesView wrapped) const {
  const std::shared_lock lock(mutex_);
  return unwrap_named_secret(root_, binding, wrapped);
}

bool KeyRing::wraps(BytesView wrapped) const {
  const std::shared_lock lock(mutex_);
  return is_wrapped_by(root_, wrapped);
}

std::vector<uint32_t> KeyRing::versions(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  std::vector<uint32_t> all;
  const auto found = tenants_.find(tenant.value);
  if (found == tenants_.end()) return all;
  for (const auto& [version, entry] : found->second->versions) all.push_back(version);
  return all;
}

std::shared_ptr<const TenantKeys> KeyRing::current(TenantId tenant) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  if (found == tenants_.end()) return nullptr;
  const auto entry = found->second->versions.find(found->second->current);
  return entry == found->second->versions.end() ? nullptr : entry->second.keys;
}

std::shared_ptr<const TenantKeys> KeyRing::version(TenantId tenant, uint32_t version) const {
  const std::shared_lock lock(mutex_);
  const auto found = tenants_.find(tenant.value);
  if (found == tenants_.end()) return nullptr;
  const auto entry = found->second->versions.find(version);
  return entry == found->second->versions.end() ? nullptr : entry->second.keys;
}

}  // namespace cairn::crypto
