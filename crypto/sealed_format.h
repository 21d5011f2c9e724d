// The bytes of a sealed chunk's header; grammar in docs/format.md, "Sealed chunk". Internal to
// crypto/. Numbers are little-endian.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/sealing.h"

namespace cairn::crypto {

inline constexpr std::array<uint8_t, 4> kSealedMagic = {'C', 'S', 'C', 'H'};
inline constexpr uint8_t kSealedFormatVersion = 1;

inline constexpr size_t kSealedVersionAt = 4;
inline constexpr size_t kSealedCodecAt = 5;
inline constexpr size_t kSealedHeaderBytesAt = 6;
inline constexpr size_t kSealedTenantAt = 8;
inline constexpr size_t kSealedKeyVersionAt = 16;
inline constexpr size_t kSealedTableBytesAt = 20;
inline constexpr size_t kSealedPlaintextBytesAt = 24;
inline constexpr size_t kSealedChunkIdAt = 32;
// Everything before is the AAD of every frame and goes into the chunk's key.
inline constexpr size_t kSealedAadBytes = 64;
inline constexpr size_t kSealedSaltAt = 64;
inline constexpr size_t kSealedCommitmentAt = 96;
inline constexpr size_t kSealedNoncePrefixAt = 128;  // 7 bytes, then one zero.
inline constexpr size_t kSealedTagsAt = 136;
inline constexpr size_t kSealedChecksumBytes = 8;

inline constexpr size_t kSealedSaltBytes = 32;
inline constexpr size_t kSealedCommitmentBytes = 32;
inline constexpr size_t kNoncePrefixBytes = 7;

static_assert(kSealedTagsAt + (kChunkBytesMax / kFrameBytes + 1) * kTagBytes +
                  kSealedChecksumBytes <=
              kSealedHeaderBytesMax);

// Frames of the data; the segment table is one more frame behind them.
constexpr uint64_t data_frames_count(uint64_t plaintext_bytes) {
  return (plaintext_bytes + kFrameBytes - 1) / kFrameBytes;
}

// What a header says, tags apart.
struct SealedFields {
  Codec codec = Codec::kRaw;
  TenantId tenant;
  uint32_t key_version = 0;
  uint64_t plaintext_bytes = 0;
  uint64_t table_bytes = 0;
  ChunkId id;
  std::array<uint8_t, kSealedSaltBytes> salt{};
  std::array<uint8_t, kSealedCommitmentBytes> commitment{};
  std::array<uint8_t, kNoncePrefixBytes> nonce_prefix{};

  size_t header_bytes() const {
    return static_cast<size_t>(sealed_header_bytes(plaintext_bytes, table_bytes));
  }
};

// The AAD (the first kSealedAadBytes of the header).
std::array<uint8_t, kSealedAadBytes> encode_sealed_aad(const SealedFields& fields);
// The whole header; `tags` is the tag table.
Bytes encode_sealed_header(const SealedFields& fields, BytesView tags);
// Checks everything that needs no key. kCorruption, or kUnsupported for a format or codec that is
// valid but newer than this code.
Result<SealedFields> parse_sealed_header(BytesView header);

}  // namespace cairn::crypto
