// Property: over any time a limit lets in its rate and at most kBurst's worth more, whatever the
// sizes and however many threads ask; it tells truly when to come again; a refusal takes nothing.
// Method: a virtual clock, and a count against the real one from four threads.
#include "s3/rate_limiter.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cairn::s3 {
namespace {

constexpr Instant kBegin{1'000'000'000'000};

Instant at_ms(int64_t ms) {
  return kBegin + milliseconds(ms);
}

TEST(RateMeter, LetsInTheRateAndNoMoreThanTheBurst) {
  for (const uint64_t rate : {1u, 2u, 7u, 10u, 99u, 1000u, 50'000u}) {
    SCOPED_TRACE(rate);
    RateMeter meter(rate);
    uint64_t taken = 0;
    constexpr int64_t kSeconds = 20;
    // Asked far more often than allowed.
    for (int64_t us = 0; us < kSeconds * 1'000'000; us += 10) {
      if (!meter.take(1, kBegin + microseconds(us))) ++taken;
    }
    const double allowed = static_cast<double>(rate) * kSeconds;
    EXPECT_LE(static_cast<double>(taken), allowed + std::max(1.0, static_cast<double>(rate) * 0.1));
    EXPECT_GE(static_cast<double>(taken), allowed * 0.99);
  }
}

TEST(RateMeter, LargeCostsAreWaitedForAfterwards) {
  RateMeter meter(1000);
  EXPECT_FALSE(meter.take(5000, at_ms(0)));  // Let in although it is five seconds' worth.
  const std::optional<Duration> wait = meter.take(10, at_ms(100));
  ASSERT_TRUE(wait);
  EXPECT_TRUE(meter.take(10, at_ms(100) + Duration{wait->nanoseconds - 1}));
  EXPECT_FALSE(meter.take(10, at_ms(100) + *wait));
  meter.charge(100'000'000'000, at_ms(10'000));
  const std::optional<Duration> long_wait = meter.take(1, at_ms(10'000));
  ASSERT_TRUE(long_wait);
  EXPECT_LE(long_wait->nanoseconds, seconds(3600).nanoseconds);  // A debt has an end.
}

TEST(RateMeter, IdleTimeIsNotSavedUp) {
  RateMeter meter(10);
  EXPECT_FALSE(meter.take(1, at_ms(0)));
  size_t at_once = 0;
  while (!meter.take(1, at_ms(3'600'000))) ++at_once;
  EXPECT_LE(at_once, 1u);
}

TEST(RateLimiter, EveryOwnerMayRefuseAndThenNothingWasTaken) {
  RateLimiter limiter;
  const RateLimiter::Owners owners{rate_key('k', "AK"), rate_key('u', "U"), rate_key('t', "T"),
                                   rate_key('b', "B")};
  EXPECT_FALSE(limiter.is_active());
  EXPECT_FALSE(limiter.admit(owners, 1 << 30, at_ms(0)));
  limiter.set(owners.access_key, {1000, 0, 0});
  limiter.set(owners.bucket, {1, 0, 0});
  EXPECT_TRUE(limiter.is_active());
  EXPECT_FALSE(limiter.admit(owners, 0, at_ms(0)));
  // The bucket refuses a hundred times; the key's own limit must not be used up by that.
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limiter.admit(owners, 0, at_ms(1)));
  EXPECT_FALSE(limiter.admit({owners.access_key, {}, {}, {}}, 0, at_ms(1)));
  limiter.set(owners.bucket, {});
  EXPECT_FALSE(limiter.admit(owners, 0, at_ms(2)));
  limiter.set(owners.access_key, {});
  EXPECT_FALSE(limiter.is_active());
}

TEST(RateLimiter, BytesThatWereSentKeepLaterRequestsWaiting) {
  RateLimiter limiter;
  const RateLimiter::Owners owners{rate_key('k', "AK"), {}, {}, {}};
  limiter.set(owners.access_key, {0, 0, 1000});
  EXPECT_FALSE(limiter.admit(owners, 0, at_ms(0)));
  limiter.charge(owners, 0, 2000, at_ms(0));
  const std::optional<Duration> wait = limiter.admit(owners, 0, at_ms(0));
  ASSERT_TRUE(wait);
  EXPECT_GT(wait->nanoseconds, milliseconds(1800).nanoseconds);
  EXPECT_FALSE(limiter.admit(owners, 0, at_ms(0) + *wait));
}

TEST(RateLimiter, ThreadsShareOneLimit) {
  RateLimiter limiter;
  const RateLimiter::Owners owners{rate_key('k', "AK"), {}, {}, {}};
  limiter.set(owners.access_key, {5000, 0, 0});
  std::atomic<uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      // Virtual time: every thread passes through the same second.
      for (int64_t us = 0; us < 1'000'000; us += 20) {
        if (!limiter.admit(owners, 0, kBegin + microseconds(us))) ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(taken, 5000u * 11 / 10 + 1);
  EXPECT_GE(taken, 4950u);
}

}  // namespace
}  // namespace cairn::s3
