// Property: the supply hands out every byte of a file once and in order, and its reading never
// stands between a worker and the memory that the worker needs to send what it holds.
// Method: a simulated disk, and pools that hold two chunks, or less than one.
#include "transfer/chunk_supply.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/sim_file_system.h"
#include "io/sim_time.h"

namespace cairn::transfer {
namespace {

constexpr size_t kWorkersCount = 3;
constexpr size_t kTakenMax = 2;
constexpr size_t kSendBytes = 64 * KiB;

struct Run {
  explicit Run(io::File& file, size_t size_bytes) : supply(file, size_bytes) {}
  ChunkSupply supply;
  std::map<size_t, Bytes> chunks;
};

// As a worker of an upload: it holds chunks while it waits for memory of its own.
io::Task<void> work(Run& run) {
  while (true) {
    std::vector<FileChunk> group = co_await run.supply.take(kTakenMax);
    if (group.empty()) co_return;
    // Meanwhile the reading comes as far as it can.
    (void)co_await io::sleep_for(milliseconds(1));
    const auto piece = co_await io::Reactor::current().buffers().acquire(kSendBytes, {});
    EXPECT_TRUE(piece.has_value());
    for (FileChunk& chunk : group) {
      size_t cut_bytes = 0;
      for (const uint32_t segment_bytes : chunk.segment_sizes_bytes) cut_bytes += segment_bytes;
      EXPECT_EQ(cut_bytes, chunk.bytes.size());
      const BytesView view = chunk.bytes.view();
      run.chunks[chunk.index] = Bytes(view.begin(), view.end());
      run.supply.give_back(std::move(chunk));
    }
  }
}

io::Task<Bytes> through_the_supply(io::FileSystem& disk, Bytes content) {
  const Status written = co_await disk.write_file("/f", "/t", content);
  EXPECT_TRUE(written.has_value());
  auto file = co_await disk.open("/f", {});
  EXPECT_TRUE(file.has_value());
  Run run(**file, content.size());
  io::Scope scope;
  for (size_t i = 0; i < kWorkersCount; ++i) scope.spawn(work(run));
  scope.spawn(run.supply.produce({}));
  co_await scope.join();
  co_await (*file)->close();
  EXPECT_FALSE(run.supply.failure().has_value());
  Bytes joined;
  for (const auto& [index, bytes] : run.chunks) {
    joined.insert(joined.end(), bytes.begin(), bytes.end());
  }
  co_return joined;
}

// The simulated reactor stops the process when everybody waits for everybody.
void check(uint64_t pool_bytes) {
  io::SimClock clock;
  const auto reactor = *io::create_simulated_reactor(clock, pool_bytes);
  io::SimFileSystem disk{{}};
  Bytes content(48 * MiB);
  SeededRandom random(7);
  random.fill(content);
  const Bytes joined = reactor->run(through_the_supply(disk, content));
  EXPECT_TRUE(joined == content);
}

TEST(ChunkSupply, EveryByteOnceInOrder) {
  check(256 * MiB);
}

TEST(ChunkSupply, WorkersGetMemoryWhileTheReadingWaitsForIts) {
  check(2 * 8 * MiB + kWorkersCount * kSendBytes);
}

TEST(ChunkSupply, GoesOnWhereThePoolHoldsNoChunk) {
  check(1 * MiB);
}

}  // namespace
}  // namespace cairn::transfer
