// Server access logs of buckets (S3 user guide, "Amazon S3 server access log format"): a line per
// request on a bucket whose logging is on, delivered as objects of its target bucket.
//
// Best effort, as S3's: lines wait in memory for at most the interval or kBatchBytes, those that
// wait when the server dies are lost, and those beyond kWaitingBytesMax are dropped and counted.
// Thread rule: record() on the core that owns the shard number; deliver() and run() on one reactor.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "io/stop.h"
#include "io/task.h"
#include "object/objects.h"
#include "s3/bucket_cache.h"
#include "s3/config_logging.h"
#include "s3/observer.h"

namespace cairn::server {

class BucketLogs {
 public:
  static constexpr size_t kBatchBytes = 1 << 20;        // An object is begun beyond this.
  static constexpr size_t kWaitingBytesMax = 16 << 20;  // Per core.

  struct Counters {
    uint64_t lines = 0;
    uint64_t dropped = 0;
    uint64_t objects = 0;   // Delivered.
    uint64_t failures = 0;  // Objects that could not be; their lines are lost.
  };

  // Both outlive it. `region` goes into partitioned keys.
  BucketLogs(object::Objects& objects, size_t shards_count, std::string region, Random& random);

  static bool wants(const s3::RequestRecord& record);
  // REQUIRES: wants(record).
  void record(size_t shard, const s3::RequestRecord& record, WallTime at);

  // Delivers every `interval`, earlier when much waits; and once more at `stop`.
  io::Task<void> run(Duration interval, io::StopToken stop);
  io::Task<void> deliver(WallTime now);
  Counters counters() const;

  // The line, its line break included.
  static std::string format(const s3::RequestRecord& record, WallTime at);
  static std::string object_key(const s3::LoggingTarget& target, const object::BucketInfo& source,
                                std::string_view region, WallTime at, uint64_t unique);

 private:
  // Lines of one source for one target.
  struct Batch {
    object::BucketInfo source;
    s3::LoggingTarget target;
    WallTime first;
    std::string lines;
  };
  using Batches = std::map<std::tuple<uint64_t, std::string, std::string>, Batch>;
  struct alignas(64) Shard {
    std::mutex mutex;  // Held for the copy of a line, or for a swap.
    Batches batches;
    size_t waiting_bytes = 0;
    s3::BucketCache cache;  // The owning core's.
  };
  io::Task<Status> store(Batch batch, WallTime now);

  object::Objects& objects_;
  const std::string region_;
  Random& random_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::atomic<bool> much_waits_{false};
  std::atomic<uint64_t> lines_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> delivered_{0};
  std::atomic<uint64_t> failures_{0};
};

}  // namespace cairn::server
