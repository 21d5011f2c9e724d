// LogFile: one open log file, shared by the index entries that point into it, readers and its
// writer.
//
// Lifetime: the file starts with one use, which ends when it is given up (no live record is left,
// or the store closes); every operation on it holds a further use. Whoever ends the last use closes
// it. Thread rule: any reactor.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "io/file.h"
#include "storage/log_format.h"

namespace cairn::storage {

class Volume;

class LogFile {
 public:
  LogFile(Volume& volume, std::unique_ptr<io::File> file, std::string path, LogHeader header)
      : volume_(volume), file_(std::move(file)), path_(std::move(path)), header_(header) {}
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile();  // Asserts that the last use was ended.

  void acquire() { uses_.fetch_add(1, std::memory_order_relaxed); }
  // Ends a use; closes the file when it was the last one.
  io::Task<void> release();

  io::File& file() { return *file_; }
  Volume& volume() { return volume_; }
  const std::string& path() const { return path_; }
  const LogHeader& header() const { return header_; }

  // Live records. The writer holds one more while it may still append, so that a log file in use is
  // never given up.
  void add_live() { live_count_.fetch_add(1, std::memory_order_relaxed); }
  // True when none is left: the caller gives the file up.
  bool remove_live() { return live_count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

 private:
  Volume& volume_;
  std::unique_ptr<io::File> file_;
  const std::string path_;
  const LogHeader header_;
  std::atomic<uint32_t> uses_{1};
  std::atomic<uint64_t> live_count_{0};
};

// Where a record is.
struct Location {
  std::shared_ptr<LogFile> log;
  uint64_t offset_bytes = 0;
  uint64_t payload_bytes = 0;
  uint32_t header_bytes = 0;

  bool same_place(const Location& other) const {
    return log == other.log && offset_bytes == other.offset_bytes;
  }
  const void* container() const { return log.get(); }
  uint64_t stored_bytes() const { return record_bytes(payload_bytes); }
  void add_live() const { log->add_live(); }
  void acquire() const { log->acquire(); }
};

}  // namespace cairn::storage
