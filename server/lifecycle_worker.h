// Applies the lifecycle rules of all buckets, pass after pass, at the pace that requests leave.
//
// After every step it pauses in proportion to what the step took: while requests come in,
// kBusyLookFactor times as long as looking at the versions took, which keeps the core, and
// kBusyRemoveFactor times as long as removals took, which wait for the disk; kIdleFactor times
// otherwise. So looking takes a small part of a hundredth of a busy server's core, in pieces that
// are short beside the latency of a request. A pass that was cut short goes on where it was: the
// cursor is a row of the catalog. Thread rule: one reactor.
#pragma once

#include <functional>
#include <string>

#include "catalog/catalog.h"
#include "io/stop.h"
#include "io/task.h"
#include "server/lifecycle_walk.h"

namespace cairn::server {

struct LifecycleOptions {
  LifecycleEnvironment environment;
  catalog::Catalog* catalog = nullptr;  // For the cursor; outlives the worker.
  Duration interval = seconds(3600);    // Between the ends and beginnings of passes.
  // Requests answered since the start, over all cores; tells whether the server is busy.
  std::function<uint64_t()> requests_count;
  // Whether something may be removed by the clock now. Empty = yes.
  std::function<bool()> is_clock_trusted;
};

class LifecycleWorker {
 public:
  static constexpr int64_t kBusyLookFactor = 300;
  static constexpr int64_t kBusyRemoveFactor = 19;
  static constexpr int64_t kIdleFactor = 1;
  static constexpr uint64_t kBusyRequestsPerSecond = 20;
  static constexpr Duration kClockPoll = seconds(1);  // While the clock is not trusted.
  // Steps between two writes of the cursor.
  static constexpr uint64_t kStepsPerCursor = 256;

  explicit LifecycleWorker(LifecycleOptions options);

  // Passes until `stop`.
  io::Task<void> run(io::StopToken stop);
  // One pass over all buckets, from the cursor on.
  io::Task<Status> pass(io::StopToken stop);
  const LifecycleCounters& counters() const { return counters_; }

 private:
  io::Task<Status> walk_bucket(object::BucketInfo bucket, std::string after, io::StopToken stop);
  io::Task<void> pause(Duration looked, Duration removed, io::StopToken stop);
  bool is_busy();
  bool may_remove() const;
  io::Task<Status> save_cursor(uint64_t bucket_id, std::string key);

  LifecycleCounters counters_;
  LifecycleOptions options_;
  uint64_t steps_count_ = 0;
  bool cursor_saved_ = false;  // In this pass.

  // The last look at the load.
  Instant looked_at_{};
  uint64_t requests_seen_ = 0;
  bool busy_ = false;
};

inline constexpr std::string_view kLifecycleCursorRow = "l/cursor";

}  // namespace cairn::server
