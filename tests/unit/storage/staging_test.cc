// A staging home: puts are durable there, go on to their homes in batches, and the staged copy goes
// only when every home has the chunk and it was read back.
#include "tests/support/homes_fixture.h"

namespace cairn::storage {
namespace {

using testing_support::HomesFixture;
using testing_support::sample_id;
using testing_support::sample_owner;

constexpr Code kRight = Code::kInternal;

class StagingTest : public HomesFixture {
 protected:
  void open_staged() { open({.homes = {"big"}, .staging = "fast"}); }
};

TEST_F(StagingTest, APutIsInTheStagingHomeFirstAndThenWhereItBelongs) {
  open_staged();
  keep(1);
  EXPECT_TRUE(has("fast", 1));
  EXPECT_FALSE(has("big", 1));
  EXPECT_EQ(named("fast").outgoing.count(), 1U);
  EXPECT_EQ(read_code(1), kRight);
  settle();
  EXPECT_TRUE(has("big", 1));
  EXPECT_FALSE(has("fast", 1));
  EXPECT_EQ(home("big").verifies_count, 1U) << "read back before the staged copy went";
  EXPECT_EQ(read_code(1), kRight);
}

TEST_F(StagingTest, WhatIsStagedIsFoundAgainAfterARestart) {
  open_staged();
  for (uint64_t number = 0; number < 20; ++number) keep(number);
  open_staged();
  settle();
  for (uint64_t number = 0; number < 20; ++number) {
    EXPECT_TRUE(has("big", number));
    EXPECT_FALSE(has("fast", number));
  }
}

TEST_F(StagingTest, AFullStagingHomeIsPassedBy) {
  open_staged();
  home("fast").is_full = true;
  keep(1);
  EXPECT_TRUE(has("big", 1));
  home("fast").is_full = false;
  home("fast").is_away = true;
  keep(2);
  EXPECT_TRUE(has("big", 2));
}

TEST_F(StagingTest, ACopyThatDoesNotReadBackKeepsTheStagedOne) {
  open_staged();
  keep(1);
  home("big").rotten.insert(sample_id(1));  // Rots as soon as it is written.
  settle();
  EXPECT_TRUE(has("fast", 1));
  EXPECT_EQ(read_code(1), kRight);
  home("big").rotten.clear();
  settle();
  EXPECT_FALSE(has("fast", 1));
  EXPECT_EQ(read_code(1), kRight);
}

TEST_F(StagingTest, AHomeThatIsAwayKeepsTheStagedCopies) {
  open_staged();
  keep(1);
  home("big").is_away = true;
  settle();
  EXPECT_TRUE(has("fast", 1));
  EXPECT_EQ(read_code(1), kRight);
  home("big").is_away = false;
  settle();
  EXPECT_FALSE(has("fast", 1));
  EXPECT_TRUE(has("big", 1));
}

TEST_F(StagingTest, WhatIsStagedIsNotReadOverAndOverForAHomeThatIsDown) {
  open_staged();
  for (uint64_t number = 0; number < 8; ++number) keep(number);
  const auto trip = [](HomeHealth& health) -> io::Task<void> {
    const Instant later = io::Reactor::current().now() + seconds(3600);
    for (unsigned i = 0; i < UpstreamBreaker::kFailuresUntilOpen; ++i)
      (void)health.on_failure(later);
    co_return;
  };
  wait(trip(named("big").health));
  for (int round = 0; round < 3; ++round) (void)wait(store_->keeper().pass());
  EXPECT_EQ(home("fast").reads_count, 0U);
  EXPECT_EQ(named("fast").outgoing.count(), 8U);
  named("big").health.on_success();
  settle();
  for (uint64_t number = 0; number < 8; ++number) EXPECT_TRUE(has("big", number));
}

TEST_F(StagingTest, AHeldChunkStaysStagedUntilItIsReleased) {
  open_staged();
  ASSERT_TRUE(put(1, 10000, 7).has_value());
  settle();
  EXPECT_TRUE(has("fast", 1));
  references_.referenced.push_back(sample_id(1));
  wait(store_->release(sample_owner(7), {sample_id(1)}));
  settle();
  EXPECT_FALSE(has("fast", 1));
  EXPECT_TRUE(has("big", 1));
}

TEST_F(StagingTest, AStagedChunkIsDroppedEverywhere) {
  open_staged();
  ASSERT_TRUE(put(1).has_value());
  EXPECT_TRUE(unlink(1));
  settle();
  EXPECT_FALSE(has("fast", 1));
  EXPECT_FALSE(has("big", 1));
}

TEST_F(StagingTest, EveryHomeHasItBeforeTheStagedCopyGoes) {
  open({.homes = {"big", "other"}, .staging = "fast"});
  keep(1);
  home("other").is_away = true;
  settle();
  EXPECT_TRUE(has("big", 1));
  EXPECT_TRUE(has("fast", 1));
  home("other").is_away = false;
  settle();
  EXPECT_TRUE(has("other", 1));
  EXPECT_FALSE(has("fast", 1));
}

TEST_F(StagingTest, StagedChunksAreGivenAwayInTheOrderOfTheirPuts) {
  open({.homes = {"big"}, .staging = "fast", .interval = milliseconds(5)});
  for (uint64_t number = 0; number < 30; ++number) keep(number);
  EXPECT_EQ(home("big").puts_count, 0U) << "a batch waits until it is worth it";
  const auto until_empty = [](HomesFixture& test) -> io::Task<void> {
    for (int i = 0; i < 1000 && test.home("big").puts_count < 30; ++i) {
      co_await io::sleep_for(milliseconds(10));
    }
  };
  wait(until_empty(*this));
  EXPECT_EQ(home("big").puts_count, 30U);
}

}  // namespace
}  // namespace cairn::storage
