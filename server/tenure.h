// Which of the processes on a shared catalog does the work that is done once for all of them:
// garbage, lifecycle, events, sync. One row of the catalog names it and carries a beat that it
// renews; another takes the row over when it has seen the same beat for kExpiry by its own
// monotonic clock, so no wall clock decides anything.
//
// This elects, it does not fence: for a moment two may believe that they are the one, and all that
// they do has to be safe then, by the preconditions of its commits. A process that could not renew
// for half of kExpiry stops by itself.
// Thread rule: run() on one reactor; holds() on any reactor.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "io/stop.h"
#include "io/task.h"

namespace cairn::server {

class Tenure {
 public:
  static constexpr Duration kBeat = seconds(2);
  static constexpr Duration kExpiry = seconds(10);

  // `catalog` outlives it. `row`: of this kind of work; nothing else begins like it.
  Tenure(catalog::Catalog& catalog, std::string row, Random& random);

  // Keeps or wins the row until `stop`, then gives it back.
  io::Task<void> run(io::StopToken stop);
  // Whether this process is the one, for a while yet.
  bool holds() const;

 private:
  io::Task<Status> beat();
  io::Task<Status> renew();
  io::Task<Status> write(catalog::Precondition precondition);

  catalog::Catalog& catalog_;
  const std::string row_;
  const std::string name_;  // Of this process; random.
  uint64_t beats_count_ = 0;
  catalog::Version own_ = 0;  // Of the row as this process wrote it; 0 = it is not the one.
  catalog::Version seen_ = 0;
  Instant seen_since_{};
  std::atomic<int64_t> until_ns_{0};
};

}  // namespace cairn::server
