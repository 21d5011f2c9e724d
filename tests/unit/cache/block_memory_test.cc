#include "cache/block_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include "cache/block.h"
#include "cache/ram_block.h"

namespace cairn::cache {
namespace {

constexpr uint64_t kCapacityBytes = 32 * MiB;

TEST(BlockMemory, gives_its_capacity_and_no_more) {
  BlockMemory memory(kCapacityBytes);
  std::vector<Buffer> blocks;
  while (true) {
    Buffer block = memory.try_allocate(kBlockBytes);
    if (block.data() == nullptr) break;
    blocks.push_back(std::move(block));
  }
  EXPECT_EQ(blocks.size(), kCapacityBytes / kBlockBytes);
  blocks.clear();
  EXPECT_NE(memory.try_allocate(16 * MiB).data(), nullptr);
  EXPECT_EQ(memory.try_allocate(16 * MiB + 1).data(), nullptr);
}

TEST(BlockMemory, rounds_sizes_to_what_it_takes_for_them) {
  EXPECT_EQ(BlockMemory::allocated_bytes(1), 4 * KiB);
  EXPECT_EQ(BlockMemory::allocated_bytes(64 * KiB), 64 * KiB);
  EXPECT_EQ(BlockMemory::allocated_bytes(64 * KiB + 1), 128 * KiB);
  BlockMemory memory(kCapacityBytes);
  EXPECT_EQ(memory.try_allocate(65 * KiB).capacity(), 128 * KiB);
}

TEST(BlockMemory, keeps_blocks_of_all_sizes_apart) {
  BlockMemory memory(kCapacityBytes);
  std::mt19937_64 random(7);
  std::vector<Buffer> blocks;
  for (int i = 0; i < 4000; ++i) {
    if (!blocks.empty() && random() % 2 == 0) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      const Buffer& last = blocks.back();
      EXPECT_TRUE(std::all_of(last.data(), last.data() + last.size(),
                              [&](uint8_t byte) { return byte == *last.data(); }));
      blocks.pop_back();
      continue;
    }
    Buffer block = memory.try_allocate(1 + random() % kBlockBytes);
    if (block.data() == nullptr) continue;
    block.resize(block.capacity());
    std::fill_n(block.data(), block.size(), static_cast<uint8_t>(random()));
    blocks.push_back(std::move(block));
  }
}

TEST(BlockMemory, serves_several_threads) {
  BlockMemory memory(kCapacityBytes);
  std::vector<std::jthread> threads;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&memory, seed] {
      std::mt19937_64 random(seed);
      for (int i = 0; i < 2000; ++i) {
        Buffer block = memory.try_allocate(1 + random() % (256 * KiB));
        if (block.data() != nullptr) *block.data() = static_cast<uint8_t>(i);
      }
    });
  }
  threads.clear();
  EXPECT_NE(memory.try_allocate(16 * MiB).data(), nullptr);
}

TEST(RamBlock, lives_as_long_as_a_view_of_it) {
  auto memory = std::make_shared<BlockMemory>(16 * MiB);
  Buffer bytes = memory->try_allocate(16 * MiB);
  bytes.resize(3);
  std::copy_n("abc", 3, bytes.data());
  auto block = std::make_shared<RamBlock>(std::move(bytes), memory);
  Buffer view = RamBlock::view(std::move(block), 1, 2);
  EXPECT_EQ(std::string(view.data(), view.data() + view.size()), "bc");
  EXPECT_EQ(memory->try_allocate(1).data(), nullptr);
  view = Buffer();
  EXPECT_NE(memory->try_allocate(1).data(), nullptr);
}

}  // namespace
}  // namespace cairn::cache
