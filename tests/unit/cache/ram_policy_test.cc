// Property: a shard's policy keeps what it promises: capacity, window, admission by worth, pins,
// shares, expiry. Method: small shards, sizes of 10, one second between requests.
#include "cache/ram_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace cairn::cache {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class RamPolicyTest : public testing::Test {
 protected:
  RamNode& add(uint64_t size_bytes = 10, Hints hints = {}) {
    RamNode& node = nodes_.emplace_back();
    node.size_bytes = size_bytes;
    policy_.insert(node, now_, hints, departed_);
    return node;
  }
  void wait(int64_t seconds_count) { now_ = now_ + seconds(seconds_count); }
  bool touch(RamNode& node) { return policy_.touch(node, now_, {}, departed_); }
  // References that count.
  void touch_often(RamNode& node, int count) {
    for (int i = 0; i < count; ++i) {
      wait(10);
      touch(node);
    }
  }
  std::vector<Departure> departures() {
    std::vector<Departure> reasons;
    while (const RamNode* const node = departed_.pop_front()) reasons.push_back(node->departure);
    return reasons;
  }

  // A window of 25 and a main of 75 bytes.
  RamPolicy policy_{{.capacity_bytes = 100, .window_share = 0.25, .large_share = 0.2}};
  std::deque<RamNode> nodes_;
  PlaceList departed_;
  Instant now_{};
};

TEST_F(RamPolicyTest, WhatLeavesTheWindowFillsMainWhileThereIsRoom) {
  RamNode& first = add();
  add();
  add();
  EXPECT_EQ(first.place, RamNode::Place::kMain);
  EXPECT_THAT(departures(), IsEmpty());
  EXPECT_EQ(policy_.used_bytes(), 30U);
  EXPECT_EQ(policy_.window_bytes(), 20U);
}

TEST_F(RamPolicyTest, ANewcomerThatIsWorthNoMoreThanTheOthersIsTurnedAway) {
  for (int i = 0; i < 7; ++i) touch_often(add(), 4);
  RamNode& cold = add();
  add();
  EXPECT_THAT(departures(), IsEmpty());
  RamNode& warm = add();
  EXPECT_FALSE(cold.resident());
  EXPECT_THAT(departures(), ElementsAre(Departure::kWindow));
  touch_often(warm, 5);
  add();
  add();
  EXPECT_EQ(warm.place, RamNode::Place::kMain);
  EXPECT_THAT(departures(), ElementsAre(Departure::kWindow, Departure::kMain));
}

TEST_F(RamPolicyTest, ReferencesWithinTheGapCountOnceAndDoNotRestartTheClock) {
  RamNode& node = add();
  for (int i = 0; i < 9; ++i) {
    wait(1);
    touch(node);
  }
  EXPECT_EQ(node.frequency, 1);
  wait(1);
  touch(node);
  EXPECT_EQ(node.frequency, 2);
}

TEST_F(RamPolicyTest, ADeclaredLoadCountsOnceAMinute) {
  RamNode& node = add();
  wait(59);
  policy_.touch(node, now_, {.declared_load = true}, departed_);
  EXPECT_EQ(node.frequency, 1);
  wait(1);
  policy_.touch(node, now_, {.declared_load = true}, departed_);
  EXPECT_EQ(node.frequency, 2);
}

TEST_F(RamPolicyTest, StreamsAndLargeEntriesNeverEnterMain) {
  RamNode& stream = add(10, {.stream = true});
  RamNode& large = add(25);
  EXPECT_FALSE(stream.resident());
  EXPECT_EQ(stream.departure, Departure::kStream);
  EXPECT_EQ(large.place, RamNode::Place::kWindow);
  add();
  EXPECT_EQ(large.departure, Departure::kStream);
}

TEST_F(RamPolicyTest, NoCacheAndWhatIsLargerThanTheShardIsRefused) {
  EXPECT_EQ(add(10, {.no_cache = true}).departure, Departure::kRefused);
  EXPECT_EQ(add(101).departure, Departure::kRefused);
  EXPECT_EQ(policy_.used_bytes(), 0U);
}

TEST_F(RamPolicyTest, PinsStayUntilUnpinnedAndFillHalfAtMost) {
  std::vector<RamNode*> pinned;
  for (int i = 0; i < 6; ++i) pinned.push_back(&add(10, {.pin = true}));
  EXPECT_EQ(policy_.pinned_bytes(), 50U);
  for (int i = 0; i < 100; ++i) touch_often(add(), 2);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pinned[i]->place, RamNode::Place::kPinned);
  EXPECT_FALSE(pinned[5]->resident());
  EXPECT_FALSE(policy_.pin(add(), departed_));
  policy_.unpin(*pinned[0], departed_);
  EXPECT_EQ(policy_.pinned_bytes(), 40U);
}

TEST_F(RamPolicyTest, ATenantAboveItsShareGivesWayFirst) {
  policy_.shares().set_share(1, 20);
  std::vector<RamNode*> theirs;
  for (int i = 0; i < 5; ++i) {
    theirs.push_back(&add(10, {.tenant = 1}));
    touch_often(*theirs.back(), 5);
  }
  std::vector<RamNode*> others;
  for (int i = 0; i < 7; ++i) others.push_back(&add());
  EXPECT_EQ(policy_.shares().used_bytes(1), 20U);
  for (const RamNode* node : others) EXPECT_TRUE(node->resident());
  for (const Departure reason : departures()) EXPECT_EQ(reason, Departure::kShare);
}

TEST_F(RamPolicyTest, ExpiredEntriesAreNotServed) {
  RamNode& node = add(10, {.expires = Instant{} + seconds(5)});
  wait(4);
  EXPECT_TRUE(touch(node));
  wait(1);
  EXPECT_FALSE(touch(node));
  EXPECT_THAT(departures(), ElementsAre(Departure::kExpired));
  EXPECT_EQ(policy_.used_bytes(), 0U);
}

TEST_F(RamPolicyTest, AnEntryThatIsDearToFetchIsKeptLonger) {
  RamNode& dear = add(10, {.cost = 10});
  for (int i = 0; i < 30; ++i) touch_often(add(), 1);
  EXPECT_TRUE(dear.resident());
}

TEST_F(RamPolicyTest, EvictOneTakesMainFirstAndEndsEmpty) {
  for (int i = 0; i < 4; ++i) add();
  add(10, {.pin = true});
  int count = 0;
  while (policy_.evict_one() != nullptr) ++count;
  EXPECT_EQ(count, 4);
  EXPECT_EQ(policy_.used_bytes(), 10U);
}

TEST_F(RamPolicyTest, AShardThatShrinksGivesUpWhatNoLongerFits) {
  for (int i = 0; i < 10; ++i) add();
  policy_.set_capacity(40, departed_);
  EXPECT_LE(policy_.used_bytes(), 40U);
  EXPECT_EQ(departures().size(), 6U);
}

}  // namespace
}  // namespace cairn::cache
