// Copies objects from one S3 server to another through this machine, without a file between.
//
// Where the target is a Cairn server a large body goes by names of chunks, so that only what is
// missing there travels; elsewhere in parts. Headers, x-amz-meta-* and tags come along; ACLs, which
// name users of the one site, and older versions do not (the server's own sync job carries them). A
// source that changes meanwhile is kFailedPrecondition. Memory: a few chunks, or kPartsSideBySide
// parts. Thread rule: one reactor.
#pragma once

#include <string>
#include <vector>

#include "transfer/bandwidth.h"
#include "transfer/native_stream.h"
#include "transfer/s3_client.h"

namespace cairn::cli {

class SiteCopier {
 public:
  static constexpr uint64_t kWholeBytesMax = 8 * MiB;  // In one request.
  static constexpr uint64_t kPartBytesMin = 16 * MiB;
  static constexpr uint64_t kPartsMax = 10'000;
  static constexpr size_t kPartsSideBySide = 2;

  // All outlive it.
  SiteCopier(transfer::S3Client& from, transfer::S3Client& to, transfer::Bandwidth& bandwidth,
             bool may_use_native)
      : from_(from), to_(to), bandwidth_(bandwidth), may_use_native_(may_use_native) {}

  io::Task<transfer::S3Status> copy(std::string from_bucket, std::string key, std::string to_bucket,
                                    std::string to_key, io::Until until);
  const transfer::StreamCounts& counts() const { return counts_; }

 private:
  struct Job;
  struct Parts;
  io::Task<transfer::S3Status> copy_whole(const Job& job);
  // False where the target has no native door.
  io::Task<transfer::S3Result<bool>> copy_chunks(const Job& job);
  io::Task<transfer::S3Status> copy_parts(const Job& job);
  io::Task<void> send_parts(const Job& job, Parts& parts);
  io::Task<transfer::S3Status> send_part(const Job& job, Parts& parts, size_t index);

  transfer::S3Client& from_;
  transfer::S3Client& to_;
  transfer::Bandwidth& bandwidth_;
  const bool may_use_native_;
  transfer::StreamCounts counts_;
};

}  // namespace cairn::cli
