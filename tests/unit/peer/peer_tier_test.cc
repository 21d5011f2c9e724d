// Property: nodes that read the same chunks read each of them from the home once, together, and
// whatever the ranges the bytes are the home's. Method: several nodes on one reactor with real TLS
// between them and a home that counts.
#include "peer/peer_tier.h"

#include <set>

#include "tests/unit/peer/peer_fixture.h"

namespace cairn::peer {
namespace {

using testing_support::sample_id;
using testing_support::sample_owner;

using PeerTierTest = PeerFixture;

io::Task<void> read_by_all(std::vector<storage::ChunkStore*> stores,
                           io::Task<void> (*read)(storage::ChunkStore&, uint64_t, uint64_t, size_t,
                                                  int*),
                           uint64_t count, size_t size, int* failed) {
  io::Scope scope;
  for (storage::ChunkStore* const store : stores) {
    scope.spawn(read(*store, 1, count, size, failed));
  }
  co_await scope.join();
}

TEST_F(PeerTierTest, ThreeNodesThatReadTheSameReadTheHomeOnce) {
  start(3);
  constexpr uint64_t kChunks = 12;
  put_home(1, kChunks, 4 * MiB);
  std::vector<storage::ChunkStore*> stores;
  for (const auto& node : nodes_) stores.push_back(&node->tier);
  int failed = 0;
  wait(read_by_all(stores, &PeerFixture::read_blocks, kChunks, 4 * MiB, &failed));
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(home_.reads.size(), kChunks * 4);
  uint64_t asked = 0;
  uint64_t answered = 0;
  for (const auto& node : nodes_) {
    asked += node->tier.counters().asked;
    answered += node->tier.counters().answered;
    EXPECT_EQ(node->tier.counters().home_reads, 0U);
    EXPECT_GT(node->tier.counters().served, 0U) << "nobody asked " << node->name;
  }
  EXPECT_EQ(asked, kChunks * 4 * 2);
  EXPECT_EQ(answered, asked);
}

TEST_F(PeerTierTest, RangesOfAllShapesAreTheHomes) {
  start(2);
  put_home(1, 2);
  for (const size_t node : {0, 1}) {
    for (const ByteRange range : std::vector<ByteRange>{{0, 1},
                                                        {0, 64 * KiB},
                                                        {65'535, 2},
                                                        {MiB - 1, 2},
                                                        {MiB, MiB},
                                                        {0, kWhole},
                                                        {100, kWhole},
                                                        {kWhole - 1, 1},
                                                        {kWhole - 5, 100},
                                                        {kWhole, 10},
                                                        {kWhole + MiB, MiB},
                                                        {3 * MiB, MiB},
                                                        {0, 0}}) {
      SCOPED_TRACE(testing::Message() << range.offset_bytes << "+" << range.size_bytes);
      expect_read(node, 1, range);
      expect_read(node, 2, range);
    }
  }
}

TEST_F(PeerTierTest, WhatTheOwnerHasIsNotReadAgain) {
  start(2);
  const uint64_t number = owned_by(1);
  put_home(number, 1);
  expect_read(0, number, {0, MiB});
  expect_read(0, number, {0, MiB});
  // A part of a block that is kept, and the owner itself.
  expect_read(0, number, {300'000, 5000});
  expect_read(1, number, {64 * KiB, 64 * KiB});
  EXPECT_EQ(home_.reads, std::vector<ByteRange>({{0, MiB}}));
  EXPECT_EQ(nodes_[0]->tier.counters().answered, 3U);
  EXPECT_EQ(nodes_[1]->tier.counters().kept_misses, 1U);
}

TEST_F(PeerTierTest, ASmallRangeCostsTheHomeItsFramesOnly) {
  start(2);
  const uint64_t number = owned_by(1);
  put_home(number, 1);
  expect_read(0, number, {70'000, 10});
  EXPECT_EQ(home_.reads, std::vector<ByteRange>({{64 * KiB, 64 * KiB}}));
}

TEST_F(PeerTierTest, ANodeAloneReadsItsHome) {
  start(1);
  put_home(1, 1);
  expect_read(0, 1, {0, MiB});
  expect_read(0, 1, {0, MiB});
  EXPECT_EQ(home_.reads.size(), 2U);
  EXPECT_EQ(nodes_[0]->tier.keeper().reading().runs_count, 0U);
}

TEST_F(PeerTierTest, WhatAnotherNodeAsksForIsNeverAskedOfAThird) {
  start(3);
  // Node 0 does not see node 2: it asks node 1 for a chunk that node 1 believes to be node 2's.
  std::vector<uint64_t> of_node_2;
  for (uint64_t number = 1; number < 100; ++number) {
    if (owner_of(number) == 2) of_node_2.push_back(number);
  }
  nodes_[0]->tier.set_members({nodes_[0]->member(), nodes_[1]->member()});
  const auto found =
      std::ranges::find_if(of_node_2, [this](uint64_t each) { return owner_of(each) == 1; });
  ASSERT_NE(found, of_node_2.end());
  const uint64_t number = *found;
  put_home(number, 1);
  expect_read(0, number, {0, MiB});
  EXPECT_EQ(nodes_[1]->door.requests_count, 1U);
  EXPECT_EQ(nodes_[2]->door.requests_count, 0U);
  EXPECT_EQ(home_.reads.size(), 1U);
}

TEST_F(PeerTierTest, ADrainingNodeIsNoOwnerAndReadsFromOthers) {
  start(3);
  std::vector<cluster::Member> members;
  for (const auto& node : nodes_) members.push_back(node->member());
  members[1].is_draining = true;
  for (const auto& node : nodes_) node->tier.set_members(members);
  put_home(1, 9, MiB);
  int failed = 0;
  for (const auto& node : nodes_) wait(read_blocks(node->tier, 1, 9, MiB, &failed));
  EXPECT_EQ(home_.reads.size(), 9U);
  EXPECT_EQ(nodes_[1]->door.requests_count, 0U);
  EXPECT_EQ(nodes_[1]->tier.counters().answered, 9U);
}

TEST_F(PeerTierTest, ADroppedChunkIsForgotten) {
  start(2);
  const uint64_t number = owned_by(0);
  put_home(number, 1);
  expect_read(0, number, {0, MiB});
  EXPECT_EQ(nodes_[0]->tier.keeper().reading().runs_count, 1U);
  wait(home_.inner.release(sample_owner(0), {sample_id(number)}));
  const Result<bool> dropped = wait(nodes_[0]->tier.unlink(sample_id(number), sample_owner(0)));
  ASSERT_TRUE(dropped && *dropped);
  EXPECT_EQ(nodes_[0]->tier.keeper().reading().runs_count, 0U);
  const Result<storage::SealedRead> gone = wait(nodes_[0]->tier.read(sample_id(number), {0, MiB}));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::kNotFound);
  const Result<storage::SealedRead> elsewhere =
      wait(nodes_[1]->tier.read(sample_id(number), {0, MiB}));
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, Code::kNotFound);
  EXPECT_EQ(nodes_[1]->tier.counters().absent, 1U);
}

TEST_F(PeerTierTest, WarmingFillsTheOwnerAndMovesNoBytes) {
  start(2);
  const uint64_t number = owned_by(1);
  put_home(number, 1);
  ASSERT_TRUE(wait(nodes_[0]->tier.warm(sample_id(number), {0, MiB}, true)));
  EXPECT_EQ(home_.reads.size(), 1U);
  EXPECT_EQ(nodes_[0]->tier.counters().answered_bytes, 0U);
  EXPECT_EQ(nodes_[1]->tier.keeper().reading().runs_count, 1U);
  EXPECT_GT(nodes_[1]->tier.keeper().reading().pinned_bytes, 0U);
  expect_read(0, number, {0, MiB});
  EXPECT_EQ(home_.reads.size(), 1U);
}

TEST_F(PeerTierTest, APinnedRunStaysUntilALongerOneHasAllOfIt) {
  start(2);
  const uint64_t number = owned_by(0);
  put_home(number, 1);
  storage::ReadOptions pinned;
  pinned.pin = true;
  PeerTier& owner = nodes_[0]->tier;
  ASSERT_TRUE(wait(owner.read(sample_id(number), {0, 64 * KiB}, pinned)));
  const uint64_t pinned_bytes = owner.keeper().reading().pinned_bytes;
  EXPECT_GT(pinned_bytes, 0U);
  expect_read(0, number, {256 * KiB, 64 * KiB});
  EXPECT_EQ(owner.keeper().reading().pinned_bytes, pinned_bytes);
  const size_t reads_before = home_.reads.size();
  expect_read(0, number, {0, 64 * KiB});
  EXPECT_EQ(home_.reads.size(), reads_before);
  expect_read(0, number, {0, MiB});
  EXPECT_GT(owner.keeper().reading().pinned_bytes, pinned_bytes);
}

TEST_F(PeerTierTest, MemoryOfKeptBlocksIsBounded) {
  start(2);
  put_home(1, 60, 4 * MiB);
  int failed = 0;
  wait(read_blocks(nodes_[0]->tier, 1, 60, 4 * MiB, &failed));
  EXPECT_EQ(failed, 0);
  for (const auto& node : nodes_) {
    const KeptReading kept = node->tier.keeper().reading();
    EXPECT_LE(kept.used_bytes, kept.capacity_bytes);
    EXPECT_GT(kept.used_bytes, kept.capacity_bytes / 2);
  }
}

// Many at once make the first owner tell more owners; those take the chunk from it.
TEST_F(PeerTierTest, AHotChunkIsTakenFromItsFirstOwnerByTheOthers) {
  bytes_per_second_ = 20e6;
  start(3);
  const uint64_t number = owned_by(0);
  put_home(number, 1, 8 * MiB);
  const auto storm = [](TestNode& node, uint64_t number, int* failed) -> io::Task<void> {
    io::Scope scope;
    // Fewer than a node may have in flight to another, and what a sanitizer serves in time.
    for (int i = 0; i < 12; ++i) {
      for (uint64_t at = 0; at < 8; ++at) {
        scope.spawn(read_right(node.tier, number, {at * MiB, MiB}, 8 * MiB, failed));
      }
    }
    co_await scope.join();
  };
  int failed = 0;
  wait(storm(*nodes_[1], number, &failed));
  wait(storm(*nodes_[2], number, &failed));
  wait(storm(*nodes_[1], number, &failed));
  EXPECT_EQ(failed, 0);
  EXPECT_GT(nodes_[0]->tier.counters().copies_told, 0U);
  // Somebody else keeps it as well.
  EXPECT_GT(
      nodes_[1]->tier.keeper().reading().runs_count + nodes_[2]->tier.keeper().reading().runs_count,
      0U);
  std::set<uint64_t> offsets;
  for (const ByteRange& range : home_.reads) offsets.insert(range.offset_bytes);
  EXPECT_EQ(offsets.size(), 8U);
  // Each block once for all owners, and what was asked beyond what one node may have in flight to
  // another.
  const uint64_t beside =
      nodes_[1]->tier.counters().home_reads + nodes_[2]->tier.counters().home_reads;
  EXPECT_EQ(home_.reads.size(), 8U + beside);
  EXPECT_EQ(nodes_[1]->tier.counters().unanswered + nodes_[2]->tier.counters().unanswered, 0U);
}

}  // namespace
}  // namespace cairn::peer
