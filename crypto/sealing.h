// Sealing of chunks: DESIGN.md section 5, RELIABILITY.md section 3.3; bytes in docs/format.md.
//
// A sealed chunk is a header (<= kSealedHeaderBytesMax) and a payload of the same length as the
// plaintext plus the sealed segment table. The payload is cut in frames of 64 KiB; frame i is
// AES-256-GCM(K, nonce = prefix(7) | counter i (4, big-endian) | last flag(1), AAD), in place, and
// its 16-byte tag stands in the header's tag table: ciphertext frames keep the plaintext's
// alignment, so a range is read, decrypted in place and sent without a copy. K and the 32-byte key
// commitment are two HKDF-SHA256 outputs of the tenant's enc key, a random 32-byte salt and the
// AAD. AAD = format version | codec | tenant | key version | chunk id | plaintext length | table
// length. No plaintext leaves before its tag verifies.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/units.h"
#include "crypto/digest.h"
#include "crypto/key_ring.h"
#include "crypto/sse_keys.h"

namespace cairn::crypto {

inline constexpr size_t kFrameBytes = 64 * KiB;
inline constexpr size_t kTagBytes = 16;
inline constexpr size_t kSealedHeaderBytesMax = 3584;  // Fits one 4 KiB block with a record header.
inline constexpr uint64_t kChunkBytesMax = 8 * MiB;
inline constexpr uint64_t kSegmentTableBytesMax =
    64 * KiB;  // One frame of its own, after the data.

// HMAC-SHA256(tenant id key, content hash): names a chunk without telling what is in it.
struct ChunkId {
  std::array<uint8_t, 32> bytes{};
  friend auto operator<=>(const ChunkId&, const ChunkId&) = default;
  std::string to_hex() const;
};

enum class Codec : uint8_t { kRaw = 0 };

// The id of a chunk whose content hash (SHA-256 over its segments' hashes) is given.
ChunkId make_chunk_id(const TenantKeys& keys, const Sha256Value& content_hash);

// What is bound into every tag of a chunk besides its bytes.
struct ChunkBinding {
  TenantId tenant;
  ChunkId id;
  uint64_t plaintext_bytes = 0;
  uint64_t table_bytes = 0;
  Codec codec = Codec::kRaw;
};

// Seals `payload` in place: [0, plaintext_bytes) is the data, the next table_bytes the segment
// table. Returns the encoded header. REQUIRES: payload.size() == plaintext_bytes + table_bytes,
// 0 < plaintext_bytes <= kChunkBytesMax, table_bytes <= kSegmentTableBytesMax.
Result<Bytes> seal_chunk(const TenantKeys& keys, const ChunkBinding& binding, Random& random,
                         MutableBytes payload);

// By a given engine (tests and benchmarks): every engine gives the same bytes.
struct AeadEngine;
Result<Bytes> seal_chunk(const TenantKeys& keys, const ChunkBinding& binding, Random& random,
                         MutableBytes payload, const AeadEngine& engine);

// The exact size of the header of such a chunk.
constexpr uint64_t sealed_header_bytes(uint64_t plaintext_bytes, uint64_t table_bytes) {
  const uint64_t frames =
      (plaintext_bytes + kFrameBytes - 1) / kFrameBytes + (table_bytes > 0 ? 1 : 0);
  return 136 + frames * kTagBytes + 8;
}

// Opens frames of one sealed chunk. Built once per chunk read (one HKDF); cheap to keep and to
// move.
class ChunkOpener {
 public:
  // Parses and checks `header` against the id and tenant: kCorruption when it does not belong, is
  // damaged, or the commitment differs; kNotFound when the key version is unknown.
  static Result<ChunkOpener> create(const SealKeys& keys, const ChunkId& id, BytesView header);
  static Result<ChunkOpener> create(const KeyRing& keys, TenantId tenant, const ChunkId& id,
                                    BytesView header) {
    return create(SealKeys(keys, tenant), id, header);
  }
  ChunkOpener(ChunkOpener&&) noexcept;
  ChunkOpener& operator=(ChunkOpener&&) noexcept;
  ~ChunkOpener();  // Cleanses the chunk key.

  uint64_t plaintext_bytes() const;
  uint64_t table_bytes() const;
  // The whole frames that cover `range` of the plaintext, as a range of the payload.
  ByteRange frames_covering(ByteRange range) const;
  // Decrypts whole frames in place; `first_frame` is the index of the first one. kCorruption when a
  // tag does not verify, and then the span is zeroed.
  Status open_frames(uint64_t first_frame, MutableBytes frames) const;
  // Decrypts the segment table (payload bytes [plaintext_bytes, plaintext_bytes + table_bytes)).
  Status open_table(MutableBytes table) const;

 private:
  struct State;
  explicit ChunkOpener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What can be checked of a chunk without its key: that the header is whole and belongs to this
// tenant, id and length. kCorruption otherwise.
Status check_sealed_header(TenantId tenant, const ChunkId& id, uint64_t plaintext_bytes,
                           BytesView header);

// Small values (inline objects, catalog secrets): salt | commitment | nonce | ciphertext | tag in
// one string. `context` is bound as AAD (for an inline object: bucket id, key, version).
inline constexpr size_t kSealedValueOverheadBytes = 96;
Result<std::string> seal_value(const TenantKeys& keys, std::string_view context, Random& random,
                               BytesView plaintext);
Result<Bytes> open_value(const SealKeys& keys, std::string_view context, BytesView sealed);
inline Result<Bytes> open_value(const KeyRing& keys, TenantId tenant, std::string_view context,
                                BytesView sealed) {
  return open_value(SealKeys(keys, tenant), context, sealed);
}

}  // namespace cairn::crypto
