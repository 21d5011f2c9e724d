// Several homes of one placement: what a put promises, which home a read asks, what happens when a
// home is away, loses chunks or lets them rot, and how it all is made good again.
#include "tests/support/homes_fixture.h"

namespace cairn::storage {
namespace {

using testing_support::HomesFixture;
using testing_support::HomesSetup;
using testing_support::sample_bytes;
using testing_support::sample_chunk;
using testing_support::sample_id;
using testing_support::sample_owner;

constexpr Code kRight = Code::kInternal;

class ReplicasTest : public HomesFixture {};

TEST_F(ReplicasTest, OneAcknowledgesWithThePrimaryAndOwesTheRest) {
  open({});
  keep(1);
  EXPECT_TRUE(has("a", 1));
  EXPECT_FALSE(has("b", 1));
  EXPECT_EQ(named("b").owed.count(), 1U);
  EXPECT_EQ(named("b").owed.bytes(), 10000U);
  settle();
  EXPECT_TRUE(has("b", 1));
  EXPECT_EQ(named("b").owed.count(), 0U);
  home("a").is_away = true;
  EXPECT_EQ(read_code(1), kRight);
}

TEST_F(ReplicasTest, AllAcknowledgesWithEveryHome) {
  open({.acknowledge = Acknowledge::kAll});
  keep(1);
  EXPECT_TRUE(has("a", 1));
  EXPECT_TRUE(has("b", 1));
}

TEST_F(ReplicasTest, AllMeansAllOrNothing) {
  open({.acknowledge = Acknowledge::kAll});
  home("b").is_away = true;
  EXPECT_EQ(put(1).error().code, Code::kUnavailable);
  EXPECT_FALSE(has("a", 1)) << "a put that failed leaves nothing";
  EXPECT_FALSE(link(1, 2));
  home("b").is_away = false;
  home("b").is_full = true;
  EXPECT_EQ(put(1).error().code, Code::kNoSpace);
  home("b").is_full = false;
  EXPECT_TRUE(put(1).has_value());
}

TEST_F(ReplicasTest, AllDoesNotLinkWhatIsNotEverywhere) {
  open({.acknowledge = Acknowledge::kAll});
  keep(1);
  home("b").inner.set_references(nullptr);
  ASSERT_TRUE(wait(home("b").inner.unlink(sample_id(1), sample_owner(9))).value());
  EXPECT_FALSE(link(1, 2)) << "only one home has it";
  EXPECT_TRUE(put(1, 10000, 2).has_value());
  EXPECT_TRUE(has("b", 1)) << "the put made the copy that was missing";
}

TEST_F(ReplicasTest, OneFallsToTheNextHomeAndOwesThePrimary) {
  open({});
  home("a").is_away = true;
  keep(1);
  EXPECT_TRUE(has("b", 1));
  EXPECT_EQ(read_code(1), kRight);
  EXPECT_EQ(named("a").owed.count(), 1U);
  settle();
  EXPECT_FALSE(has("a", 1));
  home("a").is_away = false;
  settle();
  EXPECT_TRUE(has("a", 1));
}

TEST_F(ReplicasTest, WhatIsOwedIsFoundAgainAfterARestart) {
  open({});
  for (uint64_t number = 0; number < 40; ++number) keep(number);
  open({});  // The queue is gone, as after a crash.
  EXPECT_EQ(named("b").owed.count(), 0U);
  settle();
  for (uint64_t number = 0; number < 40; ++number) EXPECT_TRUE(has("b", number));
  EXPECT_EQ(store_->keeper().last_survey().owed_count, 40U);
}

TEST_F(ReplicasTest, AbsentIsSaidOnlyWhenEveryHomeWasHeard) {
  open({});
  EXPECT_EQ(read_code(1), Code::kNotFound);
  home("a").is_away = true;
  EXPECT_EQ(read_code(1), Code::kUnavailable);
  home("a").is_away = false;
  open({.away = {"b"}});
  EXPECT_EQ(read_code(1), Code::kUnavailable);
  EXPECT_EQ(wait(store_->verify(sample_id(1))).error().code, Code::kUnavailable);
}

TEST_F(ReplicasTest, ADamagedCopyIsPassedOverAndReplaced) {
  open({.acknowledge = Acknowledge::kAll});
  keep(1);
  home("a").rotten.insert(sample_id(1));
  EXPECT_EQ(read_code(1), kRight);
  EXPECT_EQ(named("a").counters.damaged_copies.load(), 1U);
  const uint64_t asked = home("a").reads_count;
  EXPECT_EQ(read_code(1), kRight);
  EXPECT_EQ(home("a").reads_count, asked) << "a copy that is known to be damaged is asked last";
  settle();
  EXPECT_FALSE(home("a").rotten.contains(sample_id(1)));
  home("b").is_away = true;
  EXPECT_EQ(read_code(1), kRight);
}

TEST_F(ReplicasTest, VerifyRepairsRotWhereAGoodCopyIs) {
  open({.acknowledge = Acknowledge::kAll});
  keep(1);
  home("b").rotten.insert(sample_id(1));
  EXPECT_TRUE(wait(store_->verify(sample_id(1))).has_value());
  EXPECT_TRUE(home("b").rotten.empty());
  EXPECT_TRUE(wait(home("b").verify(sample_id(1))).has_value());
  home("a").rotten.insert(sample_id(1));
  home("b").rotten.insert(sample_id(1));
  EXPECT_EQ(wait(store_->verify(sample_id(1))).error().code, Code::kCorruption);
  EXPECT_EQ(read_code(1), Code::kCorruption);
}

TEST_F(ReplicasTest, RotIsNotCopied) {
  open({});
  keep(1);
  home("a").rotten.insert(sample_id(1));
  settle();
  EXPECT_FALSE(has("b", 1));
  EXPECT_TRUE(has("a", 1)) << "what is left of the chunk stays";
}

TEST_F(ReplicasTest, AHomeThatLostAChunkGetsItBack) {
  open({.acknowledge = Acknowledge::kAll});
  keep(1);
  keep(2);
  home("a").inner.set_references(nullptr);
  for (const uint64_t lost : {1, 2}) {
    ASSERT_TRUE(wait(home("a").inner.unlink(sample_id(lost), sample_owner(9))).value());
  }
  home("a").inner.set_references(&named("a").references);
  EXPECT_EQ(read_code(1), kRight);
  EXPECT_EQ(named("a").owed.count(), 1U) << "the read noted what it missed";
  settle();
  EXPECT_TRUE(has("a", 1));
  EXPECT_TRUE(has("a", 2)) << "the survey found what nobody read";
}

TEST_F(ReplicasTest, WhatWasDroppedWhileAHomeWasAwayDoesNotComeBack) {
  open({.acknowledge = Acknowledge::kAll});
  keep(1);
  open({.acknowledge = Acknowledge::kOne, .away = {"b"}});
  references_.referenced.clear();
  EXPECT_TRUE(unlink(1));
  EXPECT_TRUE(has("b", 1));
  open({});
  settle();
  EXPECT_FALSE(has("b", 1));
  EXPECT_FALSE(has("a", 1));
  EXPECT_EQ(store_->keeper().last_survey().dropped_count, 1U);
}

TEST_F(ReplicasTest, AHeldChunkSurvivesTheDropInEveryHome) {
  open({});
  ASSERT_TRUE(put(1, 10000, 1).has_value());  // Held in a only; b's copy is held by nobody.
  settle();
  ASSERT_TRUE(has("b", 1));
  EXPECT_FALSE(unlink(1, 2));
  EXPECT_TRUE(has("a", 1));
  EXPECT_TRUE(has("b", 1));
  EXPECT_TRUE(unlink(1, 1));
  EXPECT_FALSE(has("a", 1));
  EXPECT_FALSE(has("b", 1));
}

TEST_F(ReplicasTest, AnOwedChunkThatWasDroppedIsNotCopied) {
  open({});
  ASSERT_TRUE(put(1).has_value());
  EXPECT_TRUE(unlink(1));
  settle();
  EXPECT_FALSE(has("a", 1));
  EXPECT_FALSE(has("b", 1));
}

TEST_F(ReplicasTest, ADropDuringACopyIsDoneAfterIt) {
  open({});
  ASSERT_TRUE(put(1).has_value());
  wait(store_->release(sample_owner(0), {sample_id(1)}));
  references_.referenced.push_back(sample_id(1));
  home("a").gate.reset();
  const auto both = [](ReplicasTest& test) -> io::Task<void> {
    io::Scope scope;
    const auto settle_all = [](PlacedStore& store) -> io::Task<void> {
      co_await store.keeper().settle();
    };
    scope.spawn(settle_all(*test.store_));
    co_await io::sleep_for(milliseconds(20));
    test.references_.referenced.clear();
    const Result<bool> dropped = co_await test.store_->unlink(sample_id(1), sample_owner(3));
    EXPECT_TRUE(dropped && !*dropped) << "the copier drops it";
    test.home("a").gate.set();
    co_await scope.join();
  };
  wait(both(*this));
  EXPECT_FALSE(has("a", 1));
  EXPECT_FALSE(has("b", 1));
}

TEST_F(ReplicasTest, ASwitchMovesWritesAtOnce) {
  open({.homes = {"a", "b", "c"}});
  keep(1);
  route().choose({.primary = 1});
  keep(2);
  EXPECT_FALSE(has("a", 2));
  EXPECT_TRUE(has("b", 2));
  EXPECT_EQ(read_code(1), kRight) << "what the new primary does not have is read elsewhere";
  EXPECT_EQ(named("b").owed.count(), 1U);
  settle();
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_TRUE(has(name, 1) && has(name, 2)) << name;
  }
  EXPECT_EQ(route().switches_count(), 1U);
}

TEST_F(ReplicasTest, ADrainedHomeIsCopiedAndThenLeftAlone) {
  open({});
  keep(1);
  route().choose({.primary = 1, .drained = 1});
  settle();
  EXPECT_TRUE(has("b", 1));
  keep(2);
  settle();
  EXPECT_FALSE(has("a", 2));
  const uint64_t asked = home("a").reads_count;
  for (int i = 0; i < 300; ++i) EXPECT_EQ(read_code(1), kRight);
  EXPECT_EQ(home("a").reads_count, asked);
}

TEST_F(ReplicasTest, AHomeThatNoPlacementNamesGivesItsChunksAway) {
  open({.homes = {"old"}});
  keep(1);
  keep(2);
  open({.homes = {"a", "b"}, .others = {"old"}});
  EXPECT_EQ(read_code(1), kRight);
  EXPECT_TRUE(link(2, 5)) << "the chunk is there, and held where it is";
  settle();
  EXPECT_FALSE(has("old", 1));
  EXPECT_TRUE(has("a", 1) && has("b", 1));
  EXPECT_TRUE(has("old", 2)) << "held, so it stays until it is not";
  wait(store_->release(sample_owner(5), {sample_id(2)}));
  settle();
  EXPECT_FALSE(has("old", 2));
  EXPECT_EQ(read_code(2), kRight);
}

// The first home answers that it lacks the chunk; before the second is asked, the chunk has moved
// from there to the first.
TEST_F(ReplicasTest, AChunkThatMovesBehindTheReadersBackIsFound) {
  open({.homes = {"a"}});
  for (uint64_t number = 1; number <= 2; ++number) keep(number);
  open({.homes = {"b"}, .others = {"a"}});
  const auto move = [this] { return store_->keeper().settle(); };
  home("b").before_answer = move;
  EXPECT_EQ(read_code(1), kRight);
  EXPECT_TRUE(has("b", 1) && has("b", 2) && !has("a", 1) && !has("a", 2));
  EXPECT_EQ(read_code(3), Code::kNotFound);

  open({.homes = {"a"}, .others = {"b"}});
  home("b").before_answer = nullptr;
  home("a").before_answer = move;
  ASSERT_FALSE(has("a", 2));
  EXPECT_TRUE(wait(store_->verify(sample_id(2))).has_value());
  EXPECT_TRUE(has("a", 2) && !has("b", 2));
  EXPECT_EQ(wait(store_->verify(sample_id(3))).error().code, Code::kNotFound);
}

TEST_F(ReplicasTest, ReadsLeaveAHomeThatKeepsFailing) {
  open({.acknowledge = Acknowledge::kAll});
  keep(1);
  home("a").is_away = true;
  for (int i = 0; i < 200; ++i) EXPECT_EQ(read_code(1), kRight);
  EXPECT_TRUE(named("a").health.is_open());
  EXPECT_LT(home("a").reads_count, 20U);
}

TEST_F(ReplicasTest, ASlowRemoteHomeIsOvertaken) {
  open({.acknowledge = Acknowledge::kAll, .is_remote = true});
  keep(1);
  for (int i = 0; i < 5; ++i) ASSERT_EQ(read_code(1), kRight);
  home("a").gate.reset();
  const Instant begun = system_clock().now();
  EXPECT_EQ(read_code(1), kRight);
  EXPECT_LT((system_clock().now() - begun).nanoseconds, seconds(2).nanoseconds);
  const auto open_gate = [](io::Event& gate) -> io::Task<void> {
    gate.set();
    co_return;
  };
  wait(open_gate(home("a").gate));
}

TEST_F(ReplicasTest, AHomeThatComesLaterIsTakenInAndMadeGood) {
  home("b").is_away = true;
  open({.away = {"b"}, .interval = milliseconds(5)});
  keep(1);
  EXPECT_EQ(read_code(1), kRight);
  EXPECT_FALSE(named("b").is_open.load());
  home("b").is_away = false;
  const auto until_copied = [](ReplicasTest& test) -> io::Task<void> {
    for (int i = 0; i < 1000 && test.home("b").puts_count == 0; ++i) {
      co_await io::sleep_for(milliseconds(10));
    }
  };
  wait(until_copied(*this));
  EXPECT_TRUE(named("b").is_open.load());
  EXPECT_TRUE(has("b", 1));
}

TEST_F(ReplicasTest, ASlowHomeIsNotOvertakenByADrainedOne) {
  open({.acknowledge = Acknowledge::kAll, .is_remote = true});
  keep(1);
  const auto read_held_up = [](ReplicasTest& test) -> io::Task<void> {
    const auto read = [](ReplicasTest& of) -> io::Task<void> {
      const Result<SealedRead> got = co_await of.store_->read(sample_id(1), {0, 10000});
      EXPECT_TRUE(got.has_value());
    };
    test.home("a").gate.reset();
    io::Scope scope;
    scope.spawn(read(test));
    (void)co_await io::sleep_for(kOvertakeAfterMax + milliseconds(200));
    test.home("a").gate.set();
    co_await scope.join();
  };
  wait(read_held_up(*this));
  EXPECT_EQ(home("b").reads_count, 1U) << "it is asked beside the slow one";
  route().choose({.primary = 0, .drained = 2});
  wait(read_held_up(*this));
  EXPECT_EQ(home("b").reads_count, 1U);
  home("a").is_away = true;
  EXPECT_EQ(read_code(1), kRight) << "it is asked when no other can answer";
  EXPECT_EQ(home("b").reads_count, 2U);
}

TEST_F(ReplicasTest, WhoDistrustsAnAnswerGetsThatOfEveryHome) {
  open({.homes = {"a", "b", "c"}, .acknowledge = Acknowledge::kAll});
  keep(1);
  home("a").lying.insert(sample_id(1));
  home("b").lying.insert(sample_id(1));
  std::set<uint8_t> right;
  for (uint8_t distrust = 1; distrust <= 6; ++distrust) {
    const Result<SealedRead> got =
        wait(store_->read(sample_id(1), {0, 10000}, {.distrust = distrust}));
    ASSERT_TRUE(got.has_value());
    if (std::ranges::equal(got->payload.view(), sample_bytes(1, 10000))) right.insert(distrust);
  }
  EXPECT_EQ(right, (std::set<uint8_t>{2, 5})) << "in turn";
}

TEST_F(ReplicasTest, UsageAddsUpPlacementsAndCountsCopiesOnce) {
  open({.acknowledge = Acknowledge::kAll, .others = {"far"}});
  for (uint64_t number = 0; number < 3; ++number) keep(number);
  // Two chunks of another placement, which the placement's homes do not have.
  for (uint64_t number = 10; number < 12; ++number) {
    ChunkId id = sample_id(number);
    id.bytes.back() = static_cast<uint8_t>(sample_id(0).bytes.back() + 100);
    ASSERT_TRUE(wait(home("far").inner.put(id, sample_chunk(number, 10000), sample_owner(0))));
  }
  const StoreUsage usage = wait(store_->usage()).value();
  EXPECT_EQ(usage.chunks_count, 5U);
  EXPECT_EQ(usage.live_bytes, 5U * 10000);
  EXPECT_EQ(usage.allocated_bytes, 8U * 10000);
}

TEST_F(ReplicasTest, ListAndUsageCountEachChunkOnce) {
  open({.acknowledge = Acknowledge::kAll});
  for (uint64_t number = 0; number < 5; ++number) keep(number);
  route().choose({.primary = 0, .drained = 2});
  keep(5);
  EXPECT_EQ(wait(store_->list(std::nullopt, 100))->size(), 6U);
  EXPECT_EQ(wait(store_->list(std::nullopt, 3))->size(), 3U);
  EXPECT_EQ(wait(store_->usage())->chunks_count, 6U);
  EXPECT_EQ(wait(store_->usage())->live_bytes, 6U * 10000);
  EXPECT_EQ(wait(store_->usage())->allocated_bytes, 11U * 10000);
}

}  // namespace
}  // namespace cairn::storage
