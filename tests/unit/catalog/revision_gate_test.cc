// Property: a read is never told a revision older than what was committed before it asked,
// whichever reactor it waits on and whoever asks for it; questions are shared, and a failed one
// fails only those that waited for it. Method: several reactors at a gate before an etcd in memory,
// whose answers come from a thread of its own. It is not gRPC's, so that TSan sees all that the
// reactors share.
#include "catalog/etcd/revision_gate.h"

#include <gtest/gtest.h>

#include <atomic>

#include "io/reactor_group.h"
#include "io/scope.h"
#include "tests/support/fake_etcd.h"

namespace cairn::catalog::etcd {
namespace {

using testing_support::FakeEtcd;
using testing_support::FakeTransport;
using Fate = FakeEtcd::Fate;

constexpr size_t kReactors = 3;
constexpr int kReaders = 16;
constexpr int kReads = 40;
constexpr Duration kLong = seconds(60);
constexpr RevisionGate::Pace kPace{.distance = microseconds(200), .gather = microseconds(200)};

struct Outcome {
  std::atomic<int> told{0};
  std::atomic<int> stale{0};
  std::atomic<int> failed{0};
};

class Gate : public ::testing::Test {
 protected:
  // Each commits something, and reads.
  io::Task<void> read_often(Outcome& outcome) {
    for (int i = 0; i < kReads; ++i) {
      etcd_.raise_revision(1);
      const Revision before = etcd_.revision();
      const Result<Revision> present = co_await gate_.present(kLong);
      ++(present ? outcome.told : outcome.failed);
      if (present && *present < before) ++outcome.stale;
    }
  }
  io::Task<void> read_side_by_side(Outcome& outcome) {
    io::Scope readers;
    for (int i = 0; i < kReaders; ++i) readers.spawn(read_often(outcome));
    co_await readers.join();
  }
  void read_on_all(Outcome& outcome) {
    const auto group = std::move(io::ReactorGroup::start({.reactors_count = kReactors}).value());
    group->run_on_each([&](size_t) { return read_side_by_side(outcome); });
    group->join();
  }
  static constexpr int kAll = static_cast<int>(kReactors) * kReaders * kReads;

  FakeEtcd etcd_;
  EtcdMetrics metrics_;
  const std::unique_ptr<Client> client_ = FakeTransport::client(etcd_, metrics_);
  RevisionGate gate_{Layout("p"), *client_, kPace, metrics_};
};

TEST_F(Gate, TellsNobodyAnOldRevision) {
  Outcome outcome;
  read_on_all(outcome);
  EXPECT_EQ(outcome.told.load(), kAll);
  EXPECT_EQ(outcome.stale.load(), 0);
  // A question serves at least those that waited on one reactor.
  EXPECT_LE(metrics_.questions_count.load(), static_cast<uint64_t>(kAll) / 2);
}

TEST_F(Gate, GoesOnAfterQuestionsThatFail) {
  std::atomic<int> questions_count{0};
  etcd_.judge_by([&](std::string_view, const std::string&) {
    return ++questions_count % 3 == 0 ? Fate::kRequestRefused : Fate::kAnswered;
  });
  Outcome outcome;
  read_on_all(outcome);
  EXPECT_EQ(outcome.told.load() + outcome.failed.load(), kAll);
  EXPECT_GT(outcome.failed.load(), 0);
  EXPECT_GT(outcome.told.load(), 0);
  EXPECT_EQ(outcome.stale.load(), 0);
}

}  // namespace
}  // namespace cairn::catalog::etcd
