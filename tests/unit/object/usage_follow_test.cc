// Property: after a shared catalog was read anew, usage is what a scan finds, also when a first
// count of it failed and something is written while the second takes its view.
#include <gtest/gtest.h>

#include <functional>

#include "catalog/before_observer.h"
#include "catalog/memory_catalog.h"
#include "io/scope.h"
#include "io/stop.h"
#include "tests/support/sim_objects.h"

namespace cairn::object {
namespace {

using catalog::Batch;
using catalog::ChangeObserver;
using catalog::RowChange;
using catalog::Snapshot;

// As the catalog of a cluster: tells observers of each commit, and can be read anew.
class Told final : public catalog::Catalog {
 public:
  io::Task<Result<catalog::Version>> commit(Batch batch) override {
    std::vector<RowChange> changes;
    std::vector<std::optional<std::string>> before;
    const auto add = [&](const std::string& key, std::optional<std::string_view> value) {
      changes.push_back({.key = key, .value = value, .version = 0});
    };
    for (const catalog::Put& put : batch.puts) add(put.key, put.value);
    for (const std::string& key : batch.deletes) add(key, std::nullopt);
    for (const RowChange& change : changes) {
      const auto entry = co_await io::or_return(inner_->get(std::string(change.key)));
      before.push_back(entry ? std::optional(entry->value) : std::nullopt);
    }
    Batch same = batch;
    const catalog::Version version = co_await io::or_return(inner_->commit(std::move(same)));
    for (RowChange& change : changes) change.version = version;
    for (ChangeObserver* observer : observers_) {
      auto* const wants = dynamic_cast<catalog::BeforeObserver*>(observer);
      if (wants != nullptr) wants->take_before(before);
      observer->before_apply(changes);
      observer->after_apply(changes);
    }
    co_return version;
  }
  void read_anew() {
    for (ChangeObserver* observer : observers_) observer->before_replace();
    for (ChangeObserver* observer : observers_) observer->after_replace();
  }
  io::Task<Result<std::optional<catalog::Entry>>> get(std::string key,
                                                      const Snapshot* view) override {
    return inner_->get(std::move(key), view);
  }
  io::Task<Result<catalog::ScanPage>> scan(catalog::ScanRequest request,
                                           const Snapshot* view) override {
    if (fails_to_scan && view != nullptr && request.begin.starts_with("o/")) {
      ++failures_count;
      co_return fail(Code::kUnavailable, "nobody answers");
    }
    co_return co_await inner_->scan(std::move(request), view);
  }
  io::Task<Result<std::shared_ptr<const Snapshot>>> snapshot() override {
    std::function<io::Task<void>()> first = std::exchange(before_snapshot, nullptr);
    if (first) co_await first();
    co_return co_await inner_->snapshot();
  }
  io::Task<Result<std::vector<catalog::Change>>> tail(catalog::Version after,
                                                      size_t limit) override {
    return inner_->tail(after, limit);
  }
  io::Task<Status> close() override { return inner_->close(); }
  bool is_shared() const override { return true; }
  void add_observer(ChangeObserver& observer) override { observers_.push_back(&observer); }
  void remove_observer(ChangeObserver& observer) override { std::erase(observers_, &observer); }

  bool fails_to_scan = false;
  int failures_count = 0;
  std::function<io::Task<void>()> before_snapshot;  // Once.

 private:
  const std::unique_ptr<Catalog> inner_ = catalog::make_memory_catalog();
  std::vector<ChangeObserver*> observers_;
};

class UsageFollow : public ::testing::Test {
 protected:
  io::Task<void> put(std::string key, size_t size) {
    const auto writer = co_await store_.objects().put(bucket_, std::move(key), {});
    EXPECT_TRUE(writer);
    if (!writer) co_return;
    const Bytes bytes = random_bytes(size, size);
    EXPECT_TRUE(co_await (*writer)->write(bytes));
    EXPECT_TRUE(co_await (*writer)->finish({}));
  }
  Usage usage() { return store_.objects().usage().of_bucket(bucket_.id); }
  static io::Task<void> pass(Duration time) { static_cast<void>(co_await io::sleep_for(time)); }

  io::Task<void> count(io::StopToken stop) {
    EXPECT_TRUE(co_await store_.objects().count_usage(stop));
  }
  // In virtual time: a catalog that was read anew is counted again within a second.
  io::Task<void> run() {
    io::Scope counting;
    io::StopSource stop;
    counting.spawn(count(stop.token()));
    co_await put("first", 10);
    co_await pass(seconds(2));
    EXPECT_EQ(usage(), (Usage{10, 1}));

    catalog_.fails_to_scan = true;
    catalog_.read_anew();
    co_await pass(seconds(2));
    EXPECT_GT(catalog_.failures_count, 0);

    catalog_.before_snapshot = [this] { return put("second", 5); };
    catalog_.fails_to_scan = false;
    co_await pass(seconds(3));
    EXPECT_FALSE(catalog_.before_snapshot);
    EXPECT_EQ(usage(), (Usage{15, 2}));
    stop.request();
    co_await counting.join();
  }

  io::SimFileSystem disk_{io::SimDiskOptions{.seed = 1}};
  Told catalog_;
  testing_support::SimObjects store_{1};
  BucketInfo bucket_;
};

TEST_F(UsageFollow, ACountThatFailedIsMadeAgainAndCountsNothingTwice) {
  ASSERT_TRUE(store_.open(disk_, catalog_));
  ASSERT_TRUE(store_.create_bucket());
  bucket_ = *store_.bucket();
  ASSERT_TRUE(store_.wait(store_.objects().begin_usage_count()));
  store_.wait(run());
}

}  // namespace
}  // namespace cairn::object
