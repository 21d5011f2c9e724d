// Properties: what is in use never exceeds the cap; buffers are aligned, disjoint and writable;
// waiters are served in arrival order, by releases of any thread too; no order of sizes fragments
// the pool for good.
// Method: seeded random use against a model; waiters and threads on a reactor.
#include "io/buffer_pool.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "base/random.h"
#include "io/scope.h"
#include "io/sync.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

class BufferPoolTest : public IoTest {};
INSTANTIATE_ON_BOTH_BACKENDS(BufferPoolTest);

TEST(BufferPool, RoundsUpToPowersOfTwo) {
  BufferPool pool(64 * MiB);
  const std::pair<size_t, size_t> cases[] = {{0, 4 * KiB},        {1, 4 * KiB},
                                             {4 * KiB, 4 * KiB},  {4 * KiB + 1, 8 * KiB},
                                             {100000, 128 * KiB}, {16 * MiB, 16 * MiB}};
  for (const auto& [asked, given] : cases) {
    const Result<Buffer> buffer = pool.try_acquire(asked);
    ASSERT_TRUE(buffer);
    EXPECT_EQ(buffer->capacity(), given);
    EXPECT_EQ(buffer->size(), 0u);
    EXPECT_EQ(pool.used_bytes(), given);
  }
  EXPECT_EQ(pool.used_bytes(), 0u);
  EXPECT_EQ(pool.try_acquire(16 * MiB + 1).error().code, Code::kInvalidArgument);
}

TEST(BufferPool, RandomUseStaysInsideTheCapAndApart) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    constexpr uint64_t kCap = 24 * MiB;
    BufferPool pool(kCap);
    std::vector<Buffer> held;
    uint64_t model_bytes = 0;
    for (int step = 0; step < 3000; ++step) {
      if (random.below(3) != 0) {
        const size_t asked = size_t{1} << (random.below(10) + 12);
        Result<Buffer> buffer = pool.try_acquire(asked);
        if (buffer) {
          ASSERT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % kIoAlignment, 0u);
          buffer->resize(asked);
          std::fill_n(buffer->data(), 16, static_cast<uint8_t>(step));
          std::fill_n(buffer->data() + asked - 16, 16, static_cast<uint8_t>(step));
          model_bytes += asked;
          held.push_back(std::move(*buffer));
        } else {
          ASSERT_GT(model_bytes + asked, kCap);
        }
      } else if (!held.empty()) {
        const size_t victim = random.below(held.size());
        const Buffer& buffer = held[victim];
        // Its marks are whole, so nobody else was given the same memory.
        ASSERT_EQ(buffer.data()[15], buffer.data()[buffer.size() - 16]);
        model_bytes -= buffer.capacity();
        held.erase(held.begin() + static_cast<ptrdiff_t>(victim));
      }
      ASSERT_EQ(pool.used_bytes(), model_bytes);
      ASSERT_LE(model_bytes, kCap);
    }
  }
}

TEST(BufferPool, SmallBuffersMergeAgainIntoTheLargest) {
  BufferPool pool(32 * MiB);
  for (int round = 0; round < 3; ++round) {
    std::vector<Buffer> small;
    while (auto buffer = pool.try_acquire(4 * KiB)) small.push_back(std::move(*buffer));
    EXPECT_EQ(small.size(), 32 * MiB / (4 * KiB));
    small.clear();
    const auto first = pool.try_acquire(16 * MiB);
    const auto second = pool.try_acquire(16 * MiB);
    EXPECT_TRUE(first && second);
  }
}

Task<void> acquire_and_note(BufferPool& pool, size_t size_bytes, int id, std::vector<int>& order,
                            std::vector<Buffer>& held) {
  Result<Buffer> buffer = co_await pool.acquire(size_bytes, soon());
  EXPECT_TRUE(buffer) << buffer.error().message;
  order.push_back(id);
  if (buffer) held.push_back(std::move(*buffer));
}

Task<std::vector<int>> queue_for_memory() {
  BufferPool pool(1 * MiB);
  std::vector<Buffer> held;
  std::vector<int> order;
  Buffer all = std::move(*pool.try_acquire(1 * MiB));
  Scope scope;
  scope.spawn(acquire_and_note(pool, 512 * KiB, 0, order, held));
  scope.spawn(acquire_and_note(pool, 1 * MiB, 1, order, held));
  scope.spawn(acquire_and_note(pool, 4 * KiB, 2, order, held));
  EXPECT_FALSE(pool.try_acquire(4 * KiB));
  all = Buffer();
  co_await yield();
  co_await yield();
  // The second does not fit beside the first, and the third does not overtake it.
  EXPECT_EQ(order, (std::vector<int>{0}));
  EXPECT_FALSE(pool.try_acquire(4 * KiB));
  held.clear();
  co_await yield();
  co_await yield();
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
  held.clear();
  co_await scope.join();
  held.clear();
  co_return order;
}

TEST_P(BufferPoolTest, ServesWaitersInArrivalOrder) {
  EXPECT_EQ(run(queue_for_memory()), (std::vector<int>{0, 1, 2}));
}

Task<void> acquire_until(BufferPool& pool, size_t size_bytes, Until until, Code& outcome) {
  const Result<Buffer> buffer = co_await pool.acquire(size_bytes, until);
  EXPECT_FALSE(buffer);
  if (!buffer) outcome = buffer.error().code;
}

Task<void> give_up_waiting() {
  BufferPool pool(1 * MiB);
  Result<Buffer> half = pool.try_acquire(512 * KiB);
  std::vector<Buffer> held;
  std::vector<int> order;
  Code stopped = Code::kInternal;
  Code expired = Code::kInternal;
  Scope scope;
  StopSource stop;
  const Instant deadline = Reactor::current().clock().now() + milliseconds(20);
  scope.spawn(acquire_until(pool, 1 * MiB, {.stop = stop.token()}, stopped));
  scope.spawn(acquire_until(pool, 1 * MiB, {.deadline = deadline}, expired));
  // Fits, but came later than those that do not.
  scope.spawn(acquire_and_note(pool, 4 * KiB, 0, order, held));
  EXPECT_TRUE(order.empty());
  stop.request();
  co_await scope.join();
  EXPECT_EQ(stopped, Code::kCancelled);
  EXPECT_EQ(expired, Code::kDeadlineExceeded);
  EXPECT_GE(Reactor::current().clock().now(), deadline);
  EXPECT_EQ(order, (std::vector<int>{0}));
}

TEST_P(BufferPoolTest, WaitersGiveUpAndLetTheNextOnesPass) {
  run(give_up_waiting());
}

Task<Code> ask_too_much() {
  BufferPool pool(1 * MiB);
  const Result<Buffer> buffer = co_await pool.acquire(2 * MiB, soon());
  co_return buffer ? Code::kInternal : buffer.error().code;
}

TEST_P(BufferPoolTest, MoreThanTheWholePoolIsRefusedAtOnce) {
  EXPECT_EQ(run(ask_too_much()), Code::kInvalidArgument);
}

Task<void> release_elsewhere() {
  BufferPool pool(256 * KiB);
  for (int round = 0; round < 300; ++round) {
    std::vector<Buffer> all;
    while (auto buffer = pool.try_acquire(64 * KiB)) all.push_back(std::move(*buffer));
    EXPECT_EQ(all.size(), 4u);
    std::thread releaser([taken = std::move(all)]() mutable { taken.clear(); });
    // Whether the release comes before or after the wait began, somebody wakes us.
    for (int i = 0; i < 4; ++i) {
      Result<Buffer> buffer = co_await pool.acquire(128 * KiB, soon());
      EXPECT_TRUE(buffer);
    }
    releaser.join();
    EXPECT_EQ(pool.used_bytes(), 0u);
  }
}

TEST_P(BufferPoolTest, ReleasesOnOtherThreadsWakeWaiters) {
  run(release_elsewhere());
}

}  // namespace
}  // namespace cairn::io
