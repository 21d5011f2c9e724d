// Sealed values; bytes in docs/format.md, "Sealed value".
#include <openssl/crypto.h>

#include <algorithm>

#include "crypto/aead.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "crypto/sealing.h"

namespace cairn::crypto {
namespace {

// magic and format version | key version | salt | commitment | nonce | ciphertext | tag
constexpr std::array<uint8_t, 4> kMagic = {'C', 'S', 'V', 1};
constexpr size_t kKeyVersionAt = 4;
constexpr size_t kSaltAt = 8;
constexpr size_t kSaltBytes = 32;
constexpr size_t kCommitmentAt = kSaltAt + kSaltBytes;
constexpr size_t kCommitmentBytes = 32;
constexpr size_t kNonceAt = kCommitmentAt + kCommitmentBytes;
// The last bytes of the nonce; the first four are zero. Every value has a key of its own.
constexpr size_t kNonceBytes = 8;
constexpr size_t kCiphertextAt = kNonceAt + kNonceBytes;
static_assert(kCiphertextAt + kAeadTagBytes == kSealedValueOverheadBytes);

// What the key is derived for: magic | key version | tenant | plaintext length.
constexpr size_t kInfoBytes = 24;
std::string make_info(TenantId tenant, uint32_t key_version, uint64_t plaintext_bytes) {
  std::string info(kInfoBytes, '\0');
  auto* at = reinterpret_cast<uint8_t*>(info.data());
  std::copy(kMagic.begin(), kMagic.end(), at);
  store_le<uint32_t>(at + 4, key_version);
  store_le<uint64_t>(at + 8, tenant.value);
  store_le<uint64_t>(at + 16, plaintext_bytes);
  return info;
}

struct ValueKey {
  ValueKey(const TenantKeys& keys, BytesView salt, std::string_view info) {
    hkdf_sha256(keys.enc.view(), salt, as_bytes(info), bytes);
  }
  ValueKey(const ValueKey&) = delete;
  ValueKey& operator=(const ValueKey&) = delete;
  ~ValueKey() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  BytesView key() const { return BytesView(bytes).first(kAeadKeyBytes); }
  BytesView commitment() const { return BytesView(bytes).last(kCommitmentBytes); }

  std::array<uint8_t, kAeadKeyBytes + kCommitmentBytes> bytes;
};

AeadNonce make_nonce(const uint8_t* stored) {
  AeadNonce nonce{};
  std::copy_n(stored, kNonceBytes, nonce.end() - kNonceBytes);
  return nonce;
}

}  // namespace

Result<std::string> seal_value(const TenantKeys& keys, std::string_view context, Random& random,
                               BytesView plaintext) {
  std::string sealed(kSealedValueOverheadBytes + plaintext.size(), '\0');
  auto* at = reinterpret_cast<uint8_t*>(sealed.data());
  std::copy(kMagic.begin(), kMagic.end(), at);
  store_le<uint32_t>(at + kKeyVersionAt, keys.version);
  random.fill({at + kSaltAt, kSaltBytes});
  random.fill({at + kNonceAt, kNonceBytes});
  std::string aad = make_info(keys.tenant, keys.version, plaintext.size());
  const ValueKey derived(keys, {at + kSaltAt, kSaltBytes}, aad);
  std::ranges::copy(derived.commitment(), at + kCommitmentAt);
  std::ranges::copy(plaintext, at + kCiphertextAt);
  aad.append(context);
  uint8_t* tag = at + kCiphertextAt + plaintext.size();
  const bool done =
      make_aes256_gcm(derived.key())
          ->seal(make_nonce(at + kNonceAt), as_bytes(aad), {at + kCiphertextAt, plaintext.size()},
                 std::span<uint8_t, kAeadTagBytes>(tag, kAeadTagBytes));
  if (!done) {
    OPENSSL_cleanse(sealed.data(), sealed.size());
    return fail(Code::kInternal, "the cipher engine failed to seal a value");
  }
  return sealed;
}

Result<Bytes> open_value(const SealKeys& keys, std::string_view context, BytesView sealed) {
  if (sealed.size() < kSealedValueOverheadBytes ||
      !std::equal(kMagic.begin(), kMagic.end(), sealed.begin())) {
    return fail(Code::kCorruption, "this is not a sealed value");
  }
  const auto key_version = load_le<uint32_t>(sealed.data() + kKeyVersionAt);
  const std::shared_ptr<const TenantKeys> version = keys.version(key_version);
  if (version == nullptr) {
    return fail(Code::kNotFound, "the key version of a sealed value is unknown");
  }
  const size_t plaintext_bytes = sealed.size() - kSealedValueOverheadBytes;
  std::string aad = make_info(keys.tenant(), key_version, plaintext_bytes);
  const ValueKey derived(*version, sealed.subspan(kSaltAt, kSaltBytes), aad);
  if (!equal_secret(derived.commitment(), sealed.subspan(kCommitmentAt, kCommitmentBytes))) {
    return fail(Code::kCorruption, "a sealed value does not commit to its key");
  }
  aad.append(context);
  const BytesView ciphertext = sealed.subspan(kCiphertextAt, plaintext_bytes);
  Bytes plaintext(ciphertext.begin(), ciphertext.end());
  const bool opened = make_aes256_gcm(derived.key())
                          ->open(make_nonce(sealed.data() + kNonceAt), as_bytes(aad), plaintext,
                                 sealed.last<kAeadTagBytes>());
  if (!opened) return fail(Code::kCorruption, "a sealed value does not authenticate");
  return plaintext;
}

}  // namespace cairn::crypto
