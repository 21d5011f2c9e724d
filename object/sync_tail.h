// What sites that follow a bucket have to hear of: one row per change and rule, written by the very
// commit that makes the change visible and removed once the other site has acknowledged it durably.
//
// Rows of a rule are in the order of their sequences, which are taken before the commit: a row may
// appear behind one that was read already. Readers have no cursor: they take what is there, oldest
// first, and remove what was acknowledged. A rule has at most `rows_max` rows; beyond that a change
// writes the rule's overflow row instead, and the sites are compared as a whole. Removals, which no
// comparison finds, have room for as many rows again; what does not fit there is counted and
// logged. A bucket without a rule costs one look at an atomic pointer and writes nothing. Thread
// rule: note() and wants() on any thread; the rest on any reactor.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/row_watch.h"
#include "io/task.h"
#include "object/sync_follow.h"
#include "object/sync_rows.h"

namespace cairn::object {

class Context;
struct KeyScope;

inline constexpr uint64_t kSyncRowsMax = 1'000'000;
inline constexpr size_t kSyncRulesMax = 64;
// Sequences are microseconds; the clock tells milliseconds.
inline constexpr uint64_t kSequencesPerMs = 1000;

struct PendingChange {
  uint64_t sequence = 0;
  std::string row;
  catalog::Version version = 0;
  std::optional<SyncChange> change;  // Unset when the row is damaged.
};

struct KnownRule {
  SyncRule rule;
  std::shared_ptr<SyncDepth> depth;
};

class SyncTail {
 public:
  explicit SyncTail(Context& context);

  // Reads the rules and counts their rows: before the first write, and when another process changed
  // some.
  io::Task<Status> load();
  // The same, where another process changed some.
  io::Task<Status> catch_up();
  bool is_behind() const { return rule_rows_.is_behind(); }
  void set_rows_max(uint64_t rows) { rows_max_ = rows; }

  // Whether the bucket's changes go anywhere.
  bool wants(uint64_t bucket_id) const;
  // Adds the rows of a change to the commit that makes it. `origin`: the site that it came from,
  // which does not hear of it. May run more than once for a commit.
  void note(const KeyScope& scope, ChangeKind kind, const ObjectInfo& info,
            std::string_view version_id, std::string_view origin);

  // Greater than all before, near the time in microseconds.
  uint64_t next_sequence(WallTime at);

  // The rules as they stand, oldest first.
  std::vector<KnownRule> rules() const;
  std::optional<KnownRule> rule(uint64_t id) const;
  // A new rule: from the completion on every change is noted, and the sites are to be compared for
  // what was there before. kResourceExhausted beyond kSyncRulesMax.
  io::Task<Result<SyncRule>> add_rule(SyncRule rule, std::string_view secret);
  // Changes what may change: paused, bandwidth, peer.
  io::Task<Status> change_rule(SyncRule rule);
  io::Task<Status> remove_rule(uint64_t id);
  Result<std::string> secret_of(const SyncRule& rule) const;

  // The oldest rows of a rule; of those that failed, behind `after` (a sequence).
  io::Task<Result<std::vector<PendingChange>>> read(uint64_t rule_id, size_t limit);
  io::Task<Result<std::vector<PendingChange>>> read_failures(uint64_t rule_id, uint64_t after,
                                                             size_t limit);
  // The peer has these.
  io::Task<Status> acknowledge(const SyncRule& rule, std::vector<PendingChange> done);
  // A change cannot be sent for a reason of its own: it is put aside.
  io::Task<Status> put_aside(const SyncRule& rule, PendingChange change, std::string reason);
  // Those that were put aside come again.
  io::Task<Status> retry_failures(SyncRule rule);
  // Counts anew.
  io::Task<Status> recount(uint64_t rule_id);
  // Whether a rule about the bucket, paused ones too, has something to tell of or to compare, or a
  // removal that was put aside.
  io::Task<Result<bool>> has_unheard(uint64_t bucket_id);

  // A full comparison: begins when the rule asks for one, from then on changes are noted again;
  // nullopt when none is due. It goes on behind what was kept.
  io::Task<Result<std::optional<SyncComparison>>> begin_comparison(SyncRule rule);
  io::Task<Status> keep_comparison(uint64_t rule_id, SyncComparison at);
  io::Task<Status> end_comparison(uint64_t rule_id);
  // The sites are to be compared.
  io::Task<Status> ask_for_comparison(uint64_t rule_id);

  // x-amz-replication-status of a version that was written here; empty when no rule is about it.
  io::Task<Result<std::string>> status_of(BucketInfo bucket, std::string key,
                                          std::string version_id);

 private:
  using Rules = std::vector<KnownRule>;
  std::shared_ptr<const Rules> snapshot() const;

  void publish(Rules rules);
  io::Task<Status> commit_rule(const SyncRule& rule, bool is_new);
  std::shared_ptr<SyncDepth> new_depth(uint64_t rule_id);
  io::Task<Result<SyncCount>> count(uint64_t rule_id, const catalog::Snapshot* view);
  io::Task<Status> recount_shared(uint64_t rule_id);
  bool has_room(SyncDepth& depth, bool is_version_removal) const;
  io::Task<Status> drop_rows(std::string prefix, const SyncRule& rule, bool keeps_removals);

  Context& context_;
  std::unique_ptr<SyncFollower> follower_;  // Null where the catalog is this process's alone.
  catalog::RowWatch rule_rows_;
  std::atomic<uint64_t> rows_max_{kSyncRowsMax};
  mutable std::mutex mutex_;  // Guards the pointer, which is looked at only while there are rules.
  std::shared_ptr<const Rules> rules_ = std::make_shared<const Rules>();
  std::atomic<bool> has_rules_{false};
  std::atomic<uint64_t> last_sequence_{0};
};

}  // namespace cairn::object
