#include "crypto/digest.h"

#include <isa-l/crc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <xxhash.h>

#include <algorithm>

#include "base/assert.h"
#include "crypto/crc64.h"
#include "crypto/hmac.h"

namespace cairn::crypto {
namespace {

// isa-l takes lengths as int.
constexpr size_t kIsalCallBytesMax = 1 << 30;

// A number as S3 encodes it.
template <typename Word>
DigestValue big_endian(Word value) {
  std::array<uint8_t, sizeof(Word)> bytes;
  store_be<Word>(bytes.data(), value);
  return DigestValue(bytes);
}

// Fetching an algorithm costs more than hashing a small message, so it is done once per process.
const EVP_MD* fetched(DigestKind kind) {
  // One stream alone: OpenSSL's assembler beats the kernels of the batch engine here.
  static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static const EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  if (kind == DigestKind::kMd5) return md5;
  return kind == DigestKind::kSha1 ? sha1 : sha512;
}

class EvpDigest final : public Digest {
 public:
  explicit EvpDigest(DigestKind kind) : kind_(kind), context_(EVP_MD_CTX_new()) {
    ASSERT(context_ != nullptr && EVP_DigestInit_ex2(context_, fetched(kind), nullptr) == 1);
  }
  EvpDigest(const EvpDigest&) = delete;
  EvpDigest& operator=(const EvpDigest&) = delete;
  ~EvpDigest() override { EVP_MD_CTX_free(context_); }

  void update(BytesView bytes) override {
    ASSERT(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
  }
  DigestValue finish() override {
    std::array<uint8_t, EVP_MAX_MD_SIZE> bytes;
    unsigned size_bytes = 0;
    ASSERT(EVP_DigestFinal_ex(context_, bytes.data(), &size_bytes) == 1);
    return DigestValue({bytes.data(), size_bytes});
  }
  DigestKind kind() const override { return kind_; }

 private:
  DigestKind kind_;
  EVP_MD_CTX* context_;
};

class Sha256Digest final : public Digest {
 public:
  void update(BytesView bytes) override { hash_.update(bytes); }
  DigestValue finish() override { return DigestValue(hash_.finish()); }
  DigestKind kind() const override { return DigestKind::kSha256; }

 private:
  Sha256 hash_;
};

class Crc32Digest final : public Digest {
 public:
  void update(BytesView bytes) override {
    crc_ = crc32_gzip_refl(crc_, bytes.data(), bytes.size());
  }
  DigestValue finish() override { return big_endian(crc_); }
  DigestKind kind() const override { return DigestKind::kCrc32; }

 private:
  uint32_t crc_ = 0;
};

class Crc32cDigest final : public Digest {
 public:
  void update(BytesView bytes) override {
    while (!bytes.empty()) {
      const BytesView part = bytes.first(std::min(bytes.size(), kIsalCallBytesMax));
      // isa-l only reads; its signature forgot the const.
      crc_ = crc32_iscsi(const_cast<uint8_t*>(part.data()), static_cast<int>(part.size()), crc_);
      bytes = bytes.subspan(part.size());
    }
  }
  DigestValue finish() override { return big_endian(~crc_); }
  DigestKind kind() const override { return DigestKind::kCrc32c; }

 private:
  uint32_t crc_ = ~uint32_t{0};
};

class Crc64Digest final : public Digest {
 public:
  void update(BytesView bytes) override { crc_ = crc64_nvme(crc_, bytes); }
  DigestValue finish() override { return big_endian(crc_); }
  DigestKind kind() const override { return DigestKind::kCrc64Nvme; }

 private:
  uint64_t crc_ = 0;
};

class Xxh64Digest final : public Digest {
 public:
  Xxh64Digest() : state_(XXH64_createState()) {
    ASSERT(state_ != nullptr);
    XXH64_reset(state_, 0);
  }
  Xxh64Digest(const Xxh64Digest&) = delete;
  Xxh64Digest& operator=(const Xxh64Digest&) = delete;
  ~Xxh64Digest() override { XXH64_freeState(state_); }

  void update(BytesView bytes) override {
    if (!bytes.empty()) XXH64_update(state_, bytes.data(), bytes.size());
  }
  DigestValue finish() override { return big_endian<uint64_t>(XXH64_digest(state_)); }
  DigestKind kind() const override { return DigestKind::kXxh64; }

 private:
  XXH64_state_t* state_;
};

class Xxh3Digest final : public Digest {
 public:
  explicit Xxh3Digest(DigestKind kind) : kind_(kind), state_(XXH3_createState()) {
    ASSERT(state_ != nullptr);
    // Both widths share one state and, without a seed, one start.
    XXH3_128bits_reset(state_);
  }
  Xxh3Digest(const Xxh3Digest&) = delete;
  Xxh3Digest& operator=(const Xxh3Digest&) = delete;
  ~Xxh3Digest() override { XXH3_freeState(state_); }

  void update(BytesView bytes) override {
    if (bytes.empty()) return;
    if (kind_ == DigestKind::kXxh3_64) {
      XXH3_64bits_update(state_, bytes.data(), bytes.size());
    } else {
      XXH3_128bits_update(state_, bytes.data(), bytes.size());
    }
  }
  DigestValue finish() override {
    if (kind_ == DigestKind::kXxh3_64) return big_endian<uint64_t>(XXH3_64bits_digest(state_));
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_));
    return DigestValue({canonical.digest, sizeof(canonical.digest)});
  }
  DigestKind kind() const override { return kind_; }

 private:
  DigestKind kind_;
  XXH3_state_t* state_;
};

}  // namespace

size_t digest_size(DigestKind kind) {
  switch (kind) {
    case DigestKind::kMd5: return 16;
    case DigestKind::kSha1: return 20;
    case DigestKind::kSha256: return 32;
    case DigestKind::kSha512: return 64;
    case DigestKind::kCrc32:
    case DigestKind::kCrc32c: return 4;
    case DigestKind::kCrc64Nvme:
    case DigestKind::kXxh64:
    case DigestKind::kXxh3_64: return 8;
    case DigestKind::kXxh3_128: return 16;
  }
  ASSERT(false);
  return 0;
}

DigestValue::DigestValue(BytesView bytes) : size_bytes_(bytes.size()) {
  ASSERT(bytes.size() <= kDigestBytesMax);
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

bool operator==(const DigestValue& a, const DigestValue& b) {
  return std::ranges::equal(a.view(), b.view());
}

std::unique_ptr<Digest> Digest::create(DigestKind kind) {
  switch (kind) {
    case DigestKind::kSha256: return std::make_unique<Sha256Digest>();
    case DigestKind::kMd5:
    case DigestKind::kSha1:
    case DigestKind::kSha512: return std::make_unique<EvpDigest>(kind);
    case DigestKind::kCrc32: return std::make_unique<Crc32Digest>();
    case DigestKind::kCrc32c: return std::make_unique<Crc32cDigest>();
    case DigestKind::kCrc64Nvme: return std::make_unique<Crc64Digest>();
    case DigestKind::kXxh64: return std::make_unique<Xxh64Digest>();
    case DigestKind::kXxh3_64:
    case DigestKind::kXxh3_128: return std::make_unique<Xxh3Digest>(kind);
  }
  ASSERT(false);
  return nullptr;
}

DigestValue digest_of(DigestKind kind, BytesView bytes) {
  if (kind == DigestKind::kSha256) return DigestValue(sha256(bytes));
  const std::unique_ptr<Digest> digest = Digest::create(kind);
  digest->update(bytes);
  return digest->finish();
}

std::array<uint8_t, 20> hmac_sha1(BytesView key, BytesView message) {
  std::array<uint8_t, 20> value;
  unsigned size_bytes = 0;
  // A null key would mean "the key of the last call" to HMAC().
  static constexpr uint8_t kNoKey = 0;
  const uint8_t* key_data = key.empty() ? &kNoKey : key.data();
  const uint8_t* made = HMAC(fetched(DigestKind::kSha1), key_data, static_cast<int>(key.size()),
                             message.data(), message.size(), value.data(), &size_bytes);
  ASSERT(made != nullptr && size_bytes == value.size());
  return value;
}

bool equal_secret(BytesView a, BytesView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

DigestValue combine_crc(DigestKind kind, const DigestValue& first, const DigestValue& second,
                        uint64_t second_size_bytes) {
  ASSERT(first.view().size() == digest_size(kind) && second.view().size() == digest_size(kind));
  if (kind == DigestKind::kCrc64Nvme) {
    const auto a = load_be<uint64_t>(first.view().data());
    const auto b = load_be<uint64_t>(second.view().data());
    return big_endian(combine_crc_words(kCrc64NvmePolynomial, a, b, second_size_bytes));
  }
  ASSERT(kind == DigestKind::kCrc32 || kind == DigestKind::kCrc32c);
  const uint32_t polynomial = kind == DigestKind::kCrc32 ? kCrc32Polynomial : kCrc32cPolynomial;
  const auto a = load_be<uint32_t>(first.view().data());
  const auto b = load_be<uint32_t>(second.view().data());
  return big_endian(combine_crc_words(polynomial, a, b, second_size_bytes));
}

}  // namespace cairn::crypto
