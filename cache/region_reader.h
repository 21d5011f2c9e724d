// Reads runs back from the cache file and checks everything: a run that is not whole and right is
// reported as kNotFound, and forgotten.
//
// Thread rule: any reactor. The parts outlive the calls.
#pragma once

#include <memory>

#include "base/buffer.h"
#include "cache/device_health.h"
#include "cache/disk_contents.h"
#include "cache/disk_metrics.h"
#include "cache/region_file.h"

namespace cairn::cache {

class RegionReader {
 public:
  RegionReader(RegionFile& file, DiskContents& contents, DeviceHealth& health,
               DiskTierCounters& counters)
      : file_(file), contents_(contents), health_(health), counters_(counters) {}

  // Bytes of memory that read() needs for these frames of the run: whole disk blocks.
  static size_t room_bytes(const HeldRun& run, FrameRange frames);
  // Reads `frames`, as far as the chunk has them, to the front of `room` and returns the entry's
  // header. kNotFound when the entry is not that run, or a frame does not match its checksum; kIo.
  // REQUIRES: the frames are the run's; `room` is aligned, of room_bytes(), and lives.
  io::Task<Result<EntryHeader>> read(HeldRun run, FrameRange frames, MutableBytes room);
  // The same of the run's first frames in one read: `room` begins with a block for the header.
  io::Task<Result<EntryHeader>> read_front(HeldRun run, MutableBytes room);
  io::Task<Result<EntryHeader>> read_header(HeldRun run);
  // The whole run at a place, whatever chunk it is of.
  io::Task<Result<SealedRunPointer>> read_item(DiskItem item);

 private:
  io::Task<void> read_blocks(MutableBytes into, DiskPlace place, uint64_t skipped_bytes,
                             Status& done);
  Result<EntryHeader> check(const HeldRun& run, const Status& read, BytesView block);
  static bool frames_right(const EntryHeader& header, size_t skipped_frames, BytesView room);
  std::unexpected<Error> rotten(const HeldRun& run);

  RegionFile& file_;
  DiskContents& contents_;
  DeviceHealth& health_;
  DiskTierCounters& counters_;
};

}  // namespace cairn::cache
