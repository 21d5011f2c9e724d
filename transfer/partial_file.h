// The files of one download in progress: the data that is there, and the journal that says so.
// See transfer/download.h for the rules. Thread rule: record() and file() from any reactor, the
// rest at home.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "transfer/download.h"
#include "transfer/journal.h"
#include "transfer/range_plan.h"

namespace cairn::transfer {

// REQUIRES: close() is awaited exactly once before destruction.
class PartialFile {
 public:
  // Locks, opens, takes over what an earlier run left for the same object, and preallocates.
  // kUnavailable when another process holds it, kNoSpace with the numbers.
  static io::Task<S3Result<std::unique_ptr<PartialFile>>> open(io::FileSystem& files,
                                                               DownloadJob job, ObjectInfo info,
                                                               DownloadOptions options);
  // What was taken over; read back and compared.
  const std::vector<DonePiece>& resumed() const { return resumed_; }
  io::File& file() { return *file_; }
  // Writes `piece` (memory up to its capacity may be padded); any offset that is a multiple of
  // kIoAlignment.
  io::Task<Status> write(Buffer& piece, uint64_t offset_bytes);
  io::Task<Status> record(DonePiece piece);
  // Puts the data in place under the target's name and removes the journal.
  io::Task<S3Status> publish(bool sync);
  // Removes everything: nothing of it is of use.
  io::Task<void> discard();
  // Without publish(): leaves a state that a later run can go on from.
  io::Task<void> close();

 private:
  PartialFile(io::FileSystem& files, std::string target, ObjectInfo info);
  io::Task<S3Status> take_over(Bytes header, bool resume);
  io::Task<S3Status> reserve_space();

  io::FileSystem& files_;
  const std::string target_;
  const std::string partial_path_;
  const std::string journal_path_;
  const ObjectInfo info_;
  std::unique_ptr<io::FileLock> lock_;
  std::unique_ptr<io::File> file_;
  std::unique_ptr<Journal> journal_;
  std::vector<DonePiece> resumed_;
};

}  // namespace cairn::transfer
