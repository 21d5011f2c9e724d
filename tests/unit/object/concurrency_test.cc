// Property: conditions hold atomically with the commit; overwrites never mix versions and never
// fail; readers keep what they opened; deletes race with dedup hits without losing a chunk.
// Method: many tasks on one reactor, deterministic by seed; self-describing bodies.
#include <gmock/gmock.h>

#include <array>

#include "base/encoding.h"
#include "object/limits.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

class Concurrency : public testing::TestWithParam<Backends> {};

struct Tally {
  int won = 0;
  int lost = 0;
  int other = 0;
};

io::Task<void> write_if_none(Harness& harness, int id, Tally& tally) {
  PutOptions options;
  options.conditions.if_none_match.push_back("*");
  const Result<ObjectInfo> info =
      co_await put_object(*harness.objects, harness.bucket, "contested", Bytes(100, uint8_t(id)),
                          std::move(options), uint64_t(id));
  if (info) {
    ++tally.won;
  } else if (info.error().code == Code::kFailedPrecondition &&
             info.error().message.starts_with(reason::kConditionIfNoneMatch)) {
    ++tally.lost;
  } else {
    ++tally.other;
  }
}

io::Task<void> many_if_none(Harness& harness, Tally& tally) {
  io::Scope scope;
  for (int i = 0; i < 64; ++i) scope.spawn(write_if_none(harness, i, tally));
  co_await scope.join();
}

TEST_P(Concurrency, OfManyIfNoneMatchWritersExactlyOneWins) {
  Harness harness(GetParam());
  Tally tally;
  harness.run(many_if_none(harness, tally));
  EXPECT_EQ(tally.won, 1);
  EXPECT_EQ(tally.lost, 63);
  EXPECT_EQ(tally.other, 0);
}

// A body all of whose bytes tell its number.
Bytes stamped(uint8_t number, size_t size_bytes) {
  return Bytes(size_bytes, number);
}

io::Task<void> overwrite(Harness& harness, int from, int to, size_t size_bytes, int& failures) {
  for (int i = from; i < to; ++i) {
    const size_t size = i % 3 == 0 ? 1000 : size_bytes + static_cast<size_t>(i);
    const Result<ObjectInfo> info =
        co_await put_object(*harness.objects, harness.bucket, "hot", stamped(uint8_t(i), size),
                            PutOptions(), uint64_t(i));
    if (!info) ++failures;
    const Result<bool> collected = co_await harness.objects->collect_garbage();
    if (!collected) ++failures;
  }
}

io::Task<void> read_hot(Harness& harness, int times, int& failures, int& mixed) {
  for (int i = 0; i < times; ++i) {
    Result<std::unique_ptr<ObjectReader>> reader =
        co_await harness.objects->open(harness.bucket, "hot", "");
    if (!reader) {
      ++failures;
      continue;
    }
    const ObjectInfo info = (*reader)->info();
    const Result<Bytes> bytes = co_await read_range(**reader, ByteRange{0, info.size_bytes});
    if (!bytes) {
      ++failures;
      continue;
    }
    const std::string etag = to_hex(crypto::digest_of(DigestKind::kMd5, *bytes).view());
    const bool same = bytes->size() == info.size_bytes && etag == info.etag;
    if (!same) ++mixed;
  }
}

struct HammerResult {
  int failures = 0;
  int mixed = 0;
};

io::Task<void> hammer(Harness& harness, HammerResult& result) {
  io::Scope scope;
  for (int i = 0; i < 4; ++i) {
    scope.spawn(overwrite(harness, i * 10, i * 10 + 10, 300000, result.failures));
  }
  for (int i = 0; i < 4; ++i) {
    scope.spawn(read_hot(harness, 15, result.failures, result.mixed));
  }
  co_await scope.join();
}

TEST_P(Concurrency, OverwritesNeverFailAndReadersNeverSeeMixedVersions) {
  Harness harness(GetParam());
  ASSERT_TRUE(harness.put("hot", stamped(255, 300000)).has_value());
  HammerResult result;
  harness.run(hammer(harness, result));
  EXPECT_EQ(result.failures, 0);
  EXPECT_EQ(result.mixed, 0);
  ASSERT_TRUE(harness.remove("hot").has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0);
}

io::Task<Result<Bytes>> read_after_delete(Harness& harness, uint64_t size_bytes) {
  const std::unique_ptr<ObjectReader> reader =
      co_await io::or_return(harness.objects->open(harness.bucket, "k", ""));
  co_await io::or_return(remove_object(*harness.objects, harness.bucket, "k"));
  for (int i = 0; i < 3; ++i) co_await io::or_return(harness.objects->collect_garbage());
  co_return co_await read_range(*reader, ByteRange{0, size_bytes});
}

TEST_P(Concurrency, AReaderSurvivesTheDeleteOfWhatItOpened) {
  Harness harness(GetParam());
  const Bytes bytes = random_bytes(4, 12 * MiB);
  ASSERT_TRUE(harness.put("k", bytes).has_value());
  const auto back = harness.run(read_after_delete(harness, bytes.size()));
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_TRUE(*back == bytes);
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0);
}

io::Task<void> put_and_remove(Harness& harness, uint64_t seed, int& failures) {
  SeededRandom random(seed);
  const std::array<size_t, 2> sizes = {100000, 200000};
  for (int i = 0; i < 12; ++i) {
    const uint64_t content = random.below(2);
    const std::string key = "k" + std::to_string(random.below(3));
    const Bytes bytes = random_bytes(content, sizes[content]);
    if (random.below(3) == 0) {
      const Status removed = co_await remove_object(*harness.objects, harness.bucket, key);
      if (!removed) ++failures;
    } else {
      const Result<ObjectInfo> info = co_await put_object(*harness.objects, harness.bucket, key,
                                                          bytes, PutOptions(), random.next_u64());
      if (!info) ++failures;
    }
    const Result<bool> collected = co_await harness.objects->collect_garbage();
    if (!collected) ++failures;
  }
}

io::Task<void> race(Harness& harness, uint64_t seed, int& failures) {
  io::Scope scope;
  for (uint64_t i = 0; i < 6; ++i) scope.spawn(put_and_remove(harness, seed * 100 + i, failures));
  co_await scope.join();
}

TEST_P(Concurrency, CollectorAndDedupHitsNeverLoseAChunk) {
  const uint64_t rounds = GetParam() == Backends::kMemory ? 5 : 1;
  for (uint64_t seed = 1; seed <= rounds; ++seed) {
    Harness harness(GetParam(), seed);
    int failures = 0;
    harness.run(race(harness, seed, failures));
    ASSERT_EQ(failures, 0) << "seed " << seed;
    const auto page = harness.list({});
    ASSERT_TRUE(page.has_value());
    for (const ObjectInfo& info : page->objects) {
      const auto bytes = harness.get(info.key);
      ASSERT_TRUE(bytes.has_value()) << "seed " << seed << ": " << bytes.error().message;
      ASSERT_EQ(bytes->size(), info.size_bytes);
      ASSERT_TRUE(harness.remove(info.key).has_value());
    }
    harness.collect();
    ASSERT_EQ(harness.stored_chunks(), 0) << "seed " << seed;
  }
}

TEST_P(Concurrency, ConditionsFollowTheCurrentObject) {
  Harness harness(GetParam());
  PutOptions if_match;
  if_match.conditions.if_match.push_back("00");
  EXPECT_EQ(harness.put("k", as_bytes("a"), if_match).error().code, Code::kNotFound);
  const auto first = harness.put("k", as_bytes("a"));
  EXPECT_THAT(harness.put("k", as_bytes("b"), if_match).error().message,
              testing::StartsWith(std::string(reason::kConditionIfMatch)));
  if_match.conditions.if_match = {first->etag};
  EXPECT_TRUE(harness.put("k", as_bytes("b"), if_match).has_value());
  EXPECT_FALSE(harness.put("k", as_bytes("c"), if_match).has_value());
  PutOptions if_other;
  if_other.conditions.if_none_match = {first->etag};
  EXPECT_TRUE(harness.put("k", as_bytes("d"), if_other).has_value());
  Conditions wrong;
  wrong.if_match = {first->etag};
  EXPECT_EQ(harness.remove("k", wrong).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(harness.remove("absent", wrong).error().code, Code::kNotFound);
  EXPECT_TRUE(harness.remove("absent").has_value());
  EXPECT_TRUE(harness.remove("k").has_value());
  EXPECT_EQ(harness.head("k").error().message, reason::kNoSuchKey);
}

TEST_P(Concurrency, RemoveManyAnswersEachKeyInOrder) {
  Harness harness(GetParam());
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(harness.put(key, random_bytes(1, 50000)).has_value());
  }
  Conditions wrong;
  wrong.if_match = {"nothing"};
  std::vector<RemoveRequest> requests;
  for (const char* key : {"a", "b", "missing", "c", "c"}) requests.push_back({key, {}, {}, false});
  requests[1].conditions = wrong;
  const auto removed = harness.run(harness.objects->remove(harness.bucket, requests));
  ASSERT_TRUE(removed.has_value());
  ASSERT_EQ(removed->size(), 5);
  for (size_t i = 0; i < removed->size(); ++i) {
    EXPECT_EQ((*removed)[i].status.has_value(), i != 1) << i;
  }
  EXPECT_FALSE(harness.head("a").has_value());
  EXPECT_TRUE(harness.head("b").has_value());
}

INSTANTIATE_TEST_SUITE_P(Backends, Concurrency, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

// What is removed after the collector looked at its queue waits for its own readers, also where the
// clock, which orders the queue, puts it before what the collector saw.
TEST(CollectorQueue, WhatComesLaterWithAnEarlierTimeWaitsForItsOwnReaders) {
  io::SimClock clock;
  Harness harness(Backends::kMemory, 1, {}, &clock);
  const Bytes body = random_bytes(2, 3 * MiB);
  ASSERT_TRUE(harness.put("second", body).has_value());
  const uint64_t chunks_count = harness.stored_chunks();
  ASSERT_TRUE(harness.put("first", random_bytes(1, 3 * MiB)).has_value());

  auto earlier = harness.run(harness.objects->open(harness.bucket, "first", ""));
  ASSERT_TRUE(earlier.has_value());
  ASSERT_TRUE(harness.remove("first").has_value());
  ASSERT_TRUE(harness.run(harness.objects->collect_garbage()).has_value());  // Looks at the queue.

  auto later = harness.run(harness.objects->open(harness.bucket, "second", ""));
  ASSERT_TRUE(later.has_value());
  clock.jump_wall(-60'000);
  ASSERT_TRUE(harness.remove("second").has_value());
  earlier->reset();
  for (int pass = 0; pass < 4; ++pass) {
    ASSERT_TRUE(harness.run(harness.objects->collect_garbage()).has_value());
  }
  EXPECT_EQ(harness.stored_chunks(), chunks_count) << "of the second object, which is still read";
  const Result<Bytes> found = harness.run(read_range(**later, ByteRange{0, body.size()}));
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(*found, body);
  later->reset();
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0U);
}

// A reader that is too old to count hides no younger one of its core, also where nothing else is
// opened meanwhile.
TEST(CollectorQueue, AReaderThatIsTooOldHidesNoYoungerOne) {
  io::SimClock clock;
  Harness harness(Backends::kMemory, 1, {}, &clock);
  const Bytes body = random_bytes(2, 3 * MiB);
  for (const char* key : {"first", "second"}) {
    ASSERT_TRUE(harness.put(key, random_bytes(1, 1 * MiB)).has_value());
  }
  ASSERT_TRUE(harness.put("third", body).has_value());

  auto old_reader = harness.run(harness.objects->open(harness.bucket, "first", ""));
  ASSERT_TRUE(old_reader.has_value());
  ASSERT_TRUE(harness.remove("second").has_value());
  ASSERT_TRUE(harness.run(harness.objects->collect_garbage()).has_value());  // Ends an epoch.
  clock.advance(kReaderAgeMax - seconds(60));
  auto young_reader = harness.run(harness.objects->open(harness.bucket, "third", ""));
  ASSERT_TRUE(young_reader.has_value());
  ASSERT_TRUE(harness.remove("third").has_value());
  clock.advance(seconds(120));
  for (int pass = 0; pass < 8; ++pass) {
    ASSERT_TRUE(harness.run(harness.objects->collect_garbage()).has_value());
  }
  const Result<Bytes> found = harness.run(read_range(**young_reader, ByteRange{0, body.size()}));
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(*found, body);
}

}  // namespace
}  // namespace cairn::object
