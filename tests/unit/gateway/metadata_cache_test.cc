// What is known of objects: found until it is forgotten, never stored over a change that came
// between question and answer, and bounded.
#include "gateway/metadata_cache.h"

#include <gtest/gtest.h>

namespace cairn::gateway {
namespace {

FactsPointer facts(std::string etag, size_t padding_bytes = 0) {
  ObjectFacts made;
  made.etag = std::move(etag);
  made.headers.emplace_back("x-amz-meta-a", std::string(padding_bytes, 'x'));
  return std::make_shared<const ObjectFacts>(std::move(made));
}

constexpr uint64_t kBucket = 7;
std::string name(std::string_view key, std::string_view version = {}) {
  return MetadataCache::name_of(kBucket, key, version);
}

TEST(MetadataCache, FindsWhatWasStoredWithTheTimeOfItsQuestion) {
  MetadataCache cache;
  EXPECT_FALSE(cache.find(name("k")));
  cache.store(name("k"), kBucket, "k", cache.generation(kBucket, "k"), {facts("a"), Instant{5}});
  ASSERT_TRUE(cache.find(name("k")));
  EXPECT_EQ(cache.find(name("k"))->facts->etag, "a");
  EXPECT_EQ(cache.find(name("k"))->asked, Instant{5});
  EXPECT_FALSE(cache.find(name("k", "v1")));
  EXPECT_FALSE(cache.find(MetadataCache::name_of(8, "k", "")));
  EXPECT_EQ(cache.entries_count(), 1U);
}

TEST(MetadataCache, ForgetsAllVersionsOfAKey) {
  MetadataCache cache;
  const uint64_t generation = cache.generation(kBucket, "k");
  cache.store(name("k"), kBucket, "k", generation, {facts("a"), Instant{1}});
  cache.store(name("k", "v"), kBucket, "k", generation, {facts("b"), Instant{1}});
  cache.forget(kBucket, "k");
  EXPECT_FALSE(cache.find(name("k")));
  EXPECT_FALSE(cache.find(name("k", "v")));
  EXPECT_EQ(cache.entries_count(), 0U);
  EXPECT_EQ(cache.used_bytes(), 0U);
}

TEST(MetadataCache, AnAnswerThatWasAskedForBeforeAChangeIsNotKept) {
  MetadataCache cache;
  const uint64_t before = cache.generation(kBucket, "k");
  cache.forget(kBucket, "k");
  cache.store(name("k"), kBucket, "k", before, {facts("old"), Instant{1}});
  EXPECT_FALSE(cache.find(name("k")));
  cache.store(name("k"), kBucket, "k", cache.generation(kBucket, "k"), {facts("new"), Instant{2}});
  EXPECT_EQ(cache.find(name("k"))->facts->etag, "new");
}

TEST(MetadataCache, TheLaterQuestionCounts) {
  MetadataCache cache;
  const uint64_t generation = cache.generation(kBucket, "k");
  cache.store(name("k"), kBucket, "k", generation, {facts("late"), Instant{9}});
  cache.store(name("k"), kBucket, "k", generation, {facts("early"), Instant{3}});
  EXPECT_EQ(cache.find(name("k"))->facts->etag, "late");
}

TEST(MetadataCache, StaysWithinItsBytesAndKeepsWhatIsUsed) {
  MetadataCache cache(1 * MiB);
  for (int i = 0; i < 10'000; ++i) {
    const std::string key = "key " + std::to_string(i);
    cache.store(name(key), kBucket, key, cache.generation(kBucket, key),
                {facts("e", 1000), Instant{i}});
    EXPECT_TRUE(cache.find(name("key 0"))) << i;
    ASSERT_LE(cache.used_bytes(), 1 * MiB);
  }
  EXPECT_GT(cache.entries_count(), 500U);
  EXPECT_LT(cache.entries_count(), 1000U);
}

}  // namespace
}  // namespace cairn::gateway
