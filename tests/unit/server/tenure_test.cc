// Property: at most one of several processes believes for long that it does what is done once, one
// takes over when the other is silent or gone, and one that cannot reach the catalog stops by
// itself. Method: two of them on one catalog in virtual time.
#include "server/tenure.h"

#include <gtest/gtest.h>

#include "catalog/memory_catalog.h"
#include "io/scope.h"
#include "io/sim_time.h"

namespace cairn::server {
namespace {

constexpr const char* kRow = "test/tenure";

class TenureTest : public testing::Test {
 protected:
  TenureTest() : reactor_(std::move(io::create_simulated_reactor(clock_).value())) {}
  ~TenureTest() override { EXPECT_TRUE(reactor_->run(catalog_->close())); }

  io::Task<void> pass(Duration time) { static_cast<void>(co_await io::sleep_for(time)); }
  io::Task<void> end(io::Scope& scope) {
    scope.request_stop();
    co_await scope.join();
  }
  // Somebody else's hand at the row.
  io::Task<void> put_row(std::string value) {
    catalog::Batch batch{.puts = {{kRow, std::move(value)}}};
    EXPECT_TRUE(co_await catalog_->commit(std::move(batch)));
  }

  io::SimClock clock_;
  SeededRandom random_{1};
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<catalog::Catalog> catalog_ = catalog::make_memory_catalog();
};

TEST_F(TenureTest, TheFirstHasItAndTheNextTakesOverWhenItEnds) {
  const auto story = [this]() -> io::Task<void> {
    Tenure one(*catalog_, kRow, random_);
    Tenure two(*catalog_, kRow, random_);
    io::Scope of_one;
    io::Scope of_two;
    of_one.spawn(one.run(of_one.stop_token()));
    co_await pass(seconds(1));
    of_two.spawn(two.run(of_two.stop_token()));
    for (int i = 0; i < 100; ++i) {
      co_await pass(seconds(1));
      EXPECT_TRUE(one.holds());
      EXPECT_FALSE(two.holds());
    }
    co_await end(of_one);
    EXPECT_FALSE(one.holds());
    co_await pass(Tenure::kBeat + Tenure::kBeat);
    EXPECT_TRUE(two.holds());
    co_await end(of_two);
  };
  reactor_->run(story());
}

TEST_F(TenureTest, ASilentOneIsFollowedAndFindsOut) {
  const auto story = [this]() -> io::Task<void> {
    co_await put_row("somebody 1");
    Tenure one(*catalog_, kRow, random_);
    io::Scope of_one;
    of_one.spawn(one.run(of_one.stop_token()));
    co_await pass(Duration{Tenure::kExpiry.nanoseconds - seconds(1).nanoseconds});
    EXPECT_FALSE(one.holds()) << "it did not wait for a beat of the other";
    co_await put_row("somebody 2");
    co_await pass(Duration{Tenure::kExpiry.nanoseconds - seconds(1).nanoseconds});
    EXPECT_FALSE(one.holds()) << "it did not see the beat";
    co_await pass(seconds(5));
    EXPECT_TRUE(one.holds());
    // Taken from it while it was not looking.
    co_await put_row("another 1");
    co_await pass(Tenure::kBeat + seconds(1));
    EXPECT_FALSE(one.holds());
    co_await end(of_one);
    const auto row = co_await catalog_->get(kRow);
    EXPECT_TRUE(row && *row) << "it removed what is another's";
  };
  reactor_->run(story());
}

}  // namespace
}  // namespace cairn::server
