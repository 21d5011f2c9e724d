// `cairn serve`'s own sync job: one runner per rule sends what the bucket's tail of changes holds,
// and compares the two sites as a whole where that is due.
//
// A runner takes the oldest changes, sends kSideBySide of them at a time, and removes what the
// other site acknowledged: a crash of either side repeats some of them, which changes nothing. A
// change that is refused for a reason of its own is put aside with the reason and tried again every
// failure_retry; while the other site is away the runner pauses, doubling up to backoff_max with
// jitter, and asks it with one request at a time. Thread rule: one reactor. REQUIRES: run() has
// completed before destruction.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/scope.h"
#include "io/stop.h"
#include "object/objects.h"
#include "object/site_sync.h"
#include "server/sync_sender.h"

namespace cairn::server {

struct SyncOptions {
  Duration backoff_base = milliseconds(250);
  Duration backoff_max = seconds(15);
  Duration poll_idle = milliseconds(100);
  Duration failure_retry = seconds(600);
  // Removals in buckets without versioning are remembered so long.
  Duration removals_kept = seconds(int64_t{30} * 24 * 3600);
};

// Where a rule stands, for status and metrics.
struct SyncReading {
  object::SyncRule rule;
  SyncCounters counters;
  uint64_t pending_changes = 0;
  uint64_t pending_bytes = 0;
  uint64_t failed_changes = 0;
  uint64_t removals_dropped = 0;
  bool is_comparing = false;
  bool is_run_here = false;  // Of a cluster's servers one sends; what follows is known to that one.
  bool is_up = false;        // The last request was answered.
  double lag_seconds = 0;    // Age of the oldest change that was not acknowledged.
  std::string last_failure;  // Empty = none since it last went well.
  uint64_t compared = 0;     // Versions, of all comparisons.
};

class SyncWorker {
 public:
  static constexpr size_t kSideBySide = 4;
  static constexpr size_t kPageChanges = 64;
  static constexpr size_t kComparedPage = 500;
  static constexpr size_t kBucketsPage = 1000;
  static constexpr uint32_t kAttemptsMax = 5;  // Of one change while others get through.

  // Both outlive it.
  SyncWorker(object::Objects& objects, SyncOptions options, Random& random = system_random());
  ~SyncWorker();

  io::Task<void> run(io::StopToken stop);
  std::vector<SyncReading> read() const;

 private:
  struct Runner;
  struct Batch;
  io::Task<void> run_rule(Runner& runner, io::StopToken stop);
  io::Task<void> supervise(io::Scope& runners, io::StopToken stop);
  // True when there was something to do.
  io::Task<Result<bool>> pass(Runner& runner, object::BucketInfo bucket, io::StopToken stop);
  io::Task<Result<bool>> send_tail(Runner& runner, object::BucketInfo bucket, io::StopToken stop);
  io::Task<Result<bool>> compare_some(Runner& runner, object::BucketInfo bucket,
                                      io::StopToken stop);
  io::Task<Status> send_missing(Runner& runner, object::BucketInfo bucket,
                                std::vector<object::SyncChange> changes, io::StopToken stop);
  io::Task<Result<bool>> send_removals(Runner& runner, object::BucketInfo bucket,
                                       object::SyncComparison at, io::StopToken stop);
  io::Task<void> send_lane(Batch& batch);
  io::Task<Status> settle(Runner& runner, Batch& batch);
  io::Task<Status> note_peer(Runner& runner);
  io::Task<void> back_off(Runner& runner, io::StopToken stop);
  io::Task<Status> upkeep(Runner& runner, object::BucketInfo bucket);
  io::Task<Status> forget_removals(object::BucketInfo bucket);
  io::Task<Status> forget_removals_elsewhere(io::StopToken stop);

  object::Objects& objects_;
  object::SyncTail& tail_;
  const SyncOptions options_;
  Random& random_;
  std::map<uint64_t, std::unique_ptr<Runner>> runners_;
};

}  // namespace cairn::server
