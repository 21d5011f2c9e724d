// Properties: a commit whose answers are lost is applied once, whatever arrives late; a large
// commit that is taken back leaves what others have put since, and one that cannot go on says so in
// time. Method: an etcd in memory that loses and delays what the test says.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "catalog/etcd/committer.h"
#include "catalog/etcd/large_commit.h"
#include "io/reactor.h"
#include "tests/support/fake_etcd.h"

namespace cairn::catalog::etcd {
namespace {

using testing_support::FakeEtcd;
using testing_support::FakeTransport;
using Fate = FakeEtcd::Fate;

// Waits for conditions, never for this to pass.
constexpr Duration kLong = seconds(60);

class EtcdCommit : public ::testing::Test {
 protected:
  EtcdCommit() {
    committer_ = std::make_unique<EtcdCommitter>(
        EtcdCommitter::Options{
            .node = "node", .limits = kLimits, .slots_max = 4, .fence = {}, .timeout = kLong},
        layout_, *client_, metrics_);
    EXPECT_TRUE(committer_->start(system_clock().now() + kLong));
  }
  Result<Version> commit(const Batch& batch) {
    Result<proto::etcd::TxnRequest> request = encode_batch(batch, layout_, kLimits);
    if (!request) return std::unexpected(request.error());
    return reactor_->run(committer_->apply(std::move(*request)));
  }

  static constexpr TransactionLimits kLimits{.operations_max = 16, .bytes_max = 64 * 1024};
  const Layout layout_{"p"};
  FakeEtcd etcd_;
  EtcdMetrics metrics_;
  std::unique_ptr<io::Reactor> reactor_ = std::move(io::Reactor::create({}).value());
  std::unique_ptr<Client> client_ = FakeTransport::client(etcd_, metrics_);
  std::unique_ptr<EtcdCommitter> committer_;
};

// The transaction is lost, and so is the question what became of it: it is asked again, and the
// commit tried once more, whose answer is lost as well. Then the first question arrives.
TEST_F(EtcdCommit, AQuestionThatComesLateHidesNoCommit) {
  int transactions_count = 0;
  std::string late;
  etcd_.judge_by([&](std::string_view method, const std::string& request) {
    if (method != kTxn.path) return Fate::kAnswered;
    switch (++transactions_count) {
      case 1: return Fate::kRequestLost;
      case 2: late = request; return Fate::kRequestLost;
      case 4: return Fate::kAnswerLost;
      case 5: etcd_.apply(kTxn.path, late); return Fate::kAnswered;
      default: return Fate::kAnswered;
    }
  });
  const Result<Version> done = commit({.puts = {{"a", "1"}}});
  ASSERT_TRUE(done) << done.error().message;
  const std::optional<FakeEtcd::Row> row = etcd_.row(layout_.entry("a"));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->version, 1) << "it was applied twice";
  EXPECT_EQ(*done, static_cast<Version>(row->modified));
}

// What has waited for others until its time is nearly over is refused, not sent with no time left
// to find out what became of it.
TEST_F(EtcdCommit, WhatHasWaitedTooLongIsNotBegun) {
  std::atomic<int> transactions_count{0};
  etcd_.judge_by([&](std::string_view method, const std::string&) {
    transactions_count += method == kTxn.path ? 1 : 0;
    return Fate::kAnswered;
  });
  for (const Duration left : {Duration{}, milliseconds(300)}) {
    Result<proto::etcd::TxnRequest> request =
        encode_batch({.puts = {{"a", "1"}}}, layout_, kLimits);
    ASSERT_TRUE(request);
    const Result<Version> done =
        reactor_->run(committer_->apply(std::move(*request), system_clock().now() + left));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::kUnavailable);
    EXPECT_NE(done.error().message.find("not begun"), std::string::npos) << done.error().message;
  }
  EXPECT_EQ(transactions_count.load(), 0);
  EXPECT_TRUE(commit({.puts = {{"a", "1"}}})) << "no slot was lost";
}

TEST_F(EtcdCommit, AnAnswerThatIsLostIsFound) {
  int transactions_count = 0;
  etcd_.judge_by([&](std::string_view method, const std::string&) {
    return method == kTxn.path && ++transactions_count == 1 ? Fate::kAnswerLost : Fate::kAnswered;
  });
  const Result<Version> done =
      commit({.preconditions = {Precondition::absent("a")}, .puts = {{"a", "1"}}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(etcd_.row(layout_.entry("a"))->version, 1);
  EXPECT_EQ(
      commit({.preconditions = {Precondition::absent("a")}, .puts = {{"a", "2"}}}).error().code,
      Code::kFailedPrecondition);
}

class EtcdLargeCommit : public EtcdCommit {
 protected:
  EtcdLargeCommit() {
    const CommitTiming timing{
        .may_precede = [](std::string_view key) { return key.starts_with("edge"); },
        .may_follow = [](std::string_view, bool) { return false; }};
    large_ = std::make_unique<LargeCommits>(
        LargeCommits::Options{
            .node = "node", .limits = kLimits, .timing = timing, .step_timeout = kStep},
        layout_, *client_, *committer_);
  }
  static Batch large_batch() {
    Batch batch{.preconditions = {Precondition::absent("object")}, .puts = {{"object", "1"}}};
    for (int i = 0; i < 40; ++i) batch.puts.push_back({"edge" + std::to_string(100 + i), ""});
    return batch;
  }
  static bool holds_plan(const std::string& request, std::string_view state) {
    proto::etcd::TxnRequest txn;
    return txn.ParseFromString(request) &&
           std::ranges::any_of(txn.success(), [&](const proto::etcd::RequestOp& op) {
             return op.request_put().value() == state;
           });
  }
  Result<Version> commit_large() { return reactor_->run(large_->commit(large_batch())); }
  size_t edges_count() const {
    size_t count = 0;
    for (int i = 0; i < 40; ++i) {
      count += etcd_.row(layout_.entry("edge" + std::to_string(100 + i))).has_value() ? 1U : 0U;
    }
    return count;
  }
  static constexpr Duration kStep = milliseconds(200);
  std::unique_ptr<LargeCommits> large_;
};

TEST_F(EtcdLargeCommit, WhatIsRefusedLeavesNothing) {
  etcd_.put(layout_.entry("object"), "there already");
  EXPECT_EQ(commit_large().error().code, Code::kFailedPrecondition);
  EXPECT_EQ(edges_count(), 0U);
}

// A node loses its way to etcd before its commit; its client comes to another node, which puts some
// of the same edges and is done. Then the first one tidies up.
TEST_F(EtcdLargeCommit, WhatOthersHavePutSinceIsNotTakenBack) {
  etcd_.judge_by([&](std::string_view method, const std::string& request) {
    const bool is_cut = method == kTxn.path &&
                        (holds_plan(request, "committed") || holds_plan(request, "aborting"));
    return is_cut ? Fate::kRequestRefused : Fate::kAnswered;
  });
  EXPECT_FALSE(commit_large());
  ASSERT_EQ(edges_count(), 40U) << "the plan has to be open still";
  etcd_.put(layout_.entry("edge100"), "");
  // One more is put after the look and before the deletion.
  bool is_put = false;
  etcd_.judge_by([&](std::string_view method, const std::string& request) {
    proto::etcd::TxnRequest txn;
    if (is_put || method != kTxn.path || !txn.ParseFromString(request)) return Fate::kAnswered;
    const bool deletes = std::ranges::any_of(txn.success(), [&](const proto::etcd::RequestOp& op) {
      return op.request_delete_range().key() == layout_.entry("edge101");
    });
    if (deletes) etcd_.put(layout_.entry("edge101"), "");
    is_put = is_put || deletes;
    return Fate::kAnswered;
  });
  const Status settled = reactor_->run(large_->settle_all());
  ASSERT_TRUE(settled) << settled.error().message;
  EXPECT_TRUE(is_put);
  EXPECT_TRUE(etcd_.row(layout_.entry("edge100")));
  EXPECT_TRUE(etcd_.row(layout_.entry("edge101")));
  EXPECT_EQ(edges_count(), 2U) << "the others go";
}

// However many plans are left, a commit to a cluster that does not answer asks for one of them.
TEST_F(EtcdLargeCommit, PlansThatAreLeftHoldNobodyUp) {
  std::set<std::string> plans_asked_for;
  etcd_.judge_by([&](std::string_view method, const std::string& request) {
    proto::etcd::RangeRequest range;
    if (method == kRange.path && range.ParseFromString(request)) {
      plans_asked_for.insert(range.key());
      return Fate::kRequestLost;
    }
    return method == kTxn.path ? Fate::kRequestLost : Fate::kAnswered;
  });
  for (int i = 0; i < 3; ++i) {
    plans_asked_for.clear();
    EXPECT_EQ(commit_large().error().code, Code::kUnavailable);
    EXPECT_LE(plans_asked_for.size(), 1U);
  }
  // And all of them are carried on when it answers again.
  etcd_.judge_by({});
  EXPECT_TRUE(commit_large());
  EXPECT_EQ(edges_count(), 40U);
}

}  // namespace
}  // namespace cairn::catalog::etcd
