#include "crypto/key_wrap.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "crypto/aead.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "crypto/secret_memory.h"

namespace cairn::crypto {
namespace {

// magic and format version | root check | nonce | both secrets, encrypted | tag
constexpr std::array<uint8_t, 4> kMagic = {'C', 'T', 'K', 1};
constexpr size_t kCheckAt = 4;
constexpr size_t kCheckBytes = 8;
constexpr size_t kNonceAt = kCheckAt + kCheckBytes;
constexpr size_t kSecretsAt = kNonceAt + sizeof(AeadNonce);
constexpr size_t kTagAt = kSecretsAt + 2 * kSecretBytes;
constexpr size_t kWrappedBytes = kTagAt + kAeadTagBytes;
static_assert(kWrappedBytes == 104);

constexpr uint8_t kPurposeTenantKey = 1;
constexpr size_t kAadBytes = kNonceAt + 8 + 1 + 4;

// The root key itself encrypts nothing: one child wraps, another tells root keys apart.
struct RootChildren {
  explicit RootChildren(const SecretKey& root) {
    hkdf_sha256(root.view(), {}, as_bytes("cairn root key 1"), bytes);
  }
  RootChildren(const RootChildren&) = delete;
  RootChildren& operator=(const RootChildren&) = delete;
  ~RootChildren() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  BytesView wrapping_key() const { return BytesView(bytes).first(kAeadKeyBytes); }
  BytesView check() const { return BytesView(bytes).last(kCheckBytes); }

  std::array<uint8_t, kAeadKeyBytes + kCheckBytes> bytes;
};

std::array<uint8_t, kAadBytes> make_aad(const WrapBinding& binding, BytesView check) {
  std::array<uint8_t, kAadBytes> aad;
  std::copy(kMagic.begin(), kMagic.end(), aad.begin());
  std::copy(check.begin(), check.end(), aad.begin() + kCheckAt);
  store_le<uint64_t>(aad.data() + kNonceAt, binding.tenant.value);
  aad[kNonceAt + 8] = kPurposeTenantKey;
  store_le<uint32_t>(aad.data() + kNonceAt + 9, binding.version);
  return aad;
}

}  // namespace

Result<std::string> wrap_tenant_secrets(const SecretKey& root, const WrapBinding& binding,
                                        const TenantSecretsView& secrets, Random& random) {
  const RootChildren children(root);
  const auto aad = make_aad(binding, children.check());
  AeadNonce nonce;
  random.fill(nonce);
  std::string wrapped(kWrappedBytes, '\0');
  auto* out = reinterpret_cast<uint8_t*>(wrapped.data());
  std::copy_n(aad.begin(), kNonceAt, out);
  std::copy(nonce.begin(), nonce.end(), out + kNonceAt);
  std::ranges::copy(secrets.version_secret.view(), out + kSecretsAt);
  std::ranges::copy(secrets.id_secret.view(), out + kSecretsAt + kSecretBytes);
  const bool sealed = make_aes256_gcm(children.wrapping_key())
                          ->seal(nonce, aad, {out + kSecretsAt, 2 * kSecretBytes},
                                 std::span<uint8_t, kAeadTagBytes>(out + kTagAt, kAeadTagBytes));
  if (!sealed) {
    OPENSSL_cleanse(wrapped.data(), wrapped.size());
    return fail(Code::kInternal, "the cipher engine failed to wrap a tenant key");
  }
  return wrapped;
}

Status unwrap_tenant_secrets(const SecretKey& root, const WrapBinding& binding, BytesView wrapped,
                             const TenantSecretsOut& out) {
  if (wrapped.size() != kWrappedBytes ||
      !std::equal(kMagic.begin(), kMagic.end(), wrapped.begin())) {
    return fail(Code::kCorruption, "a wrapped tenant key is damaged or of an unknown format");
  }
  const RootChildren children(root);
  if (!equal_secret(wrapped.subspan(kCheckAt, kCheckBytes), children.check())) {
    return fail(Code::kPermissionDenied, "the root key does not match this data directory");
  }
  AeadNonce nonce;
  std::ranges::copy(wrapped.subspan(kNonceAt, nonce.size()), nonce.begin());
  std::array<uint8_t, 2 * kSecretBytes> secrets;
  std::ranges::copy(wrapped.subspan(kSecretsAt, secrets.size()), secrets.begin());
  const bool opened = make_aes256_gcm(children.wrapping_key())
                          ->open(nonce, make_aad(binding, children.check()), secrets,
                                 wrapped.subspan(kTagAt).first<kAeadTagBytes>());
  if (!opened) {
    return fail(Code::kCorruption,
                "a wrapped tenant key is damaged, or belongs to another tenant or version");
  }
  out.version_secret = SecretKey(BytesView(secrets).first(kSecretBytes));
  out.id_secret = SecretKey(BytesView(secrets).last(kSecretBytes));
  OPENSSL_cleanse(secrets.data(), secrets.size());
  return {};
}

namespace {

// magic and format version | root check | nonce | secret, encrypted | tag
constexpr std::array<uint8_t, 4> kNamedMagic = {'C', 'N', 'K', 1};
constexpr size_t kNamedTagAt = kSecretsAt + kSecretBytes;
constexpr size_t kNamedBytes = kNamedTagAt + kAeadTagBytes;
static_assert(kNamedBytes == 72);
constexpr uint8_t kPurposeNamedSecret = 2;

std::string make_named_aad(BytesView check, std::string_view binding) {
  std::string aad(as_text(kNamedMagic));
  aad.append(as_text(check));
  aad += static_cast<char>(kPurposeNamedSecret);
  aad.append(binding);
  return aad;
}

}  // namespace

Result<std::string> wrap_named_secret(const SecretKey& root, std::string_view binding,
                                      const SecretKey& secret, Random& random) {
  const RootChildren children(root);
  const std::string aad = make_named_aad(children.check(), binding);
  AeadNonce nonce;
  random.fill(nonce);
  std::string wrapped(kNamedBytes, '\0');
  auto* out = reinterpret_cast<uint8_t*>(wrapped.data());
  std::copy_n(aad.begin(), kNonceAt, out);
  std::copy(nonce.begin(), nonce.end(), out + kNonceAt);
  std::ranges::copy(secret.view(), out + kSecretsAt);
  const bool sealed =
      make_aes256_gcm(children.wrapping_key())
          ->seal(nonce, as_bytes(aad), {out + kSecretsAt, kSecretBytes},
                 std::span<uint8_t, kAeadTagBytes>(out + kNamedTagAt, kAeadTagBytes));
  if (!sealed) {
    OPENSSL_cleanse(wrapped.data(), wrapped.size());
    return fail(Code::kInternal, "the cipher engine failed to wrap a key");
  }
  return wrapped;
}

Result<SecretKey> unwrap_named_secret(const SecretKey& root, std::string_view binding,
                                      BytesView wrapped) {
  if (wrapped.size() != kNamedBytes ||
      !std::equal(kNamedMagic.begin(), kNamedMagic.end(), wrapped.begin())) {
    return fail(Code::kCorruption, "a wrapped key is damaged or of an unknown format");
  }
  const RootChildren children(root);
  if (!equal_secret(wrapped.subspan(kCheckAt, kCheckBytes), children.check())) {
    return fail(Code::kPermissionDenied, "the root key does not match this data directory");
  }
  AeadNonce nonce;
  std::ranges::copy(wrapped.subspan(kNonceAt, nonce.size()), nonce.begin());
  std::array<uint8_t, kSecretBytes> bytes;
  std::ranges::copy(wrapped.subspan(kSecretsAt, bytes.size()), bytes.begin());
  const bool opened = make_aes256_gcm(children.wrapping_key())
                          ->open(nonce, as_bytes(make_named_aad(children.check(), binding)), bytes,
                                 wrapped.subspan(kNamedTagAt).first<kAeadTagBytes>());
  if (!opened) return fail(Code::kCorruption, "a wrapped key is damaged, or another one");
  SecretKey secret{BytesView(bytes)};
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return secret;
}

bool is_wrapped_by(const SecretKey& root, BytesView wrapped) {
  if (wrapped.size() < kNonceAt) return false;
  return equal_secret(wrapped.subspan(kCheckAt, kCheckBytes), RootChildren(root).check());
}

}  // namespace cairn::crypto
