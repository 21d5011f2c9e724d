// What an existing log file holds: by its footer when it was sealed, by a scan otherwise.
#pragma once

#include <vector>

#include "storage/log_file.h"
#include "storage/metrics.h"

namespace cairn::storage {

struct RecoveredLog {
  std::vector<FooterEntry> records;  // Not punched; of a scanned file: payload verified as well.
  bool sealed = false;               // A footer ends the file.
  uint64_t end_bytes = kBlockBytes;  // Behind the last record; where a footer goes.
};

// What the holes of a file system tell of the records that a footer lists.
enum class Holes : uint8_t {
  kExact,   // A punched block is a hole.
  kCoarse,  // It may be zeros among other data instead: each record's header is looked at.
};

// Reads the footer, or scans when there is none or it is damaged. A scan takes every record whose
// header and payload verify and steps over anything else block by block: a torn append may lie
// before records that were flushed later. Fails with the file's errors only.
io::Task<Result<RecoveredLog>> recover_log(LogFile& log, Holes holes, StoreCounters& counters);

// How the file system of `file`, an empty one, keeps holes; kCoarse where that cannot be told.
io::Task<Holes> probe_holes(io::File& file);

// Reads `into` at `offset_bytes` in pieces of at most kReadBytesMax.
io::Task<Status> read_pieces(io::File& file, MutableBytes into, uint64_t offset_bytes);

// XXH3 of `size_bytes` at `offset_bytes`, read through `scratch` (whole blocks).
io::Task<Result<uint64_t>> checksum_on_disk(io::File& file, uint64_t offset_bytes,
                                            uint64_t size_bytes, MutableBytes scratch);

}  // namespace cairn::storage
