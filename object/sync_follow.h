// Keeps SyncDepth right where other processes write and send changes too: what a shared catalog
// tells its observers of the rows of sync rules is added to what was counted.
//
// A rule that begins while this runs is followed from its first row on; one that was there before
// is counted, as of a snapshot, and what became visible behind that snapshot is added. Thread rule:
// any reactor; the observer's calls are the catalog's.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/before_observer.h"

namespace cairn::object {

// Where a rule stands; shared by all who look.
struct SyncDepth {
  // About, where the catalog is this process's alone: commits that fail leave it too high until a
  // recount.
  std::atomic<uint64_t> rows{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> failures{0};
  std::atomic<uint64_t> added{0};
  std::atomic<uint64_t> removals_dropped{0};
  std::atomic<bool> needs_comparison{false};
};

// What the rows of a rule come to.
struct SyncCount {
  int64_t rows = 0;
  int64_t bytes = 0;
  int64_t failures = 0;
  bool has_overflow = false;
  bool has_comparison = false;
};

class SyncFollower final : private catalog::BeforeObserver {
 public:
  // Changes that come while a rule is counted; beyond that the count is of no use.
  static constexpr size_t kWaitingMax = 1 << 16;

  // `catalog` is shared and outlives it.
  explicit SyncFollower(catalog::Catalog& catalog);
  ~SyncFollower() override;
  SyncFollower(const SyncFollower&) = delete;
  SyncFollower& operator=(const SyncFollower&) = delete;

  // Of a rule, which is followed from here on.
  std::shared_ptr<SyncDepth> depth(uint64_t rule_id);
  // A rule that did not come to be.
  void forget(uint64_t rule_id);

  // Before the snapshot is taken that is counted. Ends a count of the same rule that runs.
  uint64_t begin_count(uint64_t rule_id);
  // `at`: the snapshot's version. False when the count is of no use: another one began, or the
  // catalog was read anew meanwhile.
  bool end_count(uint64_t rule_id, uint64_t count_id, catalog::Version at, const SyncCount& count);

 private:
  struct Delta {
    uint64_t rule_id = 0;
    catalog::Version version = 0;
    int64_t rows = 0;
    int64_t bytes = 0;
    int64_t failures = 0;
    std::optional<bool> has_overflow = {};
    std::optional<bool> has_comparison = {};
  };
  struct Followed {
    std::shared_ptr<SyncDepth> depth = std::make_shared<SyncDepth>();
    SyncCount count = {};
    uint64_t count_id = 0;  // Of the count that runs; 0 = none.
    std::vector<Delta> waiting = {};
  };

  bool wants_before(std::string_view key) override;
  void take_before(std::span<const std::optional<std::string>> values) override {
    before_ = values;
  }
  void before_apply(std::span<const catalog::RowChange> changes) override;
  void after_apply(std::span<const catalog::RowChange> changes) override;
  void before_replace() override {}
  void after_replace() override;

  static Delta delta_of(const catalog::RowChange& change, const std::optional<std::string>& before);
  static void add(SyncCount& count, const Delta& delta);
  // REQUIRES: the mutex is held.
  void learn(const catalog::RowChange& change);
  static void show(const Followed& followed);

  catalog::Catalog& catalog_;
  std::span<const std::optional<std::string>> before_;  // Of the changes that come next.
  std::vector<Delta> coming_;                           // Of the batch that becomes visible.
  std::mutex mutex_;                                    // Guards the rest.
  std::map<uint64_t, Followed> rules_;
  uint64_t count_ids_ = 0;
};

}  // namespace cairn::object
