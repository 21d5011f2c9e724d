// Uploads: a small file by one PUT, a large one in parts that are read, hashed and sent side by
// side.
//
// - On each reactor a producer reads the next parts three at a time and hashes them in step, for
//   SHA-256 runs twice as fast on interleaved streams (bench/README.md, crypto); senders take what
//   is ready. A body is in memory when its head is written, so its hash is signed.
// - A journal in `journal_directory` keeps the upload id and the finished parts. A later run of the
//   same file to the same key compares them with the server's ListParts and sends the rest. Without
//   a directory nothing is resumed.
// - A file that changes while it is read is an error (kFailedPrecondition), and its upload is
//   aborted: parts of two states must never become one object.
// - The server compares the CRC-64/NVME of the whole object, joined from the parts, where it knows
//   it (S3ClientOptions::send_crc64).
// - Memory: parts_in_memory_max parts on each reactor.
//
// An UploadDoor (the native protocol of a Cairn server) is tried first, where there is one.
// Thread rule: called at the crew's home.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "transfer/crew.h"
#include "transfer/meter.h"
#include "transfer/pace.h"

namespace cairn::transfer {

// A file of at most this size is sent by one PUT.
inline constexpr uint64_t kSinglePutBytesMax = 8 * MiB;
inline constexpr uint64_t kPartBytesMin = 8 * MiB;  // S3 asks for 5 MiB.
inline constexpr uint32_t kPartsMax = 10'000;       // S3's.
// The largest block of the buffer pool; larger parts are read while they are sent.
inline constexpr uint64_t kPartInMemoryBytesMax = 16 * MiB;
inline constexpr uint64_t kObjectBytesMax = 5 * TiB;  // S3's.

struct UploadJob {
  std::string path;
  std::string bucket;
  std::string key;
  std::vector<HeaderPair> headers = {};  // Content-Type, x-amz-meta-*, ...
  Conditions conditions = {};
};

class UploadDoor;

struct UploadOptions {
  std::string journal_directory = {};  // Empty = no resume.
  size_t parts_in_memory_max = 12;     // On each reactor.
  PaceLimits pace = {.in_flight_min = 1, .in_flight_start = 6, .in_flight_max = 16};
  UploadDoor* door = nullptr;  // Outlives the call.
};

struct UploadReport {
  std::string etag;
  std::string version_id;
  uint64_t size_bytes = 0;
  uint64_t resumed_bytes = 0;
  uint64_t instant_bytes = 0;       // Known to the server by their hash: not sent.
  uint64_t deduplicated_bytes = 0;  // The same for pieces (native protocol).
};

// Another way to bring a file to a server.
class UploadDoor {
 public:
  virtual ~UploadDoor() = default;
  // nullopt = this server does not have it, or this file is none for it: the S3 way is taken.
  virtual io::Task<S3Result<std::optional<UploadReport>>> upload(Crew& crew, UploadJob job,
                                                                 Meter& meter, io::Until until) = 0;
};

// REQUIRES: called at the crew's home.
io::Task<S3Result<UploadReport>> upload(Crew& crew, UploadJob job, UploadOptions options,
                                        Meter& meter, io::Until until);

// One small file by one PUT on `member`'s reactor; kOutOfRange when it is larger than
// kSinglePutBytesMax.
io::Task<S3Result<UploadReport>> upload_whole(Crew& crew, size_t member, UploadJob job,
                                              Meter& meter);

// Gives up an unfinished upload of this job: aborts it at the server and forgets the journal.
io::Task<S3Status> abandon_upload(Crew& crew, UploadJob job, UploadOptions options);

}  // namespace cairn::transfer
