// Whether this server's wall clock agrees with those of the other servers on a shared catalog. Each
// writes what its clock shows into a row of its own, every kBeat; the others see the row change,
// and know by that that it was written just now.
//
// Lifecycle rules remove by the clock, so a server whose clock is off by days would remove what
// nobody asked it to. It does not while its clock differs from those of most servers (of two, when
// they differ: nobody can tell who is right), while it was not compared yet, and from the moment
// on in which it jumps. Thread rule: run() and is_trusted() on one reactor; read() on any thread.
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "io/stop.h"
#include "io/task.h"

namespace cairn::server {

struct ClockReading {
  bool differs = false;
  std::optional<double> offset_seconds =
      {};  // Ahead of the others' (median); unset: there are none.
};

class ClockWatch {
 public:
  static constexpr Duration kBeat = seconds(5);
  // Further apart clients' signatures are refused as well (S3: RequestTimeTooSkewed).
  static constexpr int64_t kOffsetMaxMs = int64_t{15} * 60 * 1000;
  // A server whose row did not change for so long is not asked any more, or its row is removed.
  static constexpr Duration kSilence = seconds(20);
  static constexpr Duration kForgotten = seconds(600);
  static constexpr size_t kServersMax = 1000;
  // Beats until every other server has shown its clock.
  static constexpr uint64_t kBeatsToCompare = 3;

  // `catalog` is shared and outlives it.
  ClockWatch(catalog::Catalog& catalog, Random& random);

  // Compares until `stop`.
  io::Task<void> run(io::StopToken stop);
  // One comparison; run() does it every kBeat.
  io::Task<Status> beat();
  // Whether something may be removed by this clock now.
  bool is_trusted() const;
  ClockReading read() const;

 private:
  struct Other {
    catalog::Version version = 0;
    Instant seen_at{};                 // When the row changed last.
    std::optional<int64_t> offset_ms;  // Unset until it was seen to change.
  };
  void look(const catalog::Entry& row);
  void judge();
  bool has_jumped() const;

  catalog::Catalog& catalog_;
  const std::string row_;
  std::map<std::string, Other> others_;
  uint64_t beats_count_ = 0;
  WallTime wall_{};  // Both as of the last beat.
  Instant at_{};
  std::atomic<bool> differs_{false};
  std::atomic<bool> has_others_{false};
  std::atomic<int64_t> offset_ms_{0};
};

}  // namespace cairn::server
