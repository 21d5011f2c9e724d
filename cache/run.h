// What a disk tier keeps and fetches: a run of whole frames of a chunk's sealed payload, inside one
// block. A BlockKey names its first frame; how long it is stands beside that. Plain values, any
// thread.
//
// A frame here is a 64 KiB slice of the payload, counted from its front; the slice that ends the
// payload is shorter. A run never crosses the end of its block, so
// that a reader finds every run that can help it with a bounded number of look-ups.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <memory>

#include "base/buffer.h"
#include "base/bytes.h"
#include "cache/block.h"
#include "cache/disk_limits.h"
#include "crypto/sealing.h"

namespace cairn::cache {

// Frames [first, end) of a chunk.
struct FrameRange {
  uint32_t first = 0;
  uint32_t end = 0;

  uint32_t count() const { return end - first; }
  uint64_t offset_bytes() const { return first * crypto::kFrameBytes; }
  uint64_t size_bytes() const { return count() * crypto::kFrameBytes; }
  friend auto operator<=>(const FrameRange&, const FrameRange&) = default;
};

constexpr uint32_t frames_of(uint64_t bytes) {
  return static_cast<uint32_t>((bytes + crypto::kFrameBytes - 1) / crypto::kFrameBytes);
}
constexpr uint32_t block_of(uint32_t frame) {
  return frame / kBlockFrames;
}

// A run in memory, as it came from the home and as it goes to disk. Immutable once it is shared.
struct SealedRun {
  BlockKey key;
  Bytes header;                      // Of the chunk.
  uint64_t chunk_payload_bytes = 0;  // Of the whole chunk.
  Buffer data;                       // Aligned; capacity is whole disk blocks, the rest zeros.

  uint32_t end_frame() const { return key.first_frame + frames_of(data.size()); }
  // Whether it has everything that the chunk has of `frames`.
  bool covers(const FrameRange& frames) const {
    return key.first_frame <= frames.first &&
           std::min(frames.end, frames_of(chunk_payload_bytes)) <= end_frame();
  }
};
using SealedRunPointer = std::shared_ptr<const SealedRun>;

}  // namespace cairn::cache
