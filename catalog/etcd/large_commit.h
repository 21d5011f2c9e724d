// Commits that are larger than a transaction of etcd may be.
//
// Most of a large batch are rows whose moment does not matter to anybody: references that may exist
// before what refers does (until then they only keep a chunk alive), and remains that may go later.
// The owner of the keys says which (CommitTiming). The rest, with all preconditions, is one
// transaction, and that one is the commit.
//
//   1. plan    the early keys and the late changes are written under <prefix>/x/<node>/<id>/,
//              then <prefix>/x/<node>/<id> := "open"
//   2. early   in transactions that hold only while the state is "open"
//   3. commit  the transaction; it also turns "open" into "committed"
//   4. late    in transactions that hold only while the state is "committed"; then the plan goes
//
// When 3 is refused: "open" becomes "aborting", early keys that this plan created are deleted
// (their create revision is newer than the plan's), unless somebody has put them since; the plan
// goes. A plan that a crash or a silent
// cluster left behind is carried on from its state by settle(), forwards or back; "aborting" keeps
// a late 3 from happening. Each step may be repeated. Thread rule: any reactor.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/etcd/client.h"
#include "catalog/etcd/committer.h"
#include "catalog/etcd/etcd_catalog.h"
#include "catalog/etcd/layout.h"
#include "io/task.h"

namespace cairn::proto::etcd {
class RequestOp;
}

namespace cairn::catalog::etcd {

// A batch by what may happen when. The core is what has to be one transaction.
struct SplitBatch {
  Batch core = {};
  std::vector<Put> early = {};
  std::vector<Put> late_puts = {};
  std::vector<std::string> late_deletes = {};
};
// A key that a precondition speaks of stays in the core.
SplitBatch split_batch(const Batch& batch, const CommitTiming& timing);

class LargeCommits {
 public:
  struct Options {
    std::string node;
    TransactionLimits limits;
    CommitTiming timing;
    Duration step_timeout;  // Of each step; a large commit has many.
  };
  // `client` and `committer` outlive this.
  LargeCommits(Options options, Layout layout, Client& client, EtcdCommitter& committer)
      : options_(std::move(options)),
        layout_(std::move(layout)),
        client_(client),
        committer_(committer) {}

  // kInvalidArgument when even the core is too large.
  io::Task<Result<Version>> commit(const Batch& batch);
  // Carries on what an earlier process of this node left. REQUIRES: no commit is under way.
  io::Task<Status> settle_all();

 private:
  enum class State : unsigned char { kCommitted, kAborting, kGone };
  struct Turn {
    State state = State::kGone;
    Revision revision = 0;  // That committed, if one did.
  };
  struct Plan {
    std::string row;              // The key of its state.
    Revision created = 0;         // Create revision of that key.
    std::vector<Put> early = {};  // Values only while the commit that made it runs.
    std::vector<Put> late_puts = {};
    std::vector<std::string> late_deletes = {};
  };

  Instant deadline() const { return system_clock().now() + options_.step_timeout; }
  std::string next_row();
  io::Task<Result<Version>> run(Plan& plan, const Batch& core);
  io::Task<Status> write_plan(Plan& plan);
  io::Task<Status> put_early(const Plan& plan);
  io::Task<Result<Version>> commit_core(const Plan& plan, const Batch& core);
  io::Task<Status> finish(const Plan& plan);
  io::Task<Status> abort(const Plan& plan);
  io::Task<Status> take_back(const Plan& plan, size_t begin, size_t end);
  io::Task<Status> remove_plan(const Plan& plan);
  io::Task<Status> settle_some();
  io::Task<Status> settle(std::string row);
  io::Task<Result<Plan>> load(std::string row);
  io::Task<Result<Turn>> turn(const Plan& plan);
  io::Task<Status> carry_on(const Plan& plan, State state);
  // Runs operations in transactions that hold while the plan's state is `state`.
  io::Task<Status> apply_while(const Plan& plan, std::string state,
                               std::vector<proto::etcd::RequestOp> operations);
  void leave_unsettled(const Plan& plan);

  const Options options_;
  const Layout layout_;
  Client& client_;
  EtcdCommitter& committer_;

  std::mutex mutex_;  // Guards the rest.
  std::vector<std::string> unsettled_;
  uint64_t plans_count_ = 0;
};

}  // namespace cairn::catalog::etcd
