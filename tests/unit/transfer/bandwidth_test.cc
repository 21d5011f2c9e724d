// Properties: senders side by side share one rate; a pause is made up for by a short burst only; no
// limit costs no time.
#include "transfer/bandwidth.h"

#include <gtest/gtest.h>

#include "base/units.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/sim_time.h"

namespace cairn::transfer {
namespace {

class BandwidthTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = io::create_simulated_reactor(clock);
    ASSERT_TRUE(made.has_value());
    reactor = std::move(*made);
  }

  static io::Task<void> take(Bandwidth& bandwidth, uint64_t size_bytes, int times) {
    for (int i = 0; i < times; ++i) co_await bandwidth.take(size_bytes, {});
  }
  static io::Task<void> take_side_by_side(Bandwidth& bandwidth) {
    io::Scope scope;
    for (int i = 0; i < 4; ++i) scope.spawn(take(bandwidth, 1 * MiB, 10));
    co_await scope.join();
  }
  double seconds_of(io::Task<void> task) {
    const Instant begin = clock.now();
    reactor->run(std::move(task));
    return static_cast<double>((clock.now() - begin).nanoseconds) / 1e9;
  }

  io::SimClock clock;
  std::unique_ptr<io::Reactor> reactor;
};

TEST_F(BandwidthTest, NoLimitWaitsForNothing) {
  Bandwidth bandwidth;
  EXPECT_EQ(seconds_of(take(bandwidth, 1 * GiB, 100)), 0);
}

TEST_F(BandwidthTest, OneSenderKeepsTheRate) {
  Bandwidth bandwidth(1 * MiB);
  const double taken = seconds_of(take(bandwidth, 1 * MiB, 10));
  EXPECT_GT(taken, 9.5);
  EXPECT_LT(taken, 10.5);
}

TEST_F(BandwidthTest, SendersSideBySideShareIt) {
  Bandwidth bandwidth(4 * MiB);
  const double taken = seconds_of(take_side_by_side(bandwidth));
  EXPECT_GT(taken, 9.5);
  EXPECT_LT(taken, 10.5);
}

TEST_F(BandwidthTest, APauseIsNoCredit) {
  Bandwidth bandwidth(1 * MiB);
  seconds_of(take(bandwidth, 1 * MiB, 1));
  seconds_of(
      []() -> io::Task<void> { static_cast<void>(co_await io::sleep_for(seconds(100), {})); }());
  EXPECT_GT(seconds_of(take(bandwidth, 1 * MiB, 5)), 4.5);
}

TEST_F(BandwidthTest, AChangedRateHolds) {
  Bandwidth bandwidth(1);
  bandwidth.set(10 * MiB);
  EXPECT_LT(seconds_of(take(bandwidth, 1 * MiB, 10)), 1.5);
}

}  // namespace
}  // namespace cairn::transfer
