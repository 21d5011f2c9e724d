// Properties: a segment is found where it lies, by its own tenant only, from memory and after a
// restart by hooks; what hooks say is believed only where the chunk's own table agrees; hooks go
// with their chunks. Method: bodies are put through Objects, their segments cut and named here.
#include "object/segment_index.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "object/keys.h"
#include "object/limits.h"
#include "tests/unit/object/harness.h"
#include "transfer/cutter.h"

namespace cairn::object {
namespace {

std::vector<SegmentName> names_of(BytesView body) {
  transfer::Cutter cutter;
  std::vector<transfer::Cut> cuts;
  cutter.feed(body, cuts);
  cutter.finish(cuts);
  std::vector<SegmentName> names;
  uint64_t begin = 0;
  for (const transfer::Cut& cut : cuts) {
    if (cut.end_bytes == begin) continue;
    const BytesView segment = body.subspan(begin, cut.end_bytes - begin);
    names.push_back({crypto::sha256(segment), static_cast<uint32_t>(segment.size())});
    begin = cut.end_bytes;
  }
  return names;
}

std::vector<std::optional<SegmentPlace>> find(Harness& harness, BytesView body,
                                              TenantId tenant = crypto::kRootTenant) {
  auto places = harness.run(
      harness.objects->segments()->find(tenant, storage::kDefaultPlacement, names_of(body)));
  EXPECT_TRUE(places.has_value()) << places.error().message;
  return *places;
}

size_t found_count(const std::vector<std::optional<SegmentPlace>>& places) {
  return static_cast<size_t>(
      std::ranges::count_if(places, [](const auto& p) { return p.has_value(); }));
}

std::vector<catalog::Entry> hooks(Harness& harness) {
  catalog::ScanRequest request;
  request.begin = keys::all_segment_hooks();
  request.end = catalog::prefix_end(request.begin);
  request.limit_entries = 100000;
  auto page = harness.run(harness.catalog->scan(request));
  EXPECT_TRUE(page.has_value());
  return page->entries;
}

class SegmentIndexTest : public testing::TestWithParam<Backends> {};
INSTANTIATE_TEST_SUITE_P(All, SegmentIndexTest, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

TEST_P(SegmentIndexTest, FindsEverySegmentWhereItsChunkSaysAlsoAfterARestart) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(5, 9 * MiB);
  ASSERT_TRUE(harness.put("a", body).has_value());
  for (int restart = 0; restart < 2; ++restart) {
    const auto names = names_of(body);
    const auto places = find(harness, body);
    ASSERT_EQ(found_count(places), names.size());
    uint64_t offset = 0;
    ChunkId chunk{};
    for (size_t i = 0; i < names.size(); ++i) {
      if (places[i]->chunk != chunk) offset = 0;
      chunk = places[i]->chunk;
      EXPECT_EQ(places[i]->size_bytes, names[i].size_bytes);
      EXPECT_EQ(places[i]->offset_bytes, offset);
      offset += names[i].size_bytes;
    }
    harness.reopen();
  }
}

TEST_P(SegmentIndexTest, ABodyOfOneSegmentIsFoundAfterARestart) {
  Harness harness(GetParam());
  for (uint64_t seed = 0; seed < 8; ++seed) {
    ASSERT_TRUE(harness.put("k" + std::to_string(seed), random_bytes(seed, 17 * KiB)).has_value());
  }
  harness.reopen();
  for (uint64_t seed = 0; seed < 8; ++seed) {
    EXPECT_EQ(found_count(find(harness, random_bytes(seed, 17 * KiB))), 1U);
  }
}

TEST_P(SegmentIndexTest, OneSharedHookFindsTheNeighbours) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(6, 4 * MiB);
  ASSERT_TRUE(harness.put("a", body).has_value());
  harness.reopen();
  // The second half behind other bytes.
  Bytes other = random_bytes(7, 2 * MiB);
  other.insert(other.end(), body.begin() + 2 * MiB, body.end());
  const auto names = names_of(other);
  const size_t found = found_count(find(harness, other));
  EXPECT_GT(found, names.size() / 3);
  EXPECT_LT(found, names.size());
}

TEST_P(SegmentIndexTest, NothingIsFoundForAnotherTenantOrOfAnotherLength) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(8, 3 * MiB);
  ASSERT_TRUE(harness.put("a", body).has_value());
  EXPECT_EQ(found_count(find(harness, body, TenantId{77})), 0U);
  auto names = names_of(body);
  for (SegmentName& name : names) ++name.size_bytes;
  const auto places = harness.run(harness.objects->segments()->find(
      crypto::kRootTenant, storage::kDefaultPlacement, std::move(names)));
  ASSERT_TRUE(places.has_value());
  EXPECT_EQ(found_count(*places), 0U);
}

TEST_P(SegmentIndexTest, AForgedOrDamagedHookNeverGivesAPlace) {
  Harness harness(GetParam());
  const Bytes wanted = random_bytes(9, 2 * MiB);
  ASSERT_TRUE(harness.put("a", wanted).has_value());
  const std::vector<catalog::Entry> wanted_hooks = hooks(harness);
  ASSERT_TRUE(harness.put("b", random_bytes(10, 2 * MiB)).has_value());
  std::string other;
  for (const catalog::Entry& row : hooks(harness)) {
    if (row.value != wanted_hooks.front().value) other = row.value;
  }
  std::string too_long = other;
  too_long[36] = 1;
  for (const std::string& forged : {other, std::string("short"), too_long}) {
    catalog::Batch batch;
    for (const catalog::Entry& row : wanted_hooks) batch.puts.push_back({row.key, forged});
    ASSERT_TRUE(harness.run(harness.catalog->commit(std::move(batch))).has_value());
    harness.reopen();
    EXPECT_EQ(found_count(find(harness, wanted)), 0U);
  }
}

TEST_P(SegmentIndexTest, HooksGoWithTheirChunksAndStayForOthers) {
  Harness harness(GetParam());
  const Bytes kept = random_bytes(11, 6 * MiB);
  ASSERT_TRUE(harness.put("kept", kept).has_value());
  const size_t before = hooks(harness).size();
  ASSERT_GT(before, 10U);
  ASSERT_TRUE(harness.put("gone", random_bytes(12, 6 * MiB)).has_value());
  EXPECT_GT(hooks(harness).size(), before);
  ASSERT_TRUE(harness.remove("gone").has_value());
  harness.collect();
  EXPECT_EQ(hooks(harness).size(), before);
  harness.reopen();
  EXPECT_EQ(found_count(find(harness, kept)), names_of(kept).size());
}

TEST(SegmentCache, DropsTheTableUsedLongestAgo) {
  const auto segments = [](uint8_t first) {
    std::vector<SegmentName> names(10);
    for (size_t i = 0; i < names.size(); ++i) {
      names[i].hash[0] = first;
      names[i].hash[1] = static_cast<uint8_t>(i);
      names[i].size_bytes = 100;
    }
    return names;
  };
  const auto chunk = [](uint8_t first) {
    ChunkId id;
    id.bytes[0] = first;
    return id;
  };
  SegmentCache cache(6000);
  cache.insert(crypto::kRootTenant, chunk(1), segments(1));
  const uint64_t one = cache.used_bytes();
  ASSERT_GT(one, 1000U);
  for (uint8_t i = 2; i <= 20; ++i) {
    std::vector<std::optional<SegmentPlace>> places(10);
    cache.find(crypto::kRootTenant, storage::kDefaultPlacement, segments(1), places);
    EXPECT_TRUE(places[9].has_value()) << "used at every step";
    cache.insert(crypto::kRootTenant, chunk(i), segments(i));
    EXPECT_LE(cache.used_bytes(), 6000U);
  }
  EXPECT_FALSE(cache.contains(crypto::kRootTenant, chunk(2)));
  std::vector<std::optional<SegmentPlace>> gone(10);
  cache.find(crypto::kRootTenant, storage::kDefaultPlacement, segments(2), gone);
  EXPECT_FALSE(gone[0].has_value());
}

}  // namespace
}  // namespace cairn::object
