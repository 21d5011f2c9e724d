// Downloads: one object in parallel ranges into one preallocated file, or whole when it is small.
//
// - Data goes to ".name.cairn-partial" beside the target, out of order; the target appears by one
//   rename once all of it is there and verified. A reader never sees half a file.
// - ".name.cairn-journal" tells what the partial file holds. A later run reads those ranges back
// and
//   compares their CRC-64 before it believes them, so a kill or a power cut costs what was not yet
//   written, never a wrong byte, and nothing is synced on the way. With `sync`, data and directory
//   are flushed around the rename.
// - Every range is asked for under If-Match: an object that changes meanwhile is started over.
// - Verified at the end against the object's CRC-64/NVME, joined from the ranges while they are
// hot;
//   else its SHA-256, else an ETag that is an MD5, by reading the file once more.
// - Late ranges at the end are asked for a second time (hedged); the first answer wins.
// - Memory: two pieces of kDownloadPieceBytes per request in flight.
//
// Failures: Failure of the server; kNoSpace, kIo of the disk; kCorruption when what arrived is not
// what the object's checksum says; kUnavailable when another process downloads to the same target.
// Thread rule: called at the crew's home.
#pragma once

#include <optional>
#include <string>

#include "transfer/crew.h"
#include "transfer/meter.h"
#include "transfer/pace.h"

namespace cairn::transfer {

inline constexpr size_t kDownloadPieceBytes = 1 * MiB;
// An object of at most this size is fetched by one request into memory.
inline constexpr uint64_t kWholeBytesMax = 8 * MiB;
inline constexpr uint64_t kRangeBytesMin = 1 * MiB;
inline constexpr uint64_t kRangeBytesStart = 8 * MiB;
inline constexpr uint64_t kRangeBytesMax = 32 * MiB;

struct DownloadJob {
  std::string bucket;
  std::string key;
  std::string path;  // Of the target; its directory exists.
  std::string version_id = {};
  std::optional<uint64_t> size_hint_bytes = {};  // From a listing: saves a HEAD for small objects.
  std::optional<crypto::Sha256Value> sha256 = {};  // Required of the content.
};

struct DownloadOptions {
  bool resume = true;
  bool sync = false;
  bool direct = true;     // O_DIRECT: keeps the page cache, and half of the CPU.
  bool check_md5 = true;  // Where an ETag is the only thing to compare with.
  PaceLimits pace = {};
};

enum class VerifiedBy : unsigned char { kNothing, kCrc64, kSha256, kMd5 };

struct DownloadReport {
  ObjectInfo info;
  uint64_t resumed_bytes = 0;
  unsigned hedges_count = 0;
  unsigned restarts_count = 0;
  VerifiedBy verified_by = VerifiedBy::kNothing;
};

// REQUIRES: called at the crew's home.
io::Task<S3Result<DownloadReport>> download(Crew& crew, DownloadJob job, DownloadOptions options,
                                            Meter& meter, io::Until until);

// One small object by one request on `member`'s reactor: what download_many() does by the thousand.
io::Task<S3Result<DownloadReport>> download_whole(Crew& crew, size_t member, DownloadJob job,
                                                  DownloadOptions options, Meter& meter);

}  // namespace cairn::transfer
