// Property: an object is one register for all cores. A read that begins after a write has returned,
// or after another core has read it, sees that write or a later one, though every core has a cache.
// Method: one writer counts up, readers on other cores check against what was seen before.
#include <gtest/gtest.h>

#include <atomic>

#include "io/reactor_group.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

constexpr uint64_t kWrites = 300;

struct Register {
  Objects* objects = nullptr;
  BucketInfo bucket;
  std::atomic<uint64_t> seen{0};  // The highest value that somebody has seen or written.
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};
  std::atomic<int> stale{0};
  std::atomic<int> reads{0};
};

void raise(std::atomic<uint64_t>& seen, uint64_t value) {
  uint64_t before = seen.load();
  while (before < value && !seen.compare_exchange_weak(before, value)) {
  }
}

// Small values are kept inline, every third one in chunks.
Bytes encode(uint64_t value) {
  Bytes out(value % 3 == 0 ? 20000 : 100);
  store_le(out.data(), value);
  return out;
}

io::Task<void> count_up(Register& shared) {
  for (uint64_t value = 1; value <= kWrites; ++value) {
    const Result<ObjectInfo> info = co_await put_object(*shared.objects, shared.bucket, "k",
                                                        encode(value), PutOptions(), value);
    if (!info) ++shared.failures;
    raise(shared.seen, value);
    co_await io::yield();
  }
  shared.done = true;
}

io::Task<void> watch(Register& shared) {
  while (!shared.done.load()) {
    const uint64_t floor = shared.seen.load();
    const Result<Bytes> bytes =
        co_await get_object(*shared.objects, shared.bucket, "k", std::nullopt);
    if (bytes) {
      const auto value = load_le<uint64_t>(bytes->data());
      if (value < floor || *bytes != encode(value)) ++shared.stale;
      raise(shared.seen, value);
      ++shared.reads;
    } else if (floor > 0) {
      ++shared.failures;
    }
    co_await io::yield();
  }
}

io::Task<void> run_core(Register& shared, size_t index) {
  if (index == 0) return count_up(shared);
  return watch(shared);
}

TEST(Cores, AllCoresSeeOneRegister) {
  Harness harness;
  ObjectsOptions options;
  options.catalog = harness.catalog.get();
  options.store = harness.store.get();
  options.keys = harness.keys.get();
  auto opened = harness.run(open_objects(options));
  ASSERT_TRUE(opened.has_value());
  Register shared;
  shared.objects = opened->get();
  shared.bucket = harness.bucket;
  io::ReactorGroupOptions group_options;
  group_options.reactors_count = 3;
  auto group = io::ReactorGroup::start(group_options);
  ASSERT_TRUE(group.has_value());
  (*group)->run_on_each([&](size_t index) { return run_core(shared, index); });
  EXPECT_EQ(shared.failures.load(), 0);
  EXPECT_EQ(shared.stale.load(), 0);
  EXPECT_GT(shared.reads.load(), 0);
  EXPECT_TRUE(harness.run((*opened)->close()).has_value());
  (*group)->join();
}

}  // namespace
}  // namespace cairn::object
