// Volume: one directory of a store: its FORMAT and lock, its log files, its health.
//
// Thread rule: any reactor after open; what changes is atomic or under the lock. Outlives its log
// files. REQUIRES: close() is awaited before destruction.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/file.h"
#include "storage/limits.h"
#include "storage/log_file.h"
#include "storage/log_recovery.h"
#include "storage/metrics.h"

namespace cairn::storage {

class ChunkIndex;
class LogWriter;

// What every volume of a store shares; outlives the volumes.
struct VolumeContext {
  io::FileSystem& files;
  Random& random;
  StoreCounters& counters;
  ChunkIndex& index;
  uint64_t log_file_bytes;
  uint64_t reserve_bytes;
};

class Volume {
 public:
  // Locks the directory, which is created when absent, and reads its FORMAT when there is one.
  static io::Task<Result<std::unique_ptr<Volume>>> open(VolumeContext& context,
                                                        std::string directory);
  ~Volume();
  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;

  const std::string& directory() const { return directory_; }
  bool has_format() const { return has_format_; }
  const VolumeFormat& format() const { return format_; }
  // Writes FORMAT atomically. Fails with kFailedPrecondition where a fresh directory is not empty.
  io::Task<Status> write_format(VolumeFormat format);

  // Fills the index from the log files, moves what is not ours to quarantine/, ends unsealed files.
  io::Task<Status> recover();

  // A new log file, its first kPreallocationBytes preallocated, its entry in the directory durable;
  // `*capacity_bytes` is how large it may grow. kNoSpace when not even the smallest one leaves the
  // reserve free.
  io::Task<Result<std::shared_ptr<LogFile>>> create_log(uint64_t* capacity_bytes);
  // Preallocates `extension_bytes` behind the first `allocated_bytes`. kNoSpace when that would eat
  // into the reserve.
  io::Task<Status> extend_log(LogFile& log, uint64_t allocated_bytes, uint64_t extension_bytes);
  // Ends a log file without live records: unlinks it.
  io::Task<void> give_up(std::shared_ptr<LogFile> log);
  // Gives a record's space back and ends its log file when it was the last one.
  io::Task<void> drop(Location location);
  // Writes the footer of a file that gets no further record; a file without records is given up.
  // Ends the live count that the file's writer holds.
  io::Task<Status> seal(std::shared_ptr<LogFile> log, uint64_t end_bytes);

  // The writer of the current reactor.
  LogWriter& writer();

  // Health: two failures of writes or flushes in a row make the volume read-only. Being full, or
  // out of file descriptors or memory, is a state of the server that passes, and no failure.
  void note_success() { failures_in_a_row_.store(0, std::memory_order_relaxed); }
  void note_failure(const Error& error);
  bool read_only() const { return read_only_.load(std::memory_order_relaxed); }

  // Free space beyond the reserve as last seen: the weight of placement.
  uint64_t available_bytes() const { return available_bytes_.load(std::memory_order_relaxed); }
  io::Task<Result<io::SpaceInfo>> refresh_space();
  io::Task<Result<uint64_t>> allocated_bytes();

  io::Task<Status> close();
  VolumeContext& context() { return context_; }

 private:
  struct Found {
    std::shared_ptr<LogFile> log;
    uint64_t end_bytes = 0;
    bool sealed = false;
  };

  Volume(VolumeContext& context, std::string directory);
  std::string path_of(const std::string& name) const { return directory_ + "/" + name; }
  io::Task<Status> read_format();
  io::Task<void> look_at_holes();
  io::Task<Status> recover_file(std::string name, std::vector<Found>& found);
  io::Task<Result<std::shared_ptr<LogFile>>> open_log(std::string name);
  io::Task<Status> adopt(Found& found, std::vector<FooterEntry> records,
                         std::vector<Location>& duplicates);
  io::Task<Status> quarantine(std::string name, std::string reason);
  io::Task<Status> start_log(io::File& file, const LogHeader& header, uint64_t capacity_bytes);
  io::Task<Status> write_footer(LogFile& log, uint64_t end_bytes, std::vector<FooterEntry> records);
  std::vector<std::shared_ptr<LogFile>> logs();

  VolumeContext& context_;
  const std::string directory_;
  std::unique_ptr<io::FileLock> lock_;
  VolumeFormat format_;
  bool has_format_ = false;
  Holes holes_ = Holes::kCoarse;  // Known once it recovers.

  std::mutex mutex_;  // Guards the two containers; never held across a wait.
  std::vector<std::shared_ptr<LogFile>> logs_;
  std::map<int, std::unique_ptr<LogWriter>> writers_;  // By index of the reactor.

  std::atomic<uint64_t> next_creation_sequence_{1};
  std::atomic<unsigned> failures_in_a_row_{0};
  std::atomic<bool> read_only_{false};
  std::atomic<uint64_t> available_bytes_{0};
};

}  // namespace cairn::storage
