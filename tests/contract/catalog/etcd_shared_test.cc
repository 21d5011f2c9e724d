// Property: two processes' catalogs on one prefix keep what catalog.h promises of a shared catalog:
// catch_up() brings what the other committed, a refused commit shows what it failed on, and an
// observer is told of every row before it can be seen and after it can.
// Method: two catalogs in one process, each with a mirror of its own, on a real etcd.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "catalog/before_observer.h"
#include "catalog/etcd/etcd_catalog.h"
#include "io/reactor.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/temporary_directory.h"

namespace cairn::catalog {
namespace {

constexpr int kCommitsCount = 50;

testing_support::EtcdCluster& cluster() {
  static testing_support::EtcdCluster one({.members = 1});
  EXPECT_TRUE(one.wait_until_ready());
  return one;
}

// What it was told, and in which order.
class Listener final : public ChangeObserver {
 public:
  void before_apply(std::span<const RowChange> changes) override {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(is_between_);
    is_between_ = true;
    for (const RowChange& change : changes) {
      EXPECT_GE(change.version, newest_) << "versions went back";
      newest_ = change.version;
      rows_[std::string(change.key)] = std::string(change.value.value_or("(deleted)"));
    }
  }
  void after_apply(std::span<const RowChange> /*changes*/) override {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(is_between_);
    is_between_ = false;
  }
  void before_replace() override { ++replaced_count_; }
  void after_replace() override { ++replaced_count_; }

  std::string told(const std::string& key) {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(is_between_) << "catch_up() completed between the two calls";
    const auto found = rows_.find(key);
    return found == rows_.end() ? "(nothing)" : found->second;
  }
  int replaced_count() const { return replaced_count_; }

 private:
  std::mutex mutex_;
  bool is_between_ = false;
  Version newest_ = 0;
  std::map<std::string, std::string> rows_;
  std::atomic<int> replaced_count_{0};
};

// Keeps what the rows were that begin with "w".
class Rememberer final : public BeforeObserver {
 public:
  bool wants_before(std::string_view key) override { return key.starts_with("w"); }
  void take_before(std::span<const std::optional<std::string>> values) override {
    values_ = values;
  }
  void before_apply(std::span<const RowChange> changes) override {
    ASSERT_EQ(changes.size(), values_.size());
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < changes.size(); ++i) {
      told_ += std::string(changes[i].key) + "=" + values_[i].value_or("-") + " ";
    }
  }
  void after_apply(std::span<const RowChange> /*changes*/) override {}
  void before_replace() override {}
  void after_replace() override {}
  std::string told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  std::span<const std::optional<std::string>> values_;
  std::mutex mutex_;
  std::string told_;
};

class SharedCatalog : public ::testing::Test {
 protected:
  void SetUp() override {
    static int number = 0;
    prefix_ = "shared" + std::to_string(++number);
    reactor_ = std::move(io::Reactor::create({}).value());
    one_ = open("one");
    two_ = open("two");
  }
  void TearDown() override {
    EXPECT_TRUE(reactor_->run(one_->close()).has_value());
    EXPECT_TRUE(reactor_->run(two_->close()).has_value());
    one_.reset();
    two_.reset();
  }
  std::unique_ptr<Catalog> open(const std::string& name, std::string fence_row = {}) {
    EtcdOptions options;
    options.fence_row = std::move(fence_row);
    options.endpoints = cluster().endpoints();
    options.prefix = prefix_;
    options.directory = directory_.path() + "/" + name;
    options.block_cache_bytes = 8 * MiB;
    options.timeout = seconds(10);
    Result<std::unique_ptr<Catalog>> opened = reactor_->run(open_etcd_catalog(std::move(options)));
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    return std::move(*opened);
  }
  Result<Version> commit(Catalog& catalog, Batch batch) {
    return reactor_->run(catalog.commit(std::move(batch)));
  }
  std::string recent(Catalog& catalog, const std::string& key) {
    const Result<std::optional<Entry>> entry = reactor_->run(catalog.get_recent(key));
    EXPECT_TRUE(entry.has_value());
    return entry && *entry ? (*entry)->value : "(absent)";
  }

  testing_support::TemporaryDirectory directory_;
  std::string prefix_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<Catalog> one_;
  std::unique_ptr<Catalog> two_;
};

TEST_F(SharedCatalog, CatchingUpBringsEveryCommitOfTheOther) {
  EXPECT_TRUE(one_->is_shared());
  Listener listener;
  two_->add_observer(listener);
  for (int i = 0; i < kCommitsCount; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_TRUE(commit(*one_, {.puts = {{"a", value}, {"b" + value, value}}}).has_value());
    ASSERT_TRUE(reactor_->run(two_->catch_up()).has_value());
    ASSERT_EQ(recent(*two_, "a"), value);
    ASSERT_EQ(listener.told("a"), value);
    ASSERT_EQ(listener.told("b" + value), value);
  }
  ASSERT_TRUE(commit(*one_, {.deletes = {"a"}}).has_value());
  ASSERT_TRUE(reactor_->run(two_->catch_up()).has_value());
  EXPECT_EQ(listener.told("a"), "(deleted)");
  two_->remove_observer(listener);
  ASSERT_TRUE(commit(*one_, {.puts = {{"a", "again"}}}).has_value());
  ASSERT_TRUE(reactor_->run(two_->catch_up()).has_value());
  EXPECT_EQ(listener.told("a"), "(deleted)") << "told after it was removed";
  EXPECT_EQ(listener.replaced_count(), 0);
}

TEST_F(SharedCatalog, ARefusedCommitShowsWhatItFailedOn) {
  for (int i = 0; i < kCommitsCount; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_TRUE(commit(*one_, {.puts = {{key, "theirs"}}}).has_value());
    const Result<Version> refused =
        commit(*two_, {.preconditions = {Precondition::absent(key)}, .puts = {{key, "ours"}}});
    ASSERT_FALSE(refused.has_value());
    ASSERT_EQ(refused.error().code, Code::kFailedPrecondition);
    ASSERT_EQ(recent(*two_, key), "theirs");
  }
}

TEST_F(SharedCatalog, AnObserverIsToldOfOwnCommitsToo) {
  Listener listener;
  one_->add_observer(listener);
  ASSERT_TRUE(commit(*one_, {.puts = {{"own", "1"}}}).has_value());
  ASSERT_TRUE(reactor_->run(one_->catch_up()).has_value());
  EXPECT_EQ(listener.told("own"), "1");
  one_->remove_observer(listener);
}

TEST_F(SharedCatalog, AnObserverLearnsWhatRowsWere) {
  Rememberer rememberer;
  ASSERT_TRUE(commit(*one_, {.puts = {{"w", "1"}}}).has_value());
  ASSERT_TRUE(reactor_->run(two_->catch_up()).has_value());
  two_->add_observer(rememberer);
  for (const char* value : {"2", "3"}) {
    ASSERT_TRUE(commit(*one_, {.puts = {{"w", value}}}).has_value());
    ASSERT_TRUE(commit(*one_, {.puts = {{"x", value}}}).has_value());
  }
  ASSERT_TRUE(commit(*one_, {.deletes = {"w"}}).has_value());
  ASSERT_TRUE(commit(*one_, {.puts = {{"w", "4"}}}).has_value());
  ASSERT_TRUE(reactor_->run(two_->catch_up()).has_value());
  EXPECT_EQ(rememberer.told(), "w=1 x=- w=2 x=- w=3 w=- ");
  two_->remove_observer(rememberer);
}

TEST_F(SharedCatalog, NothingIsAppliedOfOneThatWasGivenUp) {
  const std::unique_ptr<Catalog> given_up = open("three", "fence/three");
  ASSERT_TRUE(commit(*given_up, {.puts = {{"before", "1"}}}).has_value());
  ASSERT_TRUE(commit(*one_, {.puts = {{"fence/three", "given up"}}}).has_value());
  for (const bool is_conditional : {false, true}) {
    Batch batch{.puts = {{"after", "1"}}};
    if (is_conditional) batch.preconditions.push_back(Precondition::present("absent"));
    const Result<Version> refused = commit(*given_up, std::move(batch));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::kUnavailable) << refused.error().message;
  }
  EXPECT_EQ(recent(*given_up, "before"), "1") << "it may read";
  ASSERT_TRUE(reactor_->run(two_->catch_up()).has_value());
  EXPECT_EQ(recent(*two_, "after"), "(absent)");
  EXPECT_TRUE(commit(*one_, {.puts = {{"others", "1"}}}).has_value());
  EXPECT_TRUE(reactor_->run(given_up->close()).has_value());
}

TEST_F(SharedCatalog, ACopyOfAnotherPrefixIsNotReadFrom) {
  ASSERT_TRUE(commit(*one_, {.puts = {{"here", "1"}}}).has_value());
  ASSERT_TRUE(reactor_->run(one_->catch_up()).has_value());
  ASSERT_TRUE(reactor_->run(one_->close()).has_value());
  one_.reset();
  const std::string before = std::exchange(prefix_, prefix_ + "-other");
  one_ = open("one");
  EXPECT_EQ(recent(*one_, "here"), "(absent)") << "of " << before;
}

}  // namespace
}  // namespace cairn::catalog
