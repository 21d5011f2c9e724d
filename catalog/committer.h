// The one writer of the database: a thread that turns all waiting commits into one synced write.
//
// While a group syncs, the next one collects in the queue, so the group grows with the load and no
// commit waits for a timer. Each commit of a group is checked against the database and against the
// commits before it in the group (the overlay); those that pass share one WriteBatch.
//
// Invariants: a commit succeeds only after its group's write was synced; after an I/O error of a
// write every later commit fails (kUnavailable); versions are handed out in queue order.
// Thread rule: commit() on any reactor; the rest on the thread that owns the committer.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/metrics.h"
#include "catalog/space_guard.h"
#include "io/reactor.h"
#include "io/task.h"

namespace rocksdb {
class DB;
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace cairn::catalog {

class Committer {
 public:
  struct Options {
    size_t queue_depth_max = 0;
    size_t group_commits_max = 0;
    uint64_t group_bytes_max = 0;
    bool sync_writes = true;
  };

  // `database` and `metrics` outlive the committer.
  Committer(rocksdb::DB& database, Options options, SpaceGuard space, CatalogMetrics& metrics);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  io::Task<Result<Version>> commit(Batch batch);
  // Writes what waits, refuses what comes later, joins the thread. Idempotent.
  void stop();
  // [any thread] The database reported an error of its own (flush, compaction).
  void condemn();

 private:
  // A commit that waits; lives in the frame of commit().
  struct Pending {
    Batch batch;
    uint64_t bytes = 0;
    io::Reactor* reactor = nullptr;
    std::coroutine_handle<> waiter;
    Version version = 0;
    std::optional<Result<Version>> result;
  };
  // What the commits before it in the group did to a key.
  struct Effect {
    bool present = false;
    Version version = 0;
  };
  struct Enqueue;

  bool enqueue(Pending& pending);
  void run();
  bool take(std::vector<Pending*>& group);
  void process(std::vector<Pending*>& group);
  Status admit(const Batch& batch);
  Result<bool> holds(const Precondition& precondition);
  Result<std::optional<Version>> current_version(const std::string& key);
  Result<bool> range_is_empty(const std::string& begin, const std::string& end);
  Status check(const Batch& batch);
  Version apply(Pending& pending, Version before, rocksdb::WriteBatch& into);
  Status write(rocksdb::WriteBatch& group);
  rocksdb::Status write_once(rocksdb::WriteBatch& group);
  static void wake(const std::vector<Pending*>& group);

  rocksdb::DB& database_;
  const Options options_;
  CatalogMetrics& metrics_;
  std::atomic<bool> failed_{false};

  // Committer thread only.
  SpaceGuard space_;
  std::map<std::string_view, Effect> overlay_;  // Keys point into the group's batches.
  std::string value_;                           // Being written; keeps its memory.

  // Queue: reactors push, the committer takes.
  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::deque<Pending*> queue_;
  bool stopping_ = false;

  std::thread thread_;  // Last: starts when everything above is there.
};

}  // namespace cairn::catalog
