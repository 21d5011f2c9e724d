// Property: whatever writers of known bodies, writers of bytes, deleters and the collector do to
// the same few chunks at once, an object that was acknowledged reads back whole, and in the end
// nothing is left over. Method: many tasks, by seed: on several cores over memory, and interleaved
// on one reactor over a disk, where every step waits. Few contents, so that the last reference to a
// chunk goes and comes all the time.
#include <gtest/gtest.h>

#include <atomic>

#include "io/reactor_group.h"
#include "object/known_bodies.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

constexpr size_t kSizes[] = {3000, 100'000, 300'000};
constexpr uint64_t kKeys = 4;
constexpr int kSteps = 150;
constexpr int kWriters = 3;

struct World {
  Objects* objects = nullptr;
  BucketInfo bucket;
  std::atomic<int> known{0};   // Writes by digest alone.
  std::atomic<int> wanted{0};  // Digests that were found, but whose bytes were wanted then.
  std::atomic<int> sent{0};
  std::atomic<int> failures{0};
  std::atomic<int> writers{0};  // That still run.
};

Bytes content(uint64_t number) {
  return random_bytes(number, kSizes[number]);
}
std::string key_of(uint64_t number) {
  return "k" + std::to_string(number);
}

// As the door does it: each hint in turn, then the bytes.
io::Task<Result<ObjectInfo>> put_by_digest(World& world, std::string key, Bytes bytes,
                                           uint64_t seed) {
  std::unique_ptr<ObjectWriter> writer =
      co_await io::or_return(world.objects->put(world.bucket, key, {}));
  KnownBodies& bodies = *world.objects->known_bodies();
  const Sha256Value sha256 = crypto::sha256(bytes);
  const auto hints = co_await bodies.find(world.bucket.tenant, sha256);
  if (!hints) ++world.failures;
  for (const BodyHint& hint : hints.value_or(std::vector<BodyHint>())) {
    auto body = co_await bodies.open(world.bucket, hint, sha256, bytes.size());
    if (!body) {
      // Its manifest may have been collected while it was read; then there is nothing to use.
      continue;
    }
    if (!*body) continue;
    co_await io::yield();
    Result<std::optional<ObjectInfo>> done = co_await writer->finish_known(std::move(**body), {});
    if (!done) co_return std::unexpected(done.error());
    if (*done) {
      ++world.known;
      co_return std::move(**done);
    }
    ++world.wanted;
  }
  ++world.sent;
  co_return co_await write_all(std::move(writer), bytes, seed);
}

io::Task<void> check_key(World& world, std::string key) {
  const Result<Bytes> bytes =
      co_await get_object(*world.objects, world.bucket, std::move(key), std::nullopt);
  if (!bytes) {
    if (bytes.error().code != Code::kNotFound) ++world.failures;
    co_return;
  }
  for (size_t i = 0; i < std::size(kSizes); ++i) {
    if (bytes->size() == kSizes[i] && *bytes != content(i)) ++world.failures;
  }
}

io::Task<void> write_and_delete(World& world, uint64_t seed) {
  SeededRandom random(seed);
  for (int i = 0; i < kSteps; ++i) {
    const std::string key = key_of(random.below(kKeys));
    switch (random.below(4)) {
      case 0:
      case 1: {
        const Result<ObjectInfo> done = co_await put_by_digest(
            world, key, content(random.below(std::size(kSizes))), random.next_u64());
        if (!done) ++world.failures;
        break;
      }
      case 2: {
        const Status removed = co_await remove_object(*world.objects, world.bucket, key);
        if (!removed) ++world.failures;
        break;
      }
      default: co_await check_key(world, key);
    }
    co_await io::yield();
  }
  --world.writers;
}

io::Task<void> collect(World& world) {
  while (world.writers.load() > 0) {
    const Result<bool> done = co_await world.objects->collect_garbage();
    if (!done) ++world.failures;
    co_await io::yield();
  }
}

io::Task<bool> race_on_one(World& world, uint64_t seed) {
  io::Scope scope;
  for (int i = 0; i < kWriters; ++i) {
    scope.spawn(write_and_delete(world, seed * kWriters + static_cast<uint64_t>(i)));
  }
  scope.spawn(collect(world));
  co_await scope.join();
  co_return true;
}

io::Task<void> race_on_core(World& world, size_t index, uint64_t seed) {
  if (index == 0) return collect(world);
  return write_and_delete(world, seed * kWriters + index);
}

void check_end(Harness& harness, World& world) {
  EXPECT_EQ(world.failures.load(), 0);
  EXPECT_GT(world.known.load(), 0);
  EXPECT_GT(world.sent.load(), 0);
  const auto report = harness.run(world.objects->scrub());
  ASSERT_TRUE(report.has_value());
  EXPECT_TRUE(report->damaged.empty());
  for (uint64_t i = 0; i < kKeys; ++i) {
    ASSERT_TRUE(harness.run(remove_object(*world.objects, world.bucket, key_of(i))).has_value());
  }
  for (int pass = 0; pass < 100; ++pass) {
    const auto more = harness.run(world.objects->collect_garbage());
    ASSERT_TRUE(more.has_value());
    if (!*more) break;
  }
  EXPECT_EQ(harness.stored_chunks(), 0U);
  for (const std::string prefix : {"w/", "h/", "r/"}) {
    catalog::ScanRequest request;
    request.begin = prefix;
    request.end = catalog::prefix_end(prefix);
    EXPECT_TRUE(harness.run(harness.catalog->scan(request))->entries.empty()) << prefix;
  }
}

TEST(KnownBodyRace, OnOneReactorOverADisk) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Harness harness(Backends::kDisk, seed);
    World world;
    world.objects = harness.objects.get();
    world.bucket = harness.bucket;
    world.writers = kWriters;
    harness.run(race_on_one(world, seed));
    check_end(harness, world);
  }
}

TEST(KnownBodyRace, OnSeveralCores) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Harness harness(Backends::kMemory, seed);
    ObjectsOptions options;
    options.catalog = harness.catalog.get();
    options.store = harness.store.get();
    options.keys = harness.keys.get();
    auto opened = harness.run(open_objects(options));
    ASSERT_TRUE(opened.has_value());
    World world;
    world.objects = opened->get();
    world.bucket = harness.bucket;
    world.writers = kWriters;
    io::ReactorGroupOptions group_options;
    group_options.reactors_count = kWriters + 1;
    auto group = io::ReactorGroup::start(group_options);
    ASSERT_TRUE(group.has_value());
    (*group)->run_on_each([&](size_t index) { return race_on_core(world, index, seed); });
    EXPECT_TRUE(harness.run((*opened)->close()).has_value());
    (*group)->join();
    // Cores belong to one set of reactors: what is left is looked at by objects of another.
    world.objects = harness.objects.get();
    check_end(harness, world);
  }
}

}  // namespace
}  // namespace cairn::object
