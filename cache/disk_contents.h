// DiskContents: what a disk tier holds and what it wants: the policy (disk_policy.h) and the
// admission (admission.h) behind one lock, in terms of runs of chunks.
//
// A run is found by its fingerprint only; who reads it compares the entry on disk with what it
// wanted, and forgets the place when that is something else. A chunk that is dropped while one of
// its runs is on its way to the disk is told by a count of drops: what was fetched before the drop
// is not entered after it.
//
// Thread rule: any thread; the lock is held for a few table operations.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "cache/admission.h"
#include "cache/disk_metrics.h"
#include "cache/disk_policy.h"
#include "cache/region_format.h"
#include "cache/run.h"

namespace cairn::cache {

// A run on disk, as the index knows it.
struct HeldRun {
  BlockKey key;
  DiskPlace place;

  FrameRange frames() const {
    return {key.first_frame,
            key.first_frame + entry_frames(static_cast<uint16_t>(place.size_units))};
  }
};

struct DiskContentsOptions {
  CacheGeometry geometry;
  uint64_t write_bytes_per_second = 0;  // 0: no budget.
  double chance = 0.15;                 // Of a first miss without a budget; 1 admits everything.
};

class DiskContents {
 public:
  DiskContents(const DiskContentsOptions& options, DiskTierCounters& counters, Instant now);

  // A run that has all of `frames`, which lie in one block; counts the reference.
  std::optional<HeldRun> find(const ChunkId& chunk, FrameRange frames, const Hints& hints,
                              Instant now);
  // The run is not what was expected at its place: forgotten. False when it is not held there any
  // more: its region was used for something else since.
  bool forget(const HeldRun& run);
  // The chunk was dropped. Erases its runs, and what is on its way stays out.
  void erase_chunk(const ChunkId& chunk);
  uint64_t drops_seen(const ChunkId& chunk);
  size_t unpin_chunk(const ChunkId& chunk);
  CachedBytes cached_bytes(const ChunkId& chunk, ByteRange range);
  void set_share(uint16_t tenant, uint64_t share_bytes);

  // For a run that was fetched; counted by reason.
  Admission decide(const BlockKey& key, uint64_t size_bytes, const storage::ReadOptions& options,
                   Instant now);

  // For the writer. A place for an entry of so many blocks in the open region of a log; none when
  // full.
  std::optional<DiskPlace> place(uint16_t size_blocks, DiskLog log);
  // Enters a run that was written; runs that it makes superfluous go, and leave their pins to it.
  // False when its chunk was dropped since `drops_seen`, or when something larger is there.
  bool commit(const BlockKey& key, const DiskPlace& place, uint64_t drops_seen, bool by_chance,
              const Hints& hints, Instant now);
  void wrote(uint64_t size_bytes, Instant now);
  // Closes the open region of a log and names the next.
  RegionId next_region(DiskLog log);
  // Gives up a region whose footer has these rows; what shall be written again is returned.
  std::vector<DiskItem> reclaim(RegionId region, std::span<const FooterRow> rows, Instant now);
  void open_region(RegionId region, DiskLog log);
  // Entries of the last filling of a log's open region that nothing was written over yet.
  struct LeftRun {
    DiskItem item;
    Instant expires;
  };
  std::vector<LeftRun> left_in(DiskLog log);
  // When it expires, once it is at its new place; none when it was erased meanwhile.
  std::optional<Instant> move(const DiskItem& survivor, const DiskPlace& place);
  void drop(const DiskItem& survivor);

  // At start, oldest region first; then the regions that have nothing.
  void restore(const RegionFooter& footer, WallTime wall_now, Instant now);
  // Whether runs of an earlier time were found: they may be of chunks that were dropped since.
  bool restored() const { return restored_; }

  void read_into(DiskTierMetrics& metrics);

 private:
  static size_t shard_of(const ChunkId& chunk) { return chunk.bytes[0]; }
  std::optional<HeldRun> peek(const BlockKey& key);
  void count_departed(const std::vector<DiskDeparture>& departed);
  // True when one of them was pinned.
  bool erase_superfluous(const BlockKey& key, const FrameRange& frames);

  const CacheGeometry geometry_;
  DiskTierCounters& counters_;
  bool restored_ = false;  // Written before the tier is used.

  std::mutex mutex_;  // Guards the rest; never held across a wait.
  DiskPolicy policy_;
  AdmissionControl admission_;
  std::array<uint64_t, 256> drops_{};  // By the first byte of the chunk's id.
};

}  // namespace cairn::cache
