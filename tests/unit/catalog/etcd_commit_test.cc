// Properties: a commit whose answers are lost is applied once, whatever arrives late; a large
// commit that is taken back leaves what others have put since, and one that cannot go on says so in
// time. Method: an etcd in memory that loses and delays what the test says.
#include <gtest/gtest.h>

#include <algorithm>
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

}  // namespace
}  // namespace cairn::catalog::etcd
