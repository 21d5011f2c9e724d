// A block: what the cache tiers keep. Frames [first_frame, first_frame + n) of a chunk, with n at
// most kBlockFrames; a block of its own never crosses a multiple of kBlockFrames. A reader of a
// whole chunk asks for kBlockFrames at a time; a reader of a short range for just its frames.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/units.h"
#include "crypto/sealing.h"

namespace cairn::cache {

// Of a range of a chunk, in a tier.
struct CachedBytes {
  uint64_t cached = 0;
  uint64_t pinned = 0;  // Of those.
  CachedBytes& operator+=(const CachedBytes& other) {
    cached += other.cached;
    pinned += other.pinned;
    return *this;
  }
};

using crypto::ChunkId;

inline constexpr uint64_t kBlockBytes = 1 * MiB;
inline constexpr uint32_t kBlockFrames = kBlockBytes / crypto::kFrameBytes;

struct BlockKey {
  ChunkId chunk;
  uint32_t first_frame = 0;
  friend auto operator<=>(const BlockKey&, const BlockKey&) = default;
};

// A chunk id is the output of an HMAC, so that eight bytes of it are as good as any hash; the
// multiplier is 2^64 over the golden ratio (Knuth, TAOCP 6.4), and spreads the frames.
inline uint64_t fingerprint_of(const BlockKey& key) {
  uint64_t word = 0;
  std::memcpy(&word, key.chunk.bytes.data(), sizeof word);
  return word ^ ((key.first_frame + 1) * 0x9E3779B97F4A7C15u);
}

struct BlockKeyHash {
  size_t operator()(const BlockKey& key) const { return fingerprint_of(key); }
};

}  // namespace cairn::cache
