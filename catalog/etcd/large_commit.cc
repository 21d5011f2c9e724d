#include "catalog/etcd/large_commit.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {
namespace {

using proto::etcd::Compare;
using proto::etcd::RequestOp;
using proto::etcd::TxnRequest;
using proto::etcd::TxnResponse;

inline constexpr std::string_view kOpen = "open";
inline constexpr std::string_view kCommitted = "committed";
inline constexpr std::string_view kAborting = "aborting";
// Of one page of a plan and of one transaction of early or late changes; far below any limit.
inline constexpr size_t kPageBytes = 128 * 1024;
// The compare of the state, and room.
inline constexpr size_t kOperationsSpare = 2;
// Behind others who put the same keys.
inline constexpr size_t kTakeBackAttemptsMax = 8;
// Plans of earlier commits that one commit carries on: it has its own to do.
inline constexpr size_t kSettledPerCommitMax = 4;

void add_compare(TxnRequest& request, Compare::Target target, const std::string& key,
                 const std::string& value, Revision revision) {
  Compare& compare = *request.add_compare();
  compare.set_result(Compare::EQUAL);
  compare.set_target(target);
  compare.set_key(key);
  if (target == Compare::VALUE) compare.set_value(value);
  if (target == Compare::MOD) compare.set_mod_revision(revision);
  if (target == Compare::CREATE) compare.set_create_revision(revision);
}

void expect_state(TxnRequest& request, const std::string& row, std::string_view state) {
  add_compare(request, Compare::VALUE, row, std::string(state), 0);
}

RequestOp put_of(std::string key, std::string value) {
  RequestOp operation;
  operation.mutable_request_put()->set_key(std::move(key));
  operation.mutable_request_put()->set_value(std::move(value));
  return operation;
}

RequestOp delete_of(std::string key, std::string end = {}) {
  RequestOp operation;
  operation.mutable_request_delete_range()->set_key(std::move(key));
  operation.mutable_request_delete_range()->set_range_end(std::move(end));
  return operation;
}

RequestOp read_of(const std::string& key) {
  RequestOp operation;
  operation.mutable_request_range()->set_key(key);
  return operation;
}

std::string pages_of(const std::string& row) {
  return row + "/";
}

std::unexpected<Error> state_moved() {
  return fail(Code::kUnavailable, "the plan of a large commit was settled meanwhile");
}

}  // namespace

SplitBatch split_batch(const Batch& batch, const CommitTiming& timing) {
  SplitBatch out;
  out.core.preconditions = batch.preconditions;
  std::set<std::string_view> named;
  for (const Precondition& condition : batch.preconditions) named.insert(condition.key);
  std::map<std::string_view, const std::string*> last;
  for (const Put& put : batch.puts) last[put.key] = &put.value;
  for (const std::string& key : batch.deletes) last[key] = nullptr;
  for (const auto& [key, value] : last) {
    const bool is_named = named.contains(key);
    if (value == nullptr) {
      const bool late = !is_named && timing.may_follow(key, true);
      (late ? out.late_deletes : out.core.deletes).emplace_back(key);
    } else if (!is_named && timing.may_precede(key)) {
      out.early.push_back({std::string(key), *value});
    } else if (!is_named && timing.may_follow(key, false)) {
      out.late_puts.push_back({std::string(key), *value});
    } else {
      out.core.puts.push_back({std::string(key), *value});
    }
  }
  return out;
}

std::string LargeCommits::next_row() {
  const std::lock_guard lock(mutex_);
  // Of one length, so that no row begins another's pages.
  std::string number = std::to_string(++plans_count_);
  number.insert(0, 20 - number.size(), '0');
  std::string draw = std::to_string(system_random().next_u64());
  draw.insert(0, 20 - draw.size(), '0');
  return layout_.plans(options_.node) + draw + number;
}

io::Task<Result<Version>> LargeCommits::commit(const Batch& batch) {
  SplitBatch split = split_batch(batch, options_.timing);
  // Refused before anything is written when the core alone does not fit.
  co_await io::or_return(
      encode_batch(split.core, layout_,
                   {.operations_max = options_.limits.operations_max - kOperationsSpare,
                    .bytes_max = options_.limits.bytes_max}));
  Plan plan{.row = next_row(),
            .early = std::move(split.early),
            .late_puts = std::move(split.late_puts),
            .late_deletes = std::move(split.late_deletes)};
  co_await io::or_return(settle_some());
  co_return co_await run(plan, split.core);
}

// Where the cluster does not answer for one plan, neither the others nor a commit has to try.
io::Task<Status> LargeCommits::settle_some() {
  std::vector<std::string> some;
  {
    const std::lock_guard lock(mutex_);
    const size_t count = std::min(unsettled_.size(), kSettledPerCommitMax);
    some.assign(unsettled_.begin(), unsettled_.begin() + static_cast<ptrdiff_t>(count));
    unsettled_.erase(unsettled_.begin(), unsettled_.begin() + static_cast<ptrdiff_t>(count));
  }
  Status answered;
  for (std::string& row : some) {
    Status settled;
    if (answered) settled = co_await settle(row);
    if (answered && settled) continue;
    if (answered && settled.error().code == Code::kUnavailable) answered = settled;
    leave_unsettled({.row = std::move(row)});
  }
  co_return answered;
}

io::Task<Result<Version>> LargeCommits::run(Plan& plan, const Batch& core) {
  const Status planned = co_await write_plan(plan);
  Status prepared = planned;
  if (planned) prepared = co_await put_early(plan);
  Result<Version> done = Version{0};
  if (prepared) {
    done = co_await commit_core(plan, core);
  } else {
    done = std::unexpected(prepared.error());
  }
  if (done) {
    const Status finished = co_await finish(plan);
    if (!finished) leave_unsettled(plan);
    co_return done;
  }
  if (!prepared && prepared.error().code == Code::kUnavailable) {
    // The commit itself was never sent, and who waits has waited long enough.
    leave_unsettled(plan);
    co_return done;
  }
  // Refused, failed or unknown: the state tells, and from here on it stays what it is.
  const Result<Turn> turned = co_await turn(plan);
  if (!turned) {
    leave_unsettled(plan);
    co_return done;
  }
  const Status settled = co_await carry_on(plan, turned->state);
  if (!settled) leave_unsettled(plan);
  if (turned->state == State::kCommitted) co_return static_cast<Version>(turned->revision);
  co_return done;
}

io::Task<Status> LargeCommits::write_plan(Plan& plan) {
  std::vector<proto::etcd::PlanPage> pages(1);
  size_t bytes = 0;
  const auto page_for = [&](size_t more) -> proto::etcd::PlanPage& {
    bytes += more;
    if (bytes > kPageBytes) {
      pages.emplace_back();
      bytes = more;
    }
    return pages.back();
  };
  for (const Put& put : plan.early) page_for(put.key.size()).add_early_keys(put.key);
  for (const Put& put : plan.late_puts) {
    proto::etcd::LateChange& change = *page_for(put.key.size() + put.value.size()).add_late();
    change.set_key(put.key);
    change.set_value(put.value);
  }
  for (const std::string& key : plan.late_deletes) {
    proto::etcd::LateChange& change = *page_for(key.size()).add_late();
    change.set_key(key);
    change.set_deletes(true);
  }
  for (size_t i = 0; i < pages.size(); ++i) {
    proto::etcd::PutRequest put;
    std::string number = std::to_string(i);
    number.insert(0, 8 - std::min<size_t>(8, number.size()), '0');
    put.set_key(pages_of(plan.row) + number);
    put.set_value(pages[i].SerializeAsString());
    proto::etcd::PutResponse ignored;
    co_await io::or_return(client_.ask(kPut, put, ignored, deadline()));
  }
  TxnRequest open;
  add_compare(open, Compare::CREATE, plan.row, {}, 0);
  *open.add_success() = put_of(plan.row, std::string(kOpen));
  *open.add_failure() = read_of(plan.row);
  TxnResponse response;
  co_await io::or_return(client_.ask(kTxn, open, response, deadline()));
  plan.created = response.header().revision();
  // The second try of a request whose first answer was lost.
  if (!response.succeeded()) {
    plan.created = response.responses(0).response_range().kvs(0).create_revision();
  }
  co_return Status();
}

io::Task<Status> LargeCommits::apply_while(const Plan& plan, std::string state,
                                           std::vector<RequestOp> operations) {
  size_t at = 0;
  while (at < operations.size()) {
    TxnRequest request;
    expect_state(request, plan.row, state);
    size_t bytes = 0;
    const size_t count_max = options_.limits.operations_max - kOperationsSpare;
    for (; at < operations.size(); ++at) {
      const size_t count = static_cast<size_t>(request.success_size());
      bytes += operations[at].ByteSizeLong();
      if (count > 0 && (count >= count_max || bytes > kPageBytes)) break;
      *request.add_success() = std::move(operations[at]);
    }
    TxnResponse response;
    co_await io::or_return(client_.ask(kTxn, request, response, deadline()));
    if (!response.succeeded()) co_return state_moved();
  }
  co_return Status();
}

io::Task<Status> LargeCommits::put_early(const Plan& plan) {
  std::vector<RequestOp> operations;
  for (const Put& put : plan.early) {
    operations.push_back(put_of(layout_.entry(put.key), put.value));
  }
  return apply_while(plan, std::string(kOpen), std::move(operations));
}

io::Task<Result<Version>> LargeCommits::commit_core(const Plan& plan, const Batch& core) {
  TxnRequest request = co_await io::or_return(encode_batch(core, layout_, options_.limits));
  expect_state(request, plan.row, kOpen);
  *request.add_success() = put_of(plan.row, std::string(kCommitted));
  co_return co_await committer_.apply(std::move(request));
}

io::Task<Status> LargeCommits::finish(const Plan& plan) {
  std::vector<RequestOp> operations;
  for (const Put& put : plan.late_puts) {
    operations.push_back(put_of(layout_.entry(put.key), put.value));
  }
  for (const std::string& key : plan.late_deletes) {
    operations.push_back(delete_of(layout_.entry(key)));
  }
  co_await io::or_return(apply_while(plan, std::string(kCommitted), std::move(operations)));
  co_return co_await remove_plan(plan);
}

io::Task<Status> LargeCommits::abort(const Plan& plan) {
  // Two operations a key: it is read in one transaction and deleted in another.
  const size_t count_max = options_.limits.operations_max - kOperationsSpare;
  for (size_t begin = 0; begin < plan.early.size(); begin += count_max) {
    co_await io::or_return(take_back(plan, begin, std::min(begin + count_max, plan.early.size())));
  }
  co_return co_await remove_plan(plan);
}

// Deletes those of the early keys that this plan made and nobody has put since: a client that was
// told nothing may have come to another node, which rests on the same keys by now.
io::Task<Status> LargeCommits::take_back(const Plan& plan, size_t begin, size_t end) {
  for (size_t attempt = 0; attempt < kTakeBackAttemptsMax; ++attempt) {
    TxnRequest look;
    for (size_t i = begin; i < end; ++i) {
      *look.add_success() = read_of(layout_.entry(plan.early[i].key));
    }
    TxnResponse found;
    co_await io::or_return(client_.ask(kTxn, look, found, deadline()));
    TxnRequest remove;
    expect_state(remove, plan.row, kAborting);
    for (const proto::etcd::ResponseOp& answer : found.responses()) {
      for (const proto::etcd::KeyValue& row : answer.response_range().kvs()) {
        if (row.create_revision() <= plan.created || row.version() != 1) continue;
        add_compare(remove, Compare::MOD, row.key(), {}, row.mod_revision());
        *remove.add_success() = delete_of(row.key());
      }
    }
    if (remove.success().empty()) co_return Status();
    *remove.add_failure() = read_of(plan.row);
    TxnResponse removed;
    co_await io::or_return(client_.ask(kTxn, remove, removed, deadline()));
    if (removed.succeeded()) co_return Status();
    const auto& state = removed.responses(0).response_range();
    if (state.kvs_size() == 0 || state.kvs(0).value() != kAborting) co_return state_moved();
  }
  co_return fail(Code::kUnavailable, "the keys of a large commit change while it is taken back");
}

io::Task<Status> LargeCommits::remove_plan(const Plan& plan) {
  TxnRequest request;
  *request.add_success() = delete_of(pages_of(plan.row), prefix_end(pages_of(plan.row)));
  *request.add_success() = delete_of(plan.row);
  TxnResponse ignored;
  co_return co_await client_.ask(kTxn, request, ignored, deadline());
}

// Turns "open" into "aborting"; what the state is then.
io::Task<Result<LargeCommits::Turn>> LargeCommits::turn(const Plan& plan) {
  TxnRequest request;
  expect_state(request, plan.row, kOpen);
  *request.add_success() = put_of(plan.row, std::string(kAborting));
  *request.add_failure() = read_of(plan.row);
  TxnResponse response;
  co_await io::or_return(client_.ask(kTxn, request, response, deadline()));
  if (response.succeeded()) co_return Turn{.state = State::kAborting};
  const auto& found = response.responses(0).response_range();
  if (found.kvs_size() == 0) co_return Turn{.state = State::kGone};
  const proto::etcd::KeyValue& row = found.kvs(0);
  co_return Turn{.state = row.value() == kCommitted ? State::kCommitted : State::kAborting,
                 .revision = row.mod_revision()};
}

io::Task<Result<LargeCommits::Plan>> LargeCommits::load(std::string row) {
  Plan plan{.row = std::move(row)};
  proto::etcd::RangeRequest state;
  state.set_key(plan.row);
  proto::etcd::RangeResponse found;
  co_await io::or_return(client_.ask(kRange, state, found, deadline()));
  if (found.kvs_size() > 0) plan.created = found.kvs(0).create_revision();
  proto::etcd::RangeRequest request;
  request.set_key(pages_of(plan.row));
  request.set_range_end(prefix_end(pages_of(plan.row)));
  proto::etcd::RangeResponse pages;
  co_await io::or_return(client_.ask(kRange, request, pages, deadline()));
  for (const proto::etcd::KeyValue& row_of_page : pages.kvs()) {
    proto::etcd::PlanPage page;
    if (!page.ParseFromString(row_of_page.value())) {
      co_return fail(Code::kCorruption, "etcd: a page of a commit's plan does not parse");
    }
    for (const std::string& key : page.early_keys()) plan.early.push_back({key, {}});
    for (const proto::etcd::LateChange& change : page.late()) {
      if (change.deletes()) {
        plan.late_deletes.push_back(change.key());
      } else {
        plan.late_puts.push_back({change.key(), change.value()});
      }
    }
  }
  co_return plan;
}

io::Task<Status> LargeCommits::carry_on(const Plan& plan, State state) {
  switch (state) {
    case State::kCommitted: co_return co_await finish(plan);
    case State::kAborting: co_return co_await abort(plan);
    // Pages whose state was never written: nothing was done by them.
    case State::kGone: co_return co_await remove_plan(plan);
  }
  co_return Status();
}

io::Task<Status> LargeCommits::settle(std::string row) {
  const Plan plan = co_await io::or_return(load(std::move(row)));
  const Turn turned = co_await io::or_return(turn(plan));
  co_return co_await carry_on(plan, turned.state);
}

io::Task<Status> LargeCommits::settle_all() {
  proto::etcd::RangeRequest request;
  request.set_key(layout_.plans(options_.node));
  request.set_range_end(prefix_end(request.key()));
  request.set_keys_only(true);
  proto::etcd::RangeResponse found;
  co_await io::or_return(client_.ask(kRange, request, found, deadline()));
  std::set<std::string> rows;
  for (const proto::etcd::KeyValue& row : found.kvs()) {
    rows.insert(row.key().substr(0, row.key().find('/', request.key().size())));
  }
  for (const std::string& row : rows) {
    co_await io::or_return(settle(row));
    log::info("etcd_large_commit_settled", {{"plan", row}});
  }
  co_return Status();
}

void LargeCommits::leave_unsettled(const Plan& plan) {
  const std::lock_guard lock(mutex_);
  unsettled_.push_back(plan.row);
}

}  // namespace cairn::catalog::etcd
