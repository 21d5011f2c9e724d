// Property: a nonce is good once, for whom and what it was made, for a minute; who fails five times
// in an hour is challenged no more. Method: a clock of our own, every part of the subject changed.
#include "native/challenges.h"

#include <gtest/gtest.h>

#include "native/pool.h"

namespace cairn::native {
namespace {

Challenges::Subject subject() {
  Challenges::Subject out{"arn:aws:iam::000000000001:user/a", "session", {}};
  out.chunk.hash[0] = 1;
  out.chunk.size_bytes = 100;
  return out;
}

class ChallengesTest : public testing::Test {
 protected:
  SeededRandom random{1};
  Challenges challenges{random};
  Instant now{seconds(1000).nanoseconds};
};

TEST_F(ChallengesTest, NonceIsGoodOnce) {
  const Bytes nonce = challenges.issue(subject(), now).value();
  EXPECT_TRUE(challenges.take(subject(), nonce, now));
  EXPECT_FALSE(challenges.take(subject(), nonce, now));
}

TEST_F(ChallengesTest, NonceIsOfItsSubject) {
  for (int part = 0; part < 4; ++part) {
    const Bytes nonce = challenges.issue(subject(), now).value();
    Challenges::Subject other = subject();
    if (part == 0) other.caller += "b";
    if (part == 1) other.session += "b";
    if (part == 2) other.chunk.hash[31] = 1;
    if (part == 3) other.chunk.size_bytes = 99;
    EXPECT_FALSE(challenges.take(other, nonce, now)) << part;
    // Whoever tried it has spent it.
    EXPECT_FALSE(challenges.take(subject(), nonce, now)) << part;
  }
}

TEST_F(ChallengesTest, NonceEndsAfterAMinute) {
  const Bytes last = challenges.issue(subject(), now).value();
  const Bytes late = challenges.issue(subject(), now).value();
  EXPECT_TRUE(challenges.take(subject(), last, now + seconds(59)));
  EXPECT_FALSE(challenges.take(subject(), late, now + seconds(60)));
}

TEST_F(ChallengesTest, NoncesDiffer) {
  EXPECT_NE(challenges.issue(subject(), now), challenges.issue(subject(), now));
}

TEST_F(ChallengesTest, FailuresEndChallengesForAnHour) {
  const std::string caller = subject().caller;
  for (size_t i = 0; i < Challenges::kFailuresMax; ++i) {
    EXPECT_TRUE(challenges.issue(subject(), now).has_value());
    challenges.count_failure(caller, now);
  }
  EXPECT_FALSE(challenges.issue(subject(), now).has_value());
  Challenges::Subject other = subject();
  other.caller += "b";
  EXPECT_TRUE(challenges.issue(other, now).has_value());
  EXPECT_FALSE(challenges.may_be_challenged(caller, now + seconds(3599)));
  EXPECT_TRUE(challenges.may_be_challenged(caller, now + seconds(3600)));
}

TEST_F(ChallengesTest, OpenOnesAreBounded) {
  for (size_t i = 0; i < Challenges::kOpenMax; ++i) {
    ASSERT_TRUE(challenges.issue(subject(), now).has_value());
  }
  EXPECT_FALSE(challenges.issue(subject(), now).has_value());
  EXPECT_TRUE(challenges.issue(subject(), now + seconds(60)).has_value());
}

TEST(PoolTest, OnlyMembersBorrow) {
  const std::string accounts[] = {"000000000001", "000000000007"};
  const Pool pool = Pool::parse(accounts).value();
  EXPECT_EQ(pool.lenders(crypto::TenantId{1}).size(), 2U);
  EXPECT_EQ(pool.lenders(crypto::TenantId{7}).size(), 2U);
  EXPECT_TRUE(pool.lenders(crypto::TenantId{2}).empty());
  EXPECT_TRUE(Pool().lenders(crypto::TenantId{1}).empty());
  const std::string bad[] = {"7"};
  EXPECT_EQ(Pool::parse(bad).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(Pool::parse(std::vector<std::string>(65, "000000000001")).has_value());
}

}  // namespace
}  // namespace cairn::native
