// RegionWriter: writes admitted runs to the open regions, off the critical path, and turns over
// regions: seals the full one with a footer, empties the next, moves what of it is worth keeping.
// Two regions are open, one of each log of the policy (disk_policy.h): first misses, and the rest.
//
// A bounded queue that any reactor fills and one task on the tier's home reactor empties. What
// waits in it can be read from it. A queue that is full refuses, and so does a device that is
// bypassed: an admission is never waited for.
//
// Order of writing: data, flush, footer, flush. A footer that is there names only entries that are;
// but nothing relies on it, for entries are checked whenever they are read.
//
// Thread rule: enqueue(), find() and drop_chunk() on any reactor; the rest on the home reactor.
// REQUIRES: close() is awaited before destruction, and nothing is called meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "cache/device_health.h"
#include "cache/disk_contents.h"
#include "cache/region_file.h"
#include "cache/region_reader.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/sync.h"

namespace cairn::cache {

class RegionWriter {
 public:
  struct Parts {
    RegionFile& file;
    DiskContents& contents;
    RegionReader& reader;
    DeviceHealth& health;
    DiskTierCounters& counters;
  };
  // `next_sequence` is behind all that footers name.
  RegionWriter(const Parts& parts, uint64_t next_sequence);
  RegionWriter(const RegionWriter&) = delete;
  RegionWriter& operator=(const RegionWriter&) = delete;

  // Starts the task on the current reactor.
  void start();
  // Writes what is queued, seals the open regions and ends the task.
  io::Task<void> close();

  // `drops_seen`: as counted before the run was fetched. Ignored when the chunk was dropped since.
  void enqueue(SealedRunPointer run, uint64_t drops_seen, bool by_chance, const Hints& hints);
  // A run that waits to be written and has all of `frames`; null when there is none. With `pin` it
  // is pinned once it is written.
  SealedRunPointer find(const ChunkId& chunk, FrameRange frames, bool pin);
  // To be called behind DiskContents::erase_chunk().
  void drop_chunk(const ChunkId& chunk);
  uint64_t queued_bytes() const { return queued_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Item {
    SealedRunPointer run;
    uint64_t drops_seen = 0;
    DiskLog log = DiskLog::kKept;
    Hints hints;
  };
  // A region that is being filled.
  struct Filling {
    std::optional<RegionId> region;
    uint64_t sequence = 0;
    std::vector<FooterRow> rows;
    std::vector<Instant> expiries;  // Of the rows.
    size_t placed_count = 0;        // At least as many as there are rows.
  };
  // Entries that lie behind each other and are written together.
  struct Batch {
    std::vector<Item> items;
    std::vector<DiskPlace> places;
    std::vector<Buffer> headers;
    std::vector<BytesView> pieces;
    uint64_t size_bytes = 0;
  };

  io::Task<void> run();
  std::vector<Item> take_some();
  void put_away(const std::vector<Item>& items);
  bool pin_wanted(const Item& item);
  io::Task<void> write_items(std::vector<Item> items);
  void add_to_batch(Batch& batch, Item item, const DiskPlace& place);
  io::Task<void> write_batches(std::array<Batch, 2>& batches);
  io::Task<void> write_batch(Batch batch, Filling& filling);
  io::Task<void> turn_over(DiskLog log);
  io::Task<void> seal(DiskLog log);
  void add_left_rows(DiskLog log, Filling& filled) const;
  static void note_row(Filling& filling, uint64_t fingerprint, const DiskPlace& place,
                       Instant expires);
  // In order of their offsets.
  io::Task<void> keep_survivors(std::vector<DiskItem> survivors);
  io::Task<void> keep(DiskItem survivor);
  std::optional<DiskPlace> place_for(uint64_t data_bytes, DiskLog log);
  Filling& filling(DiskLog log) { return fillings_[static_cast<size_t>(log)]; }
  void fill_header(const SealedRun& run, uint64_t sequence, MutableBytes block) const;
  void note_write(const Status& done);

  const Parts parts_;

  // On the home reactor only.
  uint64_t next_sequence_;
  std::array<Filling, 2> fillings_;  // By log.

  std::mutex mutex_;  // Guards what follows; never held across a wait.
  std::deque<Item> queue_;
  // Of the queue, and of what is being written.
  struct Waiting {
    SealedRunPointer run;
    bool pin = false;
    Instant expires = kNever;
  };
  std::map<BlockKey, Waiting> waiting_;
  bool asleep_ = false;  // The task waits for `wake_`, and whoever wakes it posts that once.
  bool stopping_ = false;

  std::atomic<uint64_t> queued_bytes_{0};
  io::Reactor* home_ = nullptr;
  io::Event wake_;
  io::Scope scope_;
};

}  // namespace cairn::cache
