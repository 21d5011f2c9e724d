// Properties: a node tells what it has of chunks and forgets what it is told to, all others are
// asked, those that do not answer are named; damaged bytes are forgotten where they came from; what
// is no question is refused.
#include "peer/control.h"

#include "peer/everyone.h"
#include "tests/unit/peer/peer_fixture.h"

namespace cairn::peer {
namespace {

using testing_support::sample_id;

class ControlTest : public PeerFixture {
 protected:
  // Any request to a node's listener, by the one of node 0.
  Result<std::string> ask(size_t node, std::string_view path, std::string body) {
    return wait(ask_one(nodes_[0]->tier, nodes_[node]->member().address, path, std::move(body)));
  }
  static io::Task<Result<std::string>> ask_one(PeerTier& tier, std::string address,
                                               std::string_view path, std::string body) {
    co_return co_await ask_control(tier.lane(), origin_of(address), path, "test", std::move(body));
  }
  template <typename Answer>
  static const Result<Answer>& of(const AllTold<Answer>& told, const std::string& node) {
    const auto found =
        std::ranges::find_if(told, [&](const NodeTold<Answer>& each) { return each.node == node; });
    return found->answer;
  }
};

TEST_F(ControlTest, EachNodeTellsWhatItHas) {
  start(3);
  const uint64_t first = owned_by(1);
  const uint64_t second = owned_by(2);
  put_home(first, 1);
  if (second != first + 1) put_home(second, 1);
  expect_read(0, first, {0, MiB});
  expect_read(0, second, {0, 2 * MiB});
  const auto told = wait(
      look_up_everywhere(nodes_[0]->tier, {sample_id(first), sample_id(second), sample_id(999)}));
  ASSERT_EQ(told.size(), 2U);
  ASSERT_TRUE(of(told, "node-1") && of(told, "node-2"));
  const std::vector<Holding>& one = *of(told, "node-1");
  const std::vector<Holding>& two = *of(told, "node-2");
  EXPECT_EQ(one[0].kept_bytes, MiB);
  EXPECT_EQ(one[1], Holding());
  EXPECT_EQ(two[0], Holding());
  EXPECT_EQ(two[1].kept_bytes, 2 * MiB);
  EXPECT_EQ(two[2], Holding());
}

TEST_F(ControlTest, WhatIsDroppedIsGoneEverywhere) {
  start(3);
  const uint64_t number = owned_by(2);
  put_home(number, 1);
  expect_read(0, number, {0, MiB});
  const auto told = wait(drop_everywhere(nodes_[0]->tier, {sample_id(number), sample_id(999)}));
  EXPECT_EQ(of(told, "node-1").value(), 0U);
  EXPECT_EQ(of(told, "node-2").value(), 1U);
  EXPECT_EQ(nodes_[2]->tier.keeper().held(sample_id(number)).cached, 0U);
  const size_t reads = home_.reads.size();
  expect_read(0, number, {0, MiB});
  EXPECT_EQ(home_.reads.size(), reads + 1);
}

TEST_F(ControlTest, ANodeThatIsGoneIsNamedAndTheOthersAnswer) {
  start(3);
  wait(nodes_[1]->stop());
  const auto told = wait(stats_of_all(nodes_[0]->tier));
  ASSERT_EQ(told.size(), 2U);
  EXPECT_FALSE(of(told, "node-1"));
  EXPECT_TRUE(of(told, "node-2"));
}

TEST_F(ControlTest, DamagedBytesAreForgottenWhereTheyCameFrom) {
  start(2);
  const uint64_t number = owned_by(1);
  put_home(number, 1);
  expect_read(0, number, {0, MiB});
  EXPECT_EQ(nodes_[1]->tier.keeper().held(sample_id(number)).cached, MiB);
  ASSERT_TRUE(wait(nodes_[0]->tier.read(sample_id(number), {0, MiB}, {.distrust = 1})));
  // Told on the side: a later question on the same reactor comes after it or beside it.
  for (int i = 0; i < 1000 && nodes_[1]->tier.keeper().held(sample_id(number)).cached > 0; ++i) {
    (void)wait(io::sleep_for(milliseconds(5)));
  }
  EXPECT_EQ(nodes_[1]->tier.keeper().held(sample_id(number)).cached, 0U);
  EXPECT_EQ(nodes_[0]->tier.counters().damage_told, 1U);
}

TEST_F(ControlTest, WhatIsNoQuestionIsRefused) {
  start(2);
  const std::vector<ChunkId> ids{sample_id(1)};
  EXPECT_TRUE(ask(1, kLookupPath, encode_chunks(ids)));
  EXPECT_FALSE(ask(1, kLookupPath, "nonsense"));
  EXPECT_FALSE(ask(1, kDropPath,
                   std::string("\x0a\x03"
                               "abc",
                               5)));  // An id of 3 bytes.
  EXPECT_FALSE(ask(1, kDropPath, std::string(kControlBytesMax + 1, '\0')));
  EXPECT_FALSE(ask(1, kDropPath, {}));
  EXPECT_FALSE(ask(1, kStatsPath, "a body"));
  EXPECT_EQ(nodes_[1]->tier.counters().refused, 5U);
}

TEST_F(ControlTest, MessagesAreReadAsTheyWereWritten) {
  std::vector<ChunkId> ids;
  for (uint64_t i = 0; i < kChunksPerQuestionMax; ++i) ids.push_back(sample_id(i));
  const std::string body = encode_chunks(ids);
  EXPECT_LE(body.size(), kControlBytesMax);
  EXPECT_EQ(decode_chunks(body), ids);
  // One more than may be asked for.
  EXPECT_FALSE(decode_chunks(body + encode_chunks({ids.data(), 1})));
  const std::vector<Holding> holdings(kChunksPerQuestionMax, {8 * MiB, 8 * MiB, 8 * MiB, 8 * MiB});
  const std::string answer = encode_holdings(holdings);
  EXPECT_LE(answer.size(), kControlBytesMax);
  EXPECT_EQ(decode_holdings(answer, holdings.size()), holdings);
  EXPECT_FALSE(decode_holdings(answer, holdings.size() - 1));
  EXPECT_EQ(decode_dropped(encode_dropped(7)), 7U);
  EXPECT_FALSE(decode_dropped(encode_dropped(kChunksPerQuestionMax + 1)));
  const NodeStats stats{.hits = 1, .kept_bytes = 2, .disk_miss_bytes = 3};
  EXPECT_EQ(decode_stats(encode_stats(stats)), stats);
}

}  // namespace
}  // namespace cairn::peer
