// LogWriter: appends records to the log file of one reactor on one volume, with shared flushes.
//
// Append = reserve a place, write header block and payload in one gathered write, wait for a flush
// that began after the write. Flushes are shared: while one runs, the writes that complete collect
// for the next one (group commit), so the disk is never idle and no timer is needed.
// A log file that is full is retired: it takes no further reservation, and the last append on it
// writes the footer. A failed write or flush condemns it: everyone who waits fails, nothing is
// written or flushed there again, and its records that were flushed before stay readable.
//
// Thread rule: used on one reactor; close() on any when nothing is in progress.
#pragma once

#include <cstdint>
#include <memory>

#include "io/sync.h"
#include "storage/chunk_store.h"
#include "storage/volume.h"

namespace cairn::storage {

class LogWriter {
 public:
  explicit LogWriter(Volume& volume) : volume_(volume) {}
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Appends durably and publishes the chunk in the index. `chunk` outlives the call. kNoSpace, kIo.
  io::Task<Status> append(ChunkId id, SealedChunk& chunk);
  // Seals the log file in use.
  io::Task<Status> close();

 private:
  struct FlushGroup {
    io::Event done;
    Status result;
  };
  // A log file that takes appends, or whose last appends are under way.
  struct ActiveLog {
    std::shared_ptr<LogFile> log;
    uint64_t capacity_bytes = 0;
    uint64_t allocated_bytes = 0;
    uint64_t end_bytes = kBlockBytes;
    uint64_t records_count = 0;
    unsigned appends_running = 0;
    bool retired = false;
    bool condemned = false;
    std::shared_ptr<FlushGroup> collecting;
    std::shared_ptr<FlushGroup> flushing;
  };
  struct Place {
    std::shared_ptr<ActiveLog> active;
    uint64_t offset_bytes = 0;
    uint64_t sequence = 0;
  };

  io::Task<Result<Place>> reserve(uint64_t size_bytes);
  io::Task<Result<std::shared_ptr<ActiveLog>>> log_with_room(uint64_t size_bytes);
  // Preallocates up to `end_bytes` of the file at least. A failure leaves the file as it was.
  io::Task<Status> preallocate(ActiveLog& active, uint64_t end_bytes);
  io::Task<Status> write(const Place& place, const ChunkId& id, SealedChunk& chunk);
  io::Task<Status> flush(std::shared_ptr<ActiveLog> active);
  void condemn(ActiveLog& active, const Error& error);
  // Ends an append or the writer's interest; the last one seals or gives up the file.
  io::Task<Status> finish(std::shared_ptr<ActiveLog> active);

  Volume& volume_;
  io::Mutex mutex_;  // One opener of log files at a time.
  std::shared_ptr<ActiveLog> active_;
};

}  // namespace cairn::storage
