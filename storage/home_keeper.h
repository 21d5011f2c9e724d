// HomeKeeper: the background work of several homes. It makes the copies that are owed, empties
// staging homes in large batches, drops copies where they are no longer wanted, tries homes that
// failed, and surveys what is owed after a start and when a home comes back.
//
// Thread rule: one reactor.
#pragma once

#include <functional>

#include "io/scope.h"
#include "storage/home_survey.h"
#include "storage/replica_copier.h"

namespace cairn::storage {

struct KeeperOptions {
  Duration interval = milliseconds(200);  // Between looks for work; 0 = none on its own (tests).
  uint64_t copy_bytes_per_second = 0;     // Of owed copies; 0 = no limit. Staging is not limited.
  // A staging home gives away so much at a time, or what there is after so long.
  uint64_t batch_bytes = 64 * MiB;
  Duration batch_delay = seconds(2);
  // A survey also runs this often, for a home that lost something unseen; 0 = never.
  Duration survey_interval = seconds(24 * 3600);
};

class HomeKeeper {
 public:
  // `context` outlives it.
  HomeKeeper(HomesContext& context, StoreOfChunk store_of, KeeperOptions options);

  // Tries to open homes that were not there; called every few seconds while there are any.
  void set_opener(std::function<io::Task<void>()> opener) { opener_ = std::move(opener); }
  void start();
  io::Task<void> stop();

  // One pass over everything, without waiting for batches to fill; true when something was done.
  io::Task<bool> pass();
  // A survey now, and then passes until nothing is left that can be done.
  io::Task<void> settle();

  bool is_surveying() const { return is_surveying_; }
  const SurveyReport& last_survey() const { return last_survey_; }
  uint64_t surveys_count() const { return surveys_count_; }

 private:
  io::Task<void> serve(NamedHome* home);
  io::Task<void> keep_surveying();
  io::Task<void> survey();
  io::Task<bool> make_owed(NamedHome& home);
  io::Task<void> make_one(NamedHome& home, OwedCopy copy, CopyOutcome& outcome);
  io::Task<bool> empty(NamedHome& home, bool wait_for_batch);
  io::Task<void> probe(NamedHome& home);
  io::Task<void> pay(uint64_t size_bytes);

  HomesContext& context_;
  const StoreOfChunk store_of_;
  const KeeperOptions options_;
  std::function<io::Task<void>()> opener_;
  io::Scope scope_;
  Instant paid_until_;
  bool is_surveying_ = false;
  SurveyReport last_survey_;
  uint64_t surveys_count_ = 0;
};

}  // namespace cairn::storage
