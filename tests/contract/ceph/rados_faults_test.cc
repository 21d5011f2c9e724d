// A Ceph cluster in trouble: servers that die, stop and are taken out, a pool that is full, a
// monitor that is gone. Every operation ends within its deadline, nothing acknowledged is lost, and
// service is back when the cluster is.
#include <csignal>

#include "tests/contract/ceph/rados_fixture.h"

namespace cairn::storage {
namespace {

using testing_support::sample_chunk;
using testing_support::sample_id;
using testing_support::sample_owner;

constexpr auto kDeadline = std::chrono::seconds(10);  // Of an operation: see CephCluster::place().
constexpr auto kSlack = std::chrono::seconds(5);      // The machine is shared.
constexpr auto kRecovery = std::chrono::seconds(120);

class RadosFaults : public RadosFixture {
 protected:
  void SetUp() override {
    RadosFixture::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    RadosStoreOptions with = options(1);
    with.upkeep_interval = milliseconds(200);
    store_ = open(std::move(with));
    ASSERT_NE(store_, nullptr);
    put_until(20);
    ASSERT_EQ(stored_.size(), 20U);
  }
  void TearDown() override {
    if (store_ != nullptr) close(std::move(store_));
  }

  // Puts chunks until `count` were acknowledged, or one was not. Each ends in time.
  void put_until(size_t count) {
    while (stored_.size() < count) {
      const auto begun = std::chrono::steady_clock::now();
      const Status done = put(*store_, next_, 1);
      EXPECT_LT(std::chrono::steady_clock::now() - begun, kDeadline + kSlack);
      if (!done) {
        EXPECT_TRUE(done.error().code == Code::kUnavailable || done.error().code == Code::kNoSpace)
            << done.error().message;
        last_error_ = done.error();
        return;
      }
      stored_.push_back(next_++);
    }
  }
  void put_again_until(size_t count) {
    const auto give_up = std::chrono::steady_clock::now() + kRecovery;
    while (stored_.size() < count && std::chrono::steady_clock::now() < give_up) {
      put_until(count);
      if (stored_.size() < count) ASSERT_TRUE(wait(io::sleep_for(milliseconds(200))).has_value());
    }
    EXPECT_GE(stored_.size(), count) << "service did not come back: " << last_error_.message;
  }
  void expect_all_stored() {
    for (const uint64_t number : stored_) expect_stored(*store_, number);
  }

  std::unique_ptr<RadosStore> store_;
  std::vector<uint64_t> stored_;
  uint64_t next_ = 0;
  Error last_error_;
};

TEST_F(RadosFaults, AServerIsKilledAndEverythingGoesOn) {
  ceph_->signal("osd.1", SIGKILL);
  put_again_until(40);
  expect_all_stored();
  ASSERT_TRUE(ceph_->run("start-osd", "1"));
  put_again_until(60);
  ASSERT_TRUE(ceph_->run("wait-clean"));
  expect_all_stored();
}

TEST_F(RadosFaults, AServerStopsAndGoesOn) {
  ceph_->signal("osd.2", SIGSTOP);
  put_again_until(30);
  ceph_->signal("osd.2", SIGCONT);
  put_again_until(50);
  ASSERT_TRUE(ceph_->run("wait-clean"));
  expect_all_stored();
}

// Below min_size nothing is written and nothing hangs. What timed out may have happened: it is put
// again and is one chunk.
TEST_F(RadosFaults, WithoutAQuorumOfCopiesOperationsEndInTimeAndCanBeRepeated) {
  ceph_->signal("osd.1", SIGKILL);
  ceph_->signal("osd.2", SIGKILL);
  put_until(40);
  ASSERT_LT(stored_.size(), 40U);
  EXPECT_EQ(last_error_.code, Code::kUnavailable) << last_error_.message;
  const auto begun = std::chrono::steady_clock::now();
  const Result<bool> linked = link(*store_, 0, 7);
  EXPECT_FALSE(linked.has_value() && !*linked) << "what cannot be asked is not absent";
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kDeadline + kSlack);
  ASSERT_TRUE(ceph_->run("start-osd", "1"));
  ASSERT_TRUE(ceph_->run("start-osd", "2"));
  put_again_until(40);
  ASSERT_TRUE(ceph_->run("wait-clean"));
  expect_all_stored();
  // No hold of an operation without an answer is left over.
  release(*store_, 0, 7);
  for (const uint64_t number : stored_) release(*store_, number, 1);
  ASSERT_TRUE(wait(io::sleep_for(seconds(2))).has_value());
  auto other = open(options(2));
  for (const uint64_t number : stored_) {
    EXPECT_TRUE(unlink(*other, number, 9).value()) << "chunk " << number << " is held still";
  }
  close(std::move(other));
}

TEST_F(RadosFaults, AServerIsTakenOutAndItsChunksMove) {
  ASSERT_TRUE(ceph_->run("out-osd", "0"));
  put_again_until(40);
  expect_all_stored();
  ASSERT_TRUE(ceph_->run("in-osd", "0"));
  ASSERT_TRUE(ceph_->run("wait-clean"));
  expect_all_stored();
}

TEST_F(RadosFaults, AFullPoolRefusesWritesAtOnceAndLetsDropsThrough) {
  ASSERT_TRUE(ceph_->run("quota", "data 1000"));
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  last_error_ = {};
  while (last_error_.code != Code::kNoSpace && std::chrono::steady_clock::now() < give_up) {
    put_until(stored_.size() + 1);
    ASSERT_TRUE(wait(io::sleep_for(milliseconds(100))).has_value());
  }
  EXPECT_EQ(last_error_.code, Code::kNoSpace) << last_error_.message;
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(put(*store_, 1000, 1).error().code, Code::kNoSpace);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  expect_all_stored();
  for (const uint64_t number : stored_) EXPECT_TRUE(unlink(*store_, number, 1).value());
  stored_.clear();
  ASSERT_TRUE(ceph_->run("quota", "data 0"));
  put_again_until(5);
  expect_all_stored();
}

TEST_F(RadosFaults, WithoutAMonitorDataIsServedAndAStartEndsInTime) {
  ceph_->signal("mon.a", SIGSTOP);
  put_until(30);
  EXPECT_EQ(stored_.size(), 30U) << last_error_.message;
  expect_all_stored();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(open_error(options(2)).code, Code::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2 * kDeadline + kSlack);
  ceph_->signal("mon.a", SIGCONT);
  put_again_until(40);
  ASSERT_TRUE(ceph_->run("wait-clean"));
}

}  // namespace
}  // namespace cairn::storage
