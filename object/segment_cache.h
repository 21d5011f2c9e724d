// Segment tables of chunks in memory: finds where a segment is stored, by its hash.
//
// Holds whole tables, so that after one hit the neighbours of a segment are found as well (locality
// of backup streams: Zhu et al., FAST'08; sparse indexing: Lillibridge et al., FAST'09). The table
// used longest ago goes first. Thread rule: any thread; one lock, held for look-ups only.
// What it answers is a hint: the chunk may be gone, link() before use decides.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "crypto/hash_engine.h"
#include "crypto/sealing.h"
#include "storage/placement.h"

namespace cairn::object {

using crypto::ChunkId;
using crypto::TenantId;

// Names one segment: SHA-256 of its bytes and their number.
struct SegmentName {
  crypto::Sha256Value hash{};
  uint32_t size_bytes = 0;
  friend bool operator==(const SegmentName&, const SegmentName&) = default;
};

// Where a segment lies: bytes [offset, offset + size) of the plaintext of a chunk.
struct SegmentPlace {
  ChunkId chunk;
  uint32_t chunk_bytes = 0;  // Plaintext of the whole chunk.
  uint32_t offset_bytes = 0;
  uint32_t size_bytes = 0;
  friend bool operator==(const SegmentPlace&, const SegmentPlace&) = default;
};

class SegmentCache {
 public:
  explicit SegmentCache(uint64_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}
  SegmentCache(const SegmentCache&) = delete;
  SegmentCache& operator=(const SegmentCache&) = delete;

  // Fills places[i] of names[i] where the tenant is known to have that segment in that placement
  // and places[i] is empty. REQUIRES: as many places as names.
  void find(TenantId tenant, storage::PlacementId placement, std::span<const SegmentName> names,
            std::span<std::optional<SegmentPlace>> places);
  // Takes the table of a chunk that the tenant has stored; `segments` are its segments in order.
  void insert(TenantId tenant, const ChunkId& chunk, std::vector<SegmentName> segments);
  bool contains(TenantId tenant, const ChunkId& chunk);
  // The chunk is gone.
  void erase(TenantId tenant, const ChunkId& chunk);

  uint64_t used_bytes();

 private:
  struct Segment {
    crypto::Sha256Value hash{};
    uint32_t offset_bytes = 0;
    uint32_t size_bytes = 0;
  };
  struct Table {
    TenantId tenant;
    ChunkId chunk;
    uint32_t chunk_bytes = 0;
    std::vector<Segment> segments;
    uint64_t memory_bytes() const;
  };
  using Position = std::list<Table>::iterator;
  struct Entry {
    Position table;
    uint32_t index = 0;
  };
  // Hashes are uniform already.
  struct Identity {
    size_t operator()(uint64_t value) const { return static_cast<size_t>(value); }
  };
  static uint64_t slot_of(TenantId tenant, storage::PlacementId placement,
                          const crypto::Sha256Value& hash);
  void drop(Position table);

  const uint64_t capacity_bytes_;
  std::mutex mutex_;
  uint64_t used_bytes_ = 0;
  std::list<Table> tables_;  // Most recently used first.
  std::map<std::pair<uint64_t, ChunkId>, Position> by_chunk_;
  // By the first bits of the hash, mixed with tenant and placement; the newest table of those that
  // have a segment in common.
  std::unordered_map<uint64_t, Entry, Identity> by_hash_;
};

}  // namespace cairn::object
