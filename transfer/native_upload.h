// Uploads to a Cairn server by names: a file is cut and hashed on all cores, offered while it is
// read, and what the server lacks is sent, chunk by chunk or only the segments that are new.
//
// An interrupted upload goes on: the session's id stands in `journal_directory`, and what was
// filled is held at the server. A file that changes while it is read is kFailedPrecondition, and
// nothing of it becomes an object. Where the server has no such door, or a file is none for it, the
// answer is nullopt and the S3 way is left (transfer/upload.h). Memory: as ChunkSupply. Thread
// rule: upload() at the crew's home.
#pragma once

#include <atomic>
#include <string>

#include "transfer/upload.h"

namespace cairn::transfer {

// Larger files do not fit into a native upload; smaller ones are one PUT, which is instant as well.
inline constexpr uint64_t kNativeBytesMax = 256 * GiB;

struct NativeDoorOptions {
  std::string journal_directory = {};  // Empty = no resume.
};

class NativeDoor final : public UploadDoor {
 public:
  explicit NativeDoor(NativeDoorOptions options) : options_(std::move(options)) {}

  io::Task<S3Result<std::optional<UploadReport>>> upload(Crew& crew, UploadJob job, Meter& meter,
                                                         io::Until until) override;

 private:
  io::Task<S3Result<std::optional<UploadReport>>> upload_file(Crew& crew, const UploadJob& job,
                                                              Meter& meter, io::File& file);

  const NativeDoorOptions options_;
  std::atomic<bool> is_absent_{false};  // The server has no such door: not asked again.
};

}  // namespace cairn::transfer
