// Writes one JSON line per request without ever making a request wait for the log's disk.
//
// Each core appends to its own shard; one thread collects the shards every kCollectInterval and
// writes. A shard holds at most kShardBytesMax; lines beyond that are dropped and counted.
// Thread rule: append() on the core that owns the shard number; the rest on the start-up thread.
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
#include "s3/observer.h"

namespace cairn::server {

class AccessLog {
 public:
  static constexpr size_t kShardBytesMax = 4 << 20;
  static constexpr Duration kCollectInterval = milliseconds(100);

  // `path` is appended to (created 0600); "-" is standard output.
  static Result<std::unique_ptr<AccessLog>> open(const std::string& path, size_t shards_count);
  ~AccessLog();  // Writes what is left, then joins the thread.
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void append(size_t shard, const s3::RequestRecord& record, WallTime at);
  uint64_t dropped_count() const { return dropped_count_.load(std::memory_order_relaxed); }

  // The line that stands for `record`, newline included.
  static void format(std::string& out, const s3::RequestRecord& record, WallTime at);

 private:
  // Own cache line each: shards of different cores never share one.
  struct alignas(64) Shard {
    std::mutex mutex;  // Held for a copy of one line, or for a swap by the collector.
    std::string lines;
  };

  AccessLog(int fd, bool owns_fd, size_t shards_count);
  void run();
  void collect();

  const int fd_;
  const bool owns_fd_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::atomic<uint64_t> dropped_count_{0};
  std::string collected_;  // The collector's own; reused.

  // Stopping: the destructor sets the flag and wakes the collector.
  std::mutex stop_mutex_;
  std::condition_variable stop_wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace cairn::server
