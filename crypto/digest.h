// Digests and checksums behind one streaming interface.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace cairn::crypto {

enum class DigestKind : uint8_t {
  kMd5,
  kSha1,
  kSha256,
  kSha512,
  kCrc32,      // ISO-HDLC (gzip)
  kCrc32c,     // Castagnoli
  kCrc64Nvme,  // reflected 0x9A6C9329AC4BC9B5; "123456789" -> AE8B14860A799888
  kXxh64,
  kXxh3_64,
  kXxh3_128,
};

inline constexpr size_t kDigestBytesMax = 64;
size_t digest_size(DigestKind kind);

// A finished value; CRCs and XXH values are big-endian, as S3 encodes them.
class DigestValue {
 public:
  DigestValue() = default;
  explicit DigestValue(BytesView bytes);
  BytesView view() const { return {bytes_.data(), size_bytes_}; }
  friend bool operator==(const DigestValue& a, const DigestValue& b);

 private:
  std::array<uint8_t, kDigestBytesMax> bytes_{};
  size_t size_bytes_ = 0;
};

// One running digest. Not thread-safe.
class Digest {
 public:
  virtual ~Digest() = default;
  virtual void update(BytesView bytes) = 0;
  // The digest of everything so far; the object may not be updated afterwards.
  virtual DigestValue finish() = 0;
  virtual DigestKind kind() const = 0;

  static std::unique_ptr<Digest> create(DigestKind kind);
};

DigestValue digest_of(DigestKind kind, BytesView bytes);

using Sha256Value = std::array<uint8_t, 32>;
Sha256Value sha256(BytesView bytes);
Sha256Value hmac_sha256(BytesView key, BytesView message);
std::array<uint8_t, 20> hmac_sha1(BytesView key, BytesView message);
// Constant-time comparison; false when the sizes differ.
bool equal_secret(BytesView a, BytesView b);

// CRC of the concatenation of two messages from their CRCs and the second one's length: makes
// FULL_OBJECT checksums of multipart uploads without reading the data again (zlib's crc32_combine).
// REQUIRES: kind is one of the three CRCs.
DigestValue combine_crc(DigestKind kind, const DigestValue& first, const DigestValue& second,
                        uint64_t second_size_bytes);

}  // namespace cairn::crypto
