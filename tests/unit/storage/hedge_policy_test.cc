// When a second request is sent: not before enough is known, after twice the 95th percentile, and
// not for more than a small share of requests.
#include "storage/hedge_policy.h"

#include <gtest/gtest.h>

namespace cairn::storage {
namespace {

TEST(HedgePolicy, WaitsUntilEnoughIsKnown) {
  HedgePolicy policy;
  for (size_t i = 0; i < HedgePolicy::kSamplesMin - 1; ++i) policy.note_answer(milliseconds(20));
  EXPECT_FALSE(policy.delay());
  policy.note_answer(milliseconds(20));
  ASSERT_TRUE(policy.delay());
  EXPECT_EQ(*policy.delay(), milliseconds(40));
}

TEST(HedgePolicy, IsOfTheSlowestOfTwenty) {
  HedgePolicy policy;
  for (int i = 0; i < 128; ++i) policy.note_answer(milliseconds(i % 10 == 0 ? 100 : 10));
  EXPECT_EQ(*policy.delay(), milliseconds(200)) << "one in ten is usual";
  for (int i = 0; i < 128; ++i) policy.note_answer(milliseconds(i % 50 == 0 ? 100 : 10));
  EXPECT_EQ(*policy.delay(), milliseconds(20)) << "one in fifty is not";
}

TEST(HedgePolicy, NeverHurriesWhatIsQuick) {
  HedgePolicy policy;
  for (int i = 0; i < 64; ++i) policy.note_answer(microseconds(200));
  EXPECT_EQ(*policy.delay(), HedgePolicy::kDelayMin);
}

TEST(HedgePolicy, SpendsAShareOfAllRequests) {
  HedgePolicy policy;
  int sent = 0;
  for (int i = 0; i < 1000; ++i) {
    policy.note_request();
    if (policy.spend()) ++sent;
  }
  EXPECT_GE(sent, 45);
  EXPECT_LE(sent, 51);
  // A quiet time saves only so many.
  for (int i = 0; i < 10000; ++i) policy.note_request();
  int at_once = 0;
  while (policy.spend()) ++at_once;
  EXPECT_EQ(at_once, static_cast<int>(HedgePolicy::kSavedMax));
}

}  // namespace
}  // namespace cairn::storage
