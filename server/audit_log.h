// The audit log: one line per request that may change something or was denied, chained
// (audit_chain.h) in files of DATA/audit/.
//
// Each core appends fields to its own shard; one thread numbers, chains and writes them every
// kCollectInterval and flushes the file every kSyncInterval. So a line is in the file at most 100
// ms and on disk at most 1 s after its reply was sent; a server that ends in order loses none. Not
// lossy: when a shard is full, or the disk refuses, has_room() turns false and requests wait
// (s3/observer.h). A failed flush is never repeated on the same file: the log then stays without
// room, and so the server without requests, until it is started again.
// Thread rule: append() and has_room() on any thread; the rest as said there.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "server/audit_chain.h"
#include "server/audit_verify.h"

namespace cairn::server {

struct AuditOptions {
  std::string directory;                                  // Created when absent, 0700.
  std::string anchor_row = std::string(kAuditAnchorRow);  // In the catalog; see audit_anchor_row().
  size_t shards_count = 1;
  uint64_t file_bytes = kAuditFileBytes;
  uint64_t files_kept = 0;  // Older ones are removed; 0 = all are kept.
};

class AuditLog {
 public:
  static constexpr size_t kShardBytesMax = 4 << 20;
  static constexpr Duration kCollectInterval = milliseconds(100);
  static constexpr Duration kSyncInterval = seconds(1);
  static constexpr Duration kFlushWaitMax = seconds(10);

  struct Counters {
    uint64_t lines = 0;
    uint64_t bytes_waiting = 0;
    uint64_t write_failures = 0;
    bool failed = false;  // No further line is taken.
    bool gap = false;     // At the start, lines that the anchor knew were missing.
  };

  // Continues the chain of `directory`. A line that a crash cut short is removed; lines that
  // `anchor` knows and the files do not have leave a gap, which verify_audit() will name.
  // `key` outlives the log. Blocking.
  static Result<std::unique_ptr<AuditLog>> open(AuditOptions options, const crypto::SecretKey& key,
                                                AuditAnchor anchor);
  ~AuditLog();  // Writes and flushes what is left, then joins the thread.
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // `fields` as AuditChain::append() takes them.
  void append(size_t shard, std::string_view fields);
  bool has_room() const { return full_count_.load(std::memory_order_relaxed) == 0; }

  // Blocking, at most kFlushWaitMax: returns once everything that was appended before is on disk.
  // kIo when it cannot be.
  Status flush();
  // [any thread] What is on disk, for the anchor.
  AuditAnchor anchor() const;
  Counters counters() const;

  // [any thread] Removes files whose lines all come before `anchor`: once that is stored.
  void remove_before(const AuditAnchor& anchor) const;

 private:
  // Own cache line each: shards of different cores never share one.
  struct alignas(64) Shard {
    std::mutex mutex;   // Held for a copy of one line, or for a swap by the writer.
    std::string lines;  // Fields, a line break behind each.
    bool is_full = false;
  };

  AuditLog(AuditOptions options, const crypto::SecretKey& key);
  Status recover(const AuditAnchor& anchor);
  enum class Adoption : uint8_t {
    kContinued,  // The chain goes on in the last file.
    kRemoved,    // The last file held nothing but a torn first line.
    kBroken,     // It lacks lines that the anchor knows.
  };
  Result<Adoption> adopt_last_file(const AuditAnchor& anchor);
  Status start_file(std::string_view event);
  void run();
  void step();
  void collect();
  bool write_pending();
  bool sync();
  void fail(std::string_view what, int error_number);
  uint64_t first_kept() const;

  const AuditOptions options_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::atomic<uint64_t> full_count_{0};  // Full shards, and one for a log that failed.
  std::atomic<uint64_t> lines_count_{0};
  std::atomic<uint64_t> write_failures_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> gap_{false};

  // The writer's own, and before it runs, open()'s.
  AuditChain chain_;
  int fd_ = -1;
  uint64_t file_bytes_ = 0;            // Written whole lines of the open file.
  std::vector<uint64_t> file_firsts_;  // Sequences that the files begin with, in order.
  std::string collected_;
  std::string pending_;    // Chained lines that are not written yet.
  AuditPosition written_;  // The last line of pending_ once that is written.
  Instant synced_at_;

  // Between the writer and everyone else.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable flushed_;
  AuditAnchor anchor_;          // Guarded by mutex_.
  uint64_t flushes_asked_ = 0;  // Guarded by mutex_.
  uint64_t flushes_done_ = 0;   // Guarded by mutex_.
  bool stopping_ = false;       // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace cairn::server
