// Property: a clock that is not that of most servers, one that nobody has compared, and one that
// jumped, is not trusted; rows of servers that are gone say nothing. Method: one server in virtual
// time beside rows that the test writes for the others.
#include "server/clock_watch.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "catalog/memory_catalog.h"
#include "io/sim_time.h"

namespace cairn::server {
namespace {

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
constexpr int kBeats = 4;

class ClockWatchTest : public testing::Test {
 protected:
  ClockWatchTest() : reactor_(std::move(io::create_simulated_reactor(clock_).value())) {}
  ~ClockWatchTest() override { EXPECT_TRUE(reactor_->run(catalog_->close())); }

  // Some beats, of this server and of others whose clocks are so far ahead of it.
  io::Task<void> beats(std::vector<int64_t> ahead_ms) {
    for (int i = 0; i < kBeats; ++i) {
      catalog::Batch batch;
      for (size_t other = 0; other < ahead_ms.size(); ++other) {
        const int64_t theirs = reactor_->clock().wall_now().unix_ms + ahead_ms[other];
        batch.puts.push_back({"etcd/clock/" + std::to_string(other), std::to_string(theirs)});
      }
      if (!batch.puts.empty()) EXPECT_TRUE(co_await catalog_->commit(std::move(batch)));
      EXPECT_TRUE(co_await watch_.beat());
      static_cast<void>(co_await io::sleep_for(ClockWatch::kBeat));
    }
  }

  io::SimClock clock_;
  SeededRandom random_{1};
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<catalog::Catalog> catalog_ = catalog::make_memory_catalog();
  ClockWatch watch_{*catalog_, random_};
};

TEST_F(ClockWatchTest, MostServersAreRight) {
  const auto story = [this]() -> io::Task<void> {
    EXPECT_FALSE(watch_.is_trusted()) << "nobody has compared it";
    co_await beats({0, ClockWatch::kOffsetMaxMs / 2});
    EXPECT_TRUE(watch_.is_trusted());
    co_await beats({kDayMs, 0});
    EXPECT_TRUE(watch_.is_trusted()) << "another one's is wrong";
    co_await beats({-kDayMs, -kDayMs});
    EXPECT_FALSE(watch_.is_trusted());
    EXPECT_TRUE(watch_.read().differs);
    EXPECT_NEAR(watch_.read().offset_seconds.value_or(0), kDayMs / 1000.0, 1);
    co_await beats({0, 0});
    EXPECT_TRUE(watch_.is_trusted());
    EXPECT_FALSE(watch_.read().differs);
  };
  reactor_->run(story());
}

TEST_F(ClockWatchTest, OfTwoNobodyKnowsWhoIsRight) {
  const auto story = [this]() -> io::Task<void> {
    co_await beats({kDayMs});
    EXPECT_FALSE(watch_.is_trusted());
    // It went: its row does not change any more.
    co_await beats({});
    co_await beats({});
    EXPECT_TRUE(watch_.is_trusted());
    EXPECT_FALSE(watch_.read().offset_seconds);
    // Until it is forgotten it is known from before: what it shows when it comes back counts.
    co_await beats({kDayMs});
    EXPECT_FALSE(watch_.is_trusted());
  };
  reactor_->run(story());
}

TEST_F(ClockWatchTest, RowsOfServersThatAreGoneAreRemoved) {
  const auto story = [this]() -> io::Task<void> {
    co_await beats({0, kDayMs});
    for (int i = 0; i < 200; ++i) co_await beats({0});
    const auto gone = co_await catalog_->get("etcd/clock/1");
    EXPECT_TRUE(gone && !*gone);
    const auto there = co_await catalog_->get("etcd/clock/0");
    EXPECT_TRUE(there && *there);
  };
  reactor_->run(story());
}

TEST_F(ClockWatchTest, AJumpEndsTheTrustAtOnce) {
  const auto story = [this]() -> io::Task<void> {
    co_await beats({0, 0});
    EXPECT_TRUE(watch_.is_trusted());
    clock_.jump_wall(kDayMs);
    EXPECT_FALSE(watch_.is_trusted());
  };
  reactor_->run(story());
}

}  // namespace
}  // namespace cairn::server
