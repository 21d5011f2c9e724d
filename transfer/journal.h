// A file of records that a later run reads to go on where this one stopped (docs/format.md,
// "Transfer journals").
//
// A journal is a hint: whoever reads it verifies what it says against the data or the server, so it
// is never synced, and a torn, old or alien one only means starting over. The first record says
// what the journal is about. Thread rule: append() from any reactor.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/units.h"
#include "io/file.h"
#include "io/task.h"

namespace cairn::transfer {

inline constexpr size_t kJournalRecordBytesMax = 4 * KiB;
inline constexpr size_t kJournalBytesMax = 64 * MiB;

// Numbers and texts of a record, little-endian; texts carry their length.
class RecordWriter {
 public:
  RecordWriter& number(uint64_t value);
  RecordWriter& text(std::string_view value);
  BytesView view() const { return bytes_; }

 private:
  Bytes bytes_;
};
// Reads them back; once something is missing, everything is 0 or empty and ok() is false.
class RecordReader {
 public:
  explicit RecordReader(BytesView bytes) : rest_(bytes) {}
  uint64_t number();
  std::string text();
  // Nothing was missing and nothing is left.
  bool is_whole() const { return ok_ && rest_.empty(); }

 private:
  BytesView rest_;
  bool ok_ = true;
};

// The records of a journal's bytes up to the first that is damaged; none when it is no journal of
// this version.
std::vector<Bytes> parse_journal(BytesView bytes);

// REQUIRES: close() is awaited exactly once before destruction.
class Journal {
 public:
  // The records that are there, in order; empty when there is no usable journal.
  static io::Task<Result<std::vector<Bytes>>> read(io::FileSystem& files, std::string path);
  // Begins anew with these records.
  static io::Task<Result<std::unique_ptr<Journal>>> create(io::FileSystem& files, std::string path,
                                                           std::vector<Bytes> records);
  ~Journal() = default;
  // REQUIRES: record.size() <= kJournalRecordBytesMax.
  io::Task<Status> append(Bytes record);
  io::Task<void> close();

 private:
  explicit Journal(std::unique_ptr<io::File> file) : file_(std::move(file)) {}

  std::unique_ptr<io::File> file_;
  std::mutex mutex_;  // Guards end_bytes_.
  uint64_t end_bytes_ = 0;
};

}  // namespace cairn::transfer
