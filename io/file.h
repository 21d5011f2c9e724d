// Files and directories, real and simulated.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "io/task.h"

namespace cairn::io {

// What tells whether a file is still the one that was looked at.
struct FileStatus {
  uint64_t size_bytes = 0;
  int64_t modified_ns = 0;  // Since 1970; 0 where the file system does not know.
  uint64_t inode = 0;
  friend bool operator==(const FileStatus&, const FileStatus&) = default;
};

// An open file. Operations may be called from any reactor and run on the calling one; concurrent
// operations on disjoint ranges are independent.
// REQUIRES: close() is awaited exactly once before destruction.
class File {
 public:
  virtual ~File() = default;

  // Up to into.size() bytes at `offset_bytes`; 0 only at the end of the file.
  virtual Task<Result<size_t>> read_some(MutableBytes into, uint64_t offset_bytes) = 0;
  // Gathers `pieces`; may write less than asked. A direct file needs aligned memory, sizes, offset.
  virtual Task<Result<size_t>> write_some(std::span<const BytesView> pieces,
                                          uint64_t offset_bytes) = 0;
  // fdatasync. After a failure the file's unsynced contents are unknown: never retry (ATC'20).
  virtual Task<Status> sync_data() = 0;
  // Reserves space so that later writes inside the range cannot fail for lack of it and change no
  // file system metadata; extends the size.
  virtual Task<Status> allocate(uint64_t offset_bytes, uint64_t size_bytes) = 0;
  // Gives the range's space back; it reads as zeros afterwards. Size unchanged.
  virtual Task<Status> punch_hole(uint64_t offset_bytes, uint64_t size_bytes) = 0;
  virtual Task<Status> truncate(uint64_t size_bytes) = 0;
  virtual Task<Result<uint64_t>> size() = 0;
  // Default: the size alone.
  virtual Task<Result<FileStatus>> status();
  // First offset >= `offset_bytes` that holds data (SEEK_DATA); kNotFound when there is none.
  // Preallocated, never written ranges count as holes.
  virtual Task<Result<uint64_t>> next_data(uint64_t offset_bytes) = 0;
  // Bytes of disk in use (st_blocks).
  virtual Task<Result<uint64_t>> allocated_bytes() = 0;
  virtual Task<void> close() = 0;

  // Fails with kOutOfRange when the file ends inside the range. Loops over short reads.
  Task<Status> read_exact(MutableBytes into, uint64_t offset_bytes);
  // Loops over short writes (re-slicing `pieces`), so all or an error.
  Task<Status> write_all(BytesView bytes, uint64_t offset_bytes);
  Task<Status> write_all(std::vector<BytesView> pieces, uint64_t offset_bytes);
};

struct OpenOptions {
  bool write = false;
  bool create = false;     // Create when absent.
  bool exclusive = false;  // With create: kAlreadyExists when present.
  bool direct = false;     // O_DIRECT; falls back to buffered where the file system refuses it.
  bool truncate = false;
  bool public_mode = false;  // A created file gets 0666 less the umask instead of 0600.
  bool no_follow = false;    // Refuses a symbolic link at the end of the path.
};

// A whole small file with the status it had when it was opened.
struct FileContents {
  Buffer bytes;
  FileStatus status;
};

struct SpaceInfo {
  uint64_t total_bytes = 0;
  uint64_t available_bytes = 0;
};

// A held lock (flock); released when destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Paths are absolute or relative to the working directory. Used from any reactor.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) = 0;
  // Creates missing parents as well. Mode 0700.
  virtual Task<Status> create_directories(std::string path) = 0;
  // Names of entries, without "." and "..", sorted.
  virtual Task<Result<std::vector<std::string>>> list(std::string directory) = 0;
  virtual Task<Status> rename(std::string from, std::string to) = 0;
  virtual Task<Status> unlink(std::string path) = 0;
  // Makes created, renamed and unlinked entries of the directory durable.
  virtual Task<Status> sync_directory(std::string directory) = 0;
  virtual Task<Result<SpaceInfo>> space(std::string path) = 0;
  // The whole file, into memory of the heap; kOutOfRange when it is larger than `size_max_bytes`.
  virtual Task<Result<FileContents>> read_file(std::string path, size_t size_max_bytes);
  // Puts a file at `path` as a whole or not at all: written to `temporary` (same directory,
  // replaced when it is there), then renamed. Mode 0666 less the umask. `bytes` must live until
  // then. Nothing is synced: after a power cut the file may be gone or empty.
  virtual Task<Status> write_file(std::string path, std::string temporary, BytesView bytes);
  // kUnavailable when another process holds it.
  virtual Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) = 0;
};

FileSystem& system_file_system();

}  // namespace cairn::io
