// Property: changes that do not need each other come about in a catalog whose commits are small,
// each with its conditions, and in one commit where they may be large.
#include "catalog/commit_apart.h"

#include <gtest/gtest.h>

#include "base/units.h"
#include "catalog/memory_catalog.h"
#include "io/reactor.h"

namespace cairn::catalog {
namespace {

constexpr size_t kOperationsMax = 128;  // As etcd's.
constexpr size_t kBytesMax = 1536 * KiB;

// As the catalog of a cluster: refuses what is too large.
class Small final : public Catalog {
 public:
  explicit Small(bool is_shared) : is_shared_(is_shared) {}

  io::Task<Result<Version>> commit(Batch batch) override {
    ++commits_count;
    size_t bytes = 0;
    for (const Put& put : batch.puts) bytes += put.key.size() + put.value.size();
    const size_t changes = batch.puts.size() + batch.deletes.size();
    if (is_shared_ && (batch.preconditions.size() > kOperationsMax || changes > kOperationsMax ||
                       bytes > kBytesMax)) {
      co_return fail(Code::kInvalidArgument, "too large");
    }
    co_return co_await inner_->commit(std::move(batch));
  }
  io::Task<Result<std::optional<Entry>>> get(std::string key, const Snapshot* view) override {
    return inner_->get(std::move(key), view);
  }
  io::Task<Result<ScanPage>> scan(ScanRequest request, const Snapshot* view) override {
    return inner_->scan(std::move(request), view);
  }
  io::Task<Result<std::shared_ptr<const Snapshot>>> snapshot() override {
    return inner_->snapshot();
  }
  io::Task<Result<std::vector<Change>>> tail(Version after, size_t limit) override {
    return inner_->tail(after, limit);
  }
  io::Task<Status> close() override { return inner_->close(); }
  bool is_shared() const override { return is_shared_; }

  size_t commits_count = 0;

 private:
  const bool is_shared_;
  const std::unique_ptr<Catalog> inner_ = make_memory_catalog();
};

std::string row(size_t number) {
  return "g/" + std::to_string(10'000 + number);
}

Batch rows(size_t count, size_t value_bytes = 1) {
  Batch batch;
  for (size_t i = 0; i < count; ++i) batch.puts.push_back({row(i), std::string(value_bytes, 'v')});
  return batch;
}

io::Task<size_t> rows_left(Catalog& catalog) {
  ScanRequest request;
  request.begin = "g/";
  request.end = prefix_end("g/");
  request.limit_entries = 10'000;
  const Result<ScanPage> page = co_await catalog.scan(std::move(request), nullptr);
  co_return page ? page->entries.size() : 0;
}

template <typename Test>
void on_reactor(Test test) {
  const auto reactor = std::move(io::Reactor::create({}).value());
  reactor->run(test());
}

TEST(CommitApart, TakesAnyNumberOfChanges) {
  on_reactor([]() -> io::Task<void> {
    Small catalog(true);
    const Status written = co_await commit_apart(catalog, rows(1000));
    EXPECT_TRUE(written.has_value());
    const size_t count = co_await rows_left(catalog);
    EXPECT_EQ(count, 1000U);
    Batch batch;
    for (size_t i = 0; i < 1000; ++i) {
      const Result<std::optional<Entry>> entry = co_await catalog.get(row(i), nullptr);
      batch.preconditions.push_back(Precondition::version_is(row(i), (*entry)->version));
      batch.deletes.push_back(row(i));
    }
    const Status dropped = co_await commit_apart(catalog, std::move(batch));
    EXPECT_TRUE(dropped.has_value());
    const size_t left = co_await rows_left(catalog);
    EXPECT_EQ(left, 0U);
    const Status nothing = co_await commit_apart(catalog, {});
    EXPECT_TRUE(nothing.has_value());
  });
}

TEST(CommitApart, TakesManyBytes) {
  on_reactor([]() -> io::Task<void> {
    Small catalog(true);
    const Status written = co_await commit_apart(catalog, rows(90, 100 * KiB));
    EXPECT_TRUE(written.has_value());
    const Result<std::optional<Entry>> last = co_await catalog.get(row(89), nullptr);
    EXPECT_TRUE(last.has_value() && last->has_value());
  });
}

TEST(CommitApart, AConditionGoesWithItsChange) {
  on_reactor([]() -> io::Task<void> {
    Small catalog(true);
    const Status written = co_await commit_apart(catalog, rows(250));
    EXPECT_TRUE(written.has_value());
    Batch batch;
    for (size_t i = 0; i < 250; ++i) batch.deletes.push_back(row(i));
    batch.preconditions.push_back(Precondition::absent(row(150)));
    const Status refused = co_await commit_apart(catalog, std::move(batch));
    EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
    // What came before its piece is done.
    const size_t left = co_await rows_left(catalog);
    EXPECT_EQ(left, 150U);
  });
}

TEST(CommitApart, AConditionOfAnotherKeyGoesWithAll) {
  on_reactor([]() -> io::Task<void> {
    Small catalog(true);
    Batch batch = rows(250);
    batch.preconditions.push_back(Precondition::present("another"));
    const Status refused = co_await commit_apart(catalog, std::move(batch));
    EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
    const size_t left = co_await rows_left(catalog);
    EXPECT_EQ(left, 0U);
  });
}

TEST(CommitApart, IsOneCommitOfACatalogOfItsOwn) {
  on_reactor([]() -> io::Task<void> {
    Small catalog(false);
    const Status written = co_await commit_apart(catalog, rows(1000));
    EXPECT_TRUE(written.has_value());
    EXPECT_EQ(catalog.commits_count, 1U);
  });
}

}  // namespace
}  // namespace cairn::catalog
