// What is known of an unfinished multipart upload: here and at the server. Thread rule: record()
// from any reactor, the rest at home.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "transfer/journal.h"
#include "transfer/range_plan.h"
#include "transfer/upload.h"

namespace cairn::transfer {

// A part at the server.
struct SentPart {
  uint32_t number = 0;
  uint64_t size_bytes = 0;
  uint64_t crc64 = 0;
  std::string etag;
};

// How a file of this size is cut: one part size for all but the last.
uint64_t part_bytes_of(uint64_t size_bytes);

class UploadJournal {
 public:
  // "directory/<hash of endpoint, bucket, key, path>.upload"; empty without a directory.
  static std::string path_of(const std::string& directory, const std::string& endpoint,
                             const UploadJob& job);

  struct Found {
    std::string upload_id;  // Empty = nothing to go on from.
    std::vector<SentPart> parts;
  };
  // What an earlier run left for this very state of the file.
  static io::Task<Found> find(io::FileSystem& files, std::string path, UploadJob job,
                              io::FileStatus status);
  // Begins anew; null when there is no directory or it cannot be written.
  static io::Task<std::unique_ptr<UploadJournal>> create(io::FileSystem& files, std::string path,
                                                         UploadJob job, io::FileStatus status,
                                                         std::string upload_id,
                                                         std::vector<SentPart> parts);
  io::Task<void> record(SentPart part);
  io::Task<void> close();

 private:
  explicit UploadJournal(std::unique_ptr<Journal> journal) : journal_(std::move(journal)) {}
  std::unique_ptr<Journal> journal_;
};

}  // namespace cairn::transfer
