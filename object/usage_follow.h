// Keeps UsageTable right where other processes commit too: what a shared catalog tells its
// observers of versions and parts is added to what was counted at the start.
//
// So the counters lag behind the commits by as much as this process's mirror does, and every
// request catches up with it before it is looked at. When the catalog is read anew nobody tells
// what changed: all is counted again beside what is known, which limits go by meanwhile. Thread
// rule: begin() and count_and_follow() once, on a reactor; the rest is the catalog's.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "catalog/before_observer.h"
#include "io/stop.h"
#include "io/task.h"
#include "object/context.h"
#include "object/usage.h"

namespace cairn::object {

inline constexpr size_t kFollowedUploadsMax = 1 << 16;

// A commit ended. What it added stays, and what it freed counts, unless the follower tells both.
inline void keep_usage(const Context& context, const Result<catalog::Version>& done,
                       UsageReservation& reservation) {
  if (done && !context.catalog.is_shared()) reservation.keep();
}

class UsageFollower final : private catalog::BeforeObserver {
 public:
  // Both outlive it. Changes are taken note of from here on.
  UsageFollower(catalog::Catalog& catalog, UsageTable& usage);
  ~UsageFollower() override;
  UsageFollower(const UsageFollower&) = delete;
  UsageFollower& operator=(const UsageFollower&) = delete;

  // `view` is what will be counted: only what comes after it is added.
  io::Task<Status> begin(const catalog::Snapshot& view);
  // Counts what was there in that view, then as often as the catalog was read anew; until `stop`.
  io::Task<Status> count_and_follow(Context& context, std::shared_ptr<const catalog::Snapshot> view,
                                    io::StopToken stop);

 private:
  using Totals = std::unordered_map<uint64_t, Usage>;  // By id of the bucket.
  struct Delta {
    uint64_t bucket_id = 0;
    Usage by;
    catalog::Version version = 0;
  };

  bool wants_before(std::string_view key) override;
  void take_before(std::span<const std::optional<std::string>> values) override {
    before_ = values;
  }
  void before_apply(std::span<const catalog::RowChange> changes) override;
  void after_apply(std::span<const catalog::RowChange> /*changes*/) override {}
  void before_replace() override {}
  void after_replace() override;

  // REQUIRES: the mutex is held.
  void learn(const catalog::RowChange& change);
  std::optional<Delta> delta_of(const catalog::RowChange& change,
                                const std::optional<std::string>& before) const;
  void add(const Delta& delta);
  void apply(const UsageChange& change);

  io::Task<Status> recount(Context& context, io::StopToken stop);
  void begin_recount();
  void end_recount();

  catalog::Catalog& catalog_;
  UsageTable& usage_;
  std::span<const std::optional<std::string>> before_;  // Of the changes that come next.
  std::mutex mutex_;                                    // Guards the rest.
  std::optional<catalog::Version> counted_at_;          // Unset before begin(): changes wait.
  std::vector<Delta> waiting_;
  std::unordered_map<uint64_t, UsageChange> buckets_;  // By id: who owns and who made it.
  std::unordered_map<std::string, uint64_t> uploads_;  // Bucket of an upload, of those met lately.
  Totals counted_;              // What `usage_` was told, without reservations.
  std::optional<Totals> anew_;  // While all is counted again.
  bool was_read_anew_ = false;  // Changes were missed since the last count began.
};

}  // namespace cairn::object
