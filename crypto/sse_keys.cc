#include "crypto/sse_keys.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "crypto/secret_memory.h"

namespace cairn::crypto {
namespace {

constexpr size_t kSaltBytes = 16;
constexpr size_t kCheckBytes = 32;
static_assert(kSaltBytes + kCheckBytes == kSseCommitmentBytes);

// What a derivation is for: label | kind (1) | tenant (8) | version (4), big-endian, | binding.
std::string make_info(std::string_view label, const SseKey& key, TenantId tenant,
                      uint32_t version) {
  std::string info(label);
  info += static_cast<char>(key.kind);
  uint8_t numbers[12];
  store_be<uint64_t>(numbers, tenant.value);
  store_be<uint32_t>(numbers + 8, version);
  info.append(as_text(numbers)).append(key.binding);
  return info;
}

SecretKey derive(const SecretKey& tenant_key, const SseKey& key, const std::string& info) {
  std::array<uint8_t, kSecretBytes> bytes;
  hkdf_sha256(key.secret.view(), tenant_key.view(), as_bytes(info), bytes);
  SecretKey child{BytesView(bytes)};
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return child;
}

std::array<uint8_t, kCheckBytes> check_value(const TenantKeys& tenant, const SseKey& key,
                                             BytesView salt) {
  std::array<uint8_t, kSaltBytes + kSecretBytes> salt_and_id;
  std::ranges::copy(salt, salt_and_id.begin());
  std::ranges::copy(tenant.id.view(), salt_and_id.begin() + kSaltBytes);
  std::array<uint8_t, kCheckBytes> out;
  hkdf_sha256(key.secret.view(), salt_and_id,
              as_bytes(make_info("cairn sse check 1", key, tenant.tenant, 0)), out);
  OPENSSL_cleanse(salt_and_id.data(), salt_and_id.size());
  return out;
}

}  // namespace

bool same_sse_key(const SseKeyPointer& a, const SseKeyPointer& b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->kind == b->kind && a->binding == b->binding &&
         equal_secret(a->secret.view(), b->secret.view());
}

std::shared_ptr<const TenantKeys> derive_sse_keys(const TenantKeys& tenant, const SseKey& key) {
  ASSERT(key.kind != SseKind::kTenant);
  auto out = std::make_shared<TenantKeys>();
  out->tenant = tenant.tenant;
  out->version = tenant.version;
  out->enc =
      derive(tenant.enc, key, make_info("cairn sse enc 1", key, tenant.tenant, tenant.version));
  // Like the tenant's own, the same for all versions: deduplication survives rotation.
  out->id = derive(tenant.id, key, make_info("cairn sse id 1", key, tenant.tenant, 0));
  out->mac = SecretKey(tenant.mac.view());
  return out;
}

Bytes commit_to_sse_key(const TenantKeys& tenant, const SseKey& key, Random& random) {
  Bytes out(kSseCommitmentBytes);
  const MutableBytes salt = MutableBytes(out).first(kSaltBytes);
  random.fill(salt);
  std::ranges::copy(check_value(tenant, key, salt), out.begin() + kSaltBytes);
  return out;
}

bool sse_key_matches(const TenantKeys& tenant, const SseKey& key, BytesView commitment) {
  if (commitment.size() != kSseCommitmentBytes) return false;
  return equal_secret(check_value(tenant, key, commitment.first(kSaltBytes)),
                      commitment.last(kCheckBytes));
}

std::shared_ptr<const TenantKeys> SealKeys::version(uint32_t version) const {
  std::shared_ptr<const TenantKeys> keys = ring_->version(tenant_, version);
  if (keys == nullptr || key_ == nullptr) return keys;
  return derive_sse_keys(*keys, *key_);
}

}  // namespace cairn::crypto
