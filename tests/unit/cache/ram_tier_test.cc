#include "cache/ram_tier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::cache {
namespace {

ChunkId chunk(uint64_t number) {
  ChunkId id;
  for (size_t i = 0; i < id.bytes.size(); ++i) {
    id.bytes[i] = static_cast<uint8_t>((number * 0x9E3779B97F4A7C15u) >> (8 * (i % 8)));
  }
  return id;
}

Instant at(int64_t s) {
  return Instant{} + seconds(s);
}

class RamTierTest : public testing::Test {
 protected:
  // Reads a block as a chunk reader does; every byte is `value`.
  void keep(BlockKey key, size_t size_bytes, uint8_t value, Instant now = at(1), Hints hints = {}) {
    const RamTier::Turn turn = tier_.begin(key, size_bytes, hints, now);
    ASSERT_EQ(turn.block, nullptr);
    ASSERT_FALSE(turn.outcome.has_value());
    const RamBlockPointer block = tier_.allocate(key, size_bytes);
    std::ranges::fill(block->span(), value);
    tier_.publish(key, block, hints, now);
  }
  RamBlockPointer find(BlockKey key, size_t size_bytes, Instant now = at(1)) {
    return tier_.find(key, size_bytes, {}, now);
  }

  RamTier tier_{RamTierOptions{64 * MiB, seconds(10)}};
};

TEST_F(RamTierTest, gives_back_what_was_kept) {
  keep({chunk(1), 0}, kBlockBytes, 7);
  keep({chunk(1), 16}, 100, 8);
  const RamBlockPointer first = find({chunk(1), 0}, kBlockBytes);
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(std::ranges::all_of(first->span(), [](uint8_t byte) { return byte == 7; }));
  EXPECT_EQ(find({chunk(1), 16}, 100)->span()[99], 8);
  EXPECT_EQ(find({chunk(2), 0}, 1), nullptr);
  EXPECT_EQ(find({chunk(1), 1}, 1), nullptr);
}

TEST_F(RamTierTest, a_shorter_run_does_not_serve_a_longer_need) {
  keep({chunk(1), 0}, 64 * KiB, 7);
  EXPECT_EQ(find({chunk(1), 0}, 65 * KiB), nullptr);
  keep({chunk(1), 0}, kBlockBytes, 9);
  EXPECT_EQ(find({chunk(1), 0}, 64 * KiB)->size_bytes(), kBlockBytes);
  EXPECT_EQ(tier_.counters().blocks_count, 1u);
  EXPECT_EQ(tier_.counters().used_bytes, kBlockBytes);
}

TEST_F(RamTierTest, stays_within_its_capacity) {
  for (uint64_t i = 0; i < 500; ++i)
    keep({chunk(i), 0}, kBlockBytes, 1, at(static_cast<int64_t>(i)));
  const RamTierCounters counters = tier_.counters();
  EXPECT_LE(counters.used_bytes, 64 * MiB);
  EXPECT_GE(counters.used_bytes, 48 * MiB);
  EXPECT_EQ(counters.evictions + counters.blocks_count, 500u);
}

TEST_F(RamTierTest, a_stream_leaves_what_is_read_again_and_again) {
  for (int round = 0; round < 4; ++round) {
    for (uint64_t i = 0; i < 20; ++i) {
      if (find({chunk(i), 0}, kBlockBytes, at(20 * round + 1)) == nullptr) {
        keep({chunk(i), 0}, kBlockBytes, 1, at(20 * round + 1));
      }
    }
  }
  Hints stream;
  stream.stream = true;
  for (uint64_t i = 1000; i < 2000; ++i) keep({chunk(i), 0}, kBlockBytes, 2, at(100), stream);
  size_t kept_count = 0;
  for (uint64_t i = 0; i < 20; ++i) kept_count += find({chunk(i), 0}, kBlockBytes) != nullptr;
  EXPECT_GE(kept_count, 4u);  // Those that had left the window for main.
}

TEST_F(RamTierTest, what_is_being_sent_outlives_its_eviction) {
  keep({chunk(1), 0}, kBlockBytes, 7);
  const Buffer sending = RamBlock::view(find({chunk(1), 0}, kBlockBytes), 10, 100);
  EXPECT_EQ(tier_.erase_chunk(chunk(1)), 1u);
  EXPECT_EQ(find({chunk(1), 0}, 1), nullptr);
  for (uint64_t i = 2; i < 200; ++i) keep({chunk(i), 0}, kBlockBytes, 9);
  EXPECT_TRUE(std::ranges::all_of(sending.view(), [](uint8_t byte) { return byte == 7; }));
}

TEST_F(RamTierTest, memory_that_is_all_being_sent_leaves_new_blocks_out) {
  std::vector<RamBlockPointer> held;
  for (uint64_t i = 0; i < 64; ++i) {
    held.push_back(tier_.allocate({chunk(i), 0}, kBlockBytes));
    EXPECT_TRUE(held.back()->is_of_tier());
  }
  keep({chunk(99), 0}, kBlockBytes, 1);
  EXPECT_EQ(find({chunk(99), 0}, 1), nullptr);
  EXPECT_EQ(tier_.counters().not_kept, 1u);
}

TEST_F(RamTierTest, erases_every_block_of_a_chunk) {
  for (uint32_t frame = 0; frame < 128; frame += 16) keep({chunk(1), frame}, kBlockBytes, 1);
  keep({chunk(2), 0}, kBlockBytes, 2);
  EXPECT_EQ(tier_.erase_chunk(chunk(1)), 8u);
  EXPECT_EQ(tier_.counters().blocks_count, 1u);
  EXPECT_NE(find({chunk(2), 0}, 1), nullptr);
}

TEST_F(RamTierTest, pins_stay_and_have_half_of_the_room) {
  Hints pin;
  pin.pin = true;
  for (uint64_t i = 0; i < 40; ++i) keep({chunk(i), 0}, kBlockBytes, 1, at(1), pin);
  EXPECT_EQ(tier_.counters().pinned_bytes, 32 * MiB);
  EXPECT_EQ(tier_.counters().pins_refused, 8U);
  for (uint64_t i = 100; i < 400; ++i) keep({chunk(i), 0}, kBlockBytes, 2, at(2));
  for (uint64_t i = 0; i < 32; ++i) EXPECT_NE(find({chunk(i), 0}, kBlockBytes), nullptr) << i;
  const CachedBytes held = tier_.cached_bytes(chunk(3), {512 * KiB, 4 * MiB});
  EXPECT_EQ(held.cached, 512 * KiB);
  EXPECT_EQ(held.pinned, 512 * KiB);
  for (uint64_t i = 0; i < 32; ++i) EXPECT_EQ(tier_.unpin_chunk(chunk(i)), 1U);
  EXPECT_EQ(tier_.counters().pinned_bytes, 0U);
  EXPECT_EQ(tier_.cached_bytes(chunk(3), {0, MiB}).pinned, 0U);
  // What is there already is pinned when it is asked for with a pin.
  keep({chunk(1000), 0}, kBlockBytes, 3, at(3));
  EXPECT_NE(tier_.find({chunk(1000), 0}, kBlockBytes, pin, at(3)), nullptr);
  EXPECT_EQ(tier_.counters().pinned_bytes, MiB);
}

TEST_F(RamTierTest, a_longer_block_has_the_pin_of_the_shorter_one) {
  Hints pin;
  pin.pin = true;
  keep({chunk(1), 0}, 64 * KiB, 1, at(1), pin);
  keep({chunk(1), 0}, kBlockBytes, 1, at(2));
  EXPECT_EQ(tier_.counters().pinned_bytes, kBlockBytes);
  for (uint64_t i = 100; i < 400; ++i) keep({chunk(i), 0}, kBlockBytes, 2, at(2));
  EXPECT_NE(find({chunk(1), 0}, kBlockBytes), nullptr);
  // Read at the same time by who pins and by who does not.
  keep({chunk(2), 0}, kBlockBytes, 1, at(3));
  tier_.publish({chunk(2), 0}, tier_.allocate({chunk(2), 0}, kBlockBytes), pin, at(3));
  EXPECT_EQ(tier_.counters().pinned_bytes, 2 * kBlockBytes);
}

TEST_F(RamTierTest, tells_what_reading_ahead_was_good_for) {
  Hints ahead;
  ahead.ahead = true;
  for (uint64_t i = 0; i < 10; ++i) keep({chunk(i), 0}, kBlockBytes, 1, at(1), ahead);
  EXPECT_EQ(tier_.find({chunk(0), 0}, kBlockBytes, ahead, at(1)) == nullptr, false);
  EXPECT_EQ(tier_.counters().ahead_used_bytes, 0U) << "reading ahead is no use by itself";
  for (uint64_t i = 0; i < 4; ++i) EXPECT_NE(find({chunk(i), 0}, kBlockBytes), nullptr);
  EXPECT_NE(find({chunk(0), 0}, kBlockBytes), nullptr);
  for (uint64_t i = 4; i < 10; ++i) tier_.erase_chunk(chunk(i));
  EXPECT_EQ(tier_.counters().ahead_bytes, 10 * MiB);
  EXPECT_EQ(tier_.counters().ahead_used_bytes, 4 * MiB);
  EXPECT_EQ(tier_.counters().ahead_wasted_bytes, 6 * MiB);
}

TEST_F(RamTierTest, who_has_more_than_its_share_gives_way) {
  tier_.set_share(5, 8 * MiB);
  Hints of_five;
  of_five.tenant = 5;
  for (uint64_t i = 0; i < 40; ++i) keep({chunk(i), 0}, kBlockBytes, 1, at(1), of_five);
  for (uint64_t i = 100; i < 140; ++i) keep({chunk(i), 0}, kBlockBytes, 2, at(2));
  const RamTierCounters counters = tier_.counters();
  EXPECT_GT(counters.departures[static_cast<size_t>(Departure::kShare)], 8U);
}

// One block wanted by many tasks.
class RamTierFlightTest : public RamTierTest {
 protected:
  io::Task<void> read(size_t& reads_count, size_t& served_count, bool fails) {
    RamTier::Turn turn = tier_.begin(key_, kBlockBytes, {}, at(1));
    while (turn.outcome) {
      const Result<RamBlockPointer> shared = co_await turn.outcome->wait();
      if (shared) {
        served_count += (*shared)->span()[5] == 7;
        co_return;
      }
      turn = tier_.begin(key_, kBlockBytes, {}, at(1));
    }
    if (turn.block == nullptr) {
      ++reads_count;
      static_cast<void>(co_await io::sleep_for(milliseconds(1)));
      if (fails && reads_count == 1) {
        tier_.abandon(key_, turn.flight, Error{Code::kIo, "the disk is gone"});
        co_return;
      }
      turn.block = tier_.allocate(key_, kBlockBytes);
      std::ranges::fill(turn.block->span(), uint8_t{7});
      tier_.publish(key_, turn.block, {}, at(1));
    }
    served_count += turn.block->span()[5] == 7;
  }
  io::Task<void> read_all(size_t& reads_count, size_t& served_count, bool fails) {
    io::Scope scope;
    for (int i = 0; i < 1000; ++i) scope.spawn(read(reads_count, served_count, fails));
    co_await scope.join();
  }
  const BlockKey key_{chunk(1), 0};
};

// A short read is overtaken by a longer one of the same block, which finds no room; then others
// want the long one again. What the short read comes to is not theirs.
TEST_F(RamTierFlightTest, a_read_that_ends_late_does_not_end_the_next_one) {
  const auto unkept = [](size_t size_bytes) {
    Buffer bytes = Buffer::allocate(size_bytes);
    bytes.resize(size_bytes);
    return std::make_shared<RamBlock>(std::move(bytes), nullptr);
  };
  const auto overtake = [&]() -> io::Task<void> {
    const RamTier::Turn early = tier_.begin(key_, 64 * KiB, {}, at(1));
    const RamTier::Turn late = tier_.begin(key_, 64 * KiB, {}, at(1));
    EXPECT_NE(early.flight, 0U);
    EXPECT_TRUE(late.outcome.has_value());
    EXPECT_EQ(tier_.begin(key_, kBlockBytes, {}, at(1)).flight, 0U);
    tier_.publish(key_, unkept(kBlockBytes), {}, at(1));
    EXPECT_EQ((co_await late.outcome->wait()).value()->size_bytes(), kBlockBytes);
    const RamTier::Turn next = tier_.begin(key_, kBlockBytes, {}, at(1));
    EXPECT_NE(next.flight, 0U);
    const RamTier::Turn follower = tier_.begin(key_, kBlockBytes, {}, at(1));
    EXPECT_TRUE(follower.outcome.has_value());
    tier_.publish(key_, unkept(64 * KiB), {}, at(1));
    tier_.abandon(key_, early.flight, Error{Code::kIo, "the disk is gone"});
    tier_.publish(key_, unkept(kBlockBytes), {}, at(1));
    const Result<RamBlockPointer> got = co_await follower.outcome->wait();
    EXPECT_TRUE(got && (*got)->size_bytes() == kBlockBytes);
  };
  io::Reactor::create({}).value()->run(overtake());
}

TEST_F(RamTierFlightTest, a_thousand_readers_read_the_store_once) {
  auto reactor = io::Reactor::create({}).value();
  size_t reads_count = 0;
  size_t served_count = 0;
  reactor->run(read_all(reads_count, served_count, false));
  EXPECT_EQ(reads_count, 1u);
  EXPECT_EQ(served_count, 1000u);
  EXPECT_EQ(tier_.counters().shared, 999u);
}

TEST_F(RamTierFlightTest, one_more_reads_when_the_first_fails) {
  auto reactor = io::Reactor::create({}).value();
  size_t reads_count = 0;
  size_t served_count = 0;
  reactor->run(read_all(reads_count, served_count, true));
  EXPECT_EQ(reads_count, 2u);
  EXPECT_EQ(served_count, 999u);
}

TEST(RamTier, serves_several_threads) {
  RamTier tier(RamTierOptions{64 * MiB, seconds(10)});
  std::vector<std::jthread> threads;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&tier, seed] {
      uint64_t state = seed;
      for (int i = 0; i < 5000; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const uint64_t number = (state >> 33) % 100;
        const BlockKey key{chunk(number), 0};
        RamBlockPointer block = tier.find(key, 64 * KiB, {}, at(i));
        if (block == nullptr) {
          block = tier.allocate(key, 64 * KiB);
          std::ranges::fill(block->span(), static_cast<uint8_t>(number));
          tier.publish(key, block, {}, at(i));
        }
        ASSERT_EQ(block->span()[state % (64 * KiB)], number);
        if (number == 13) tier.erase_chunk(key.chunk);
      }
    });
  }
}

}  // namespace
}  // namespace cairn::cache
