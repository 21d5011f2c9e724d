// Properties of single streams: sizes stay in bounds, cuts are pinned by golden values (a change of
// the hash loses dedup against older data), a candidate is what chunker_scan.h says it is.
#include "transfer/chunker.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "transfer/chunker_scan.h"

namespace cairn::transfer {
namespace {

Bytes random_bytes(uint64_t seed, size_t size) {
  SeededRandom random(seed);
  Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

std::vector<Cut> cuts_of(BytesView bytes, const ChunkerParameters& parameters = {}) {
  Chunker chunker(parameters);
  std::vector<Cut> cuts;
  chunker.feed(bytes, cuts);
  chunker.finish(cuts);
  return cuts;
}

void expect_sizes_in_bounds(const std::vector<Cut>& cuts, uint64_t total,
                            const ChunkerParameters& parameters = {}) {
  uint64_t segment = 0;
  uint64_t chunk = 0;
  for (const Cut& cut : cuts) {
    const bool last = cut.end_bytes == total;
    const uint64_t segment_bytes = cut.end_bytes - segment;
    EXPECT_LE(segment_bytes, parameters.segment_bytes_max);
    if (!last) EXPECT_GE(segment_bytes, parameters.segment_bytes_min);
    segment = cut.end_bytes;
    if (!cut.ends_chunk) continue;
    const uint64_t chunk_bytes = cut.end_bytes - chunk;
    EXPECT_LE(chunk_bytes, parameters.chunk_bytes_max);
    if (!last) EXPECT_GE(chunk_bytes, parameters.chunk_bytes_min);
    chunk = cut.end_bytes;
  }
  EXPECT_EQ(chunk, total) << "the stream's end must end a chunk";
}

// h of chunker_scan.h straight from its definition.
uint8_t defined_hash(BytesView data, size_t i) {
  uint8_t hash = 0;
  for (unsigned k = 0; k < detail::kStageWindowBytes; ++k) {
    hash = static_cast<uint8_t>(
        hash ^ detail::field_product(detail::power_of_three(k), detail::substitute(data[i - k])));
  }
  return hash;
}

TEST(Chunker, AnEmptyStreamHasNoCuts) {
  EXPECT_TRUE(cuts_of({}).empty());
}

TEST(Chunker, AStreamBelowTheMinimumIsOneSegmentAndOneChunk) {
  EXPECT_EQ(cuts_of(random_bytes(1, 1)), (std::vector<Cut>{{1, true}}));
  EXPECT_EQ(cuts_of(random_bytes(1, 16 * KiB - 1)), (std::vector<Cut>{{16 * KiB - 1, true}}));
}

TEST(Chunker, RandomDataKeepsSizesAndMeans) {
  const Bytes data = random_bytes(2, 96 * MiB);
  const std::vector<Cut> cuts = cuts_of(data);
  expect_sizes_in_bounds(cuts, data.size());
  const auto chunks = static_cast<uint64_t>(
      std::count_if(cuts.begin(), cuts.end(), [](const Cut& cut) { return cut.ends_chunk; }));
  EXPECT_GT(data.size() / cuts.size(), 55 * KiB);
  EXPECT_LT(data.size() / cuts.size(), 66 * KiB);
  EXPECT_GT(data.size() / chunks, 5 * MiB / 2);
  EXPECT_LT(data.size() / chunks, 6 * MiB);
}

TEST(Chunker, DegenerateDataKeepsSizesInBounds) {
  constexpr size_t kSize = 9 * MiB + 12345;
  Bytes data(kSize, 0);
  expect_sizes_in_bounds(cuts_of(data), kSize);
  for (size_t period = 1; period <= 64; ++period) {
    SCOPED_TRACE(period);
    const Bytes pattern = random_bytes(period, period);
    for (size_t i = 0; i < kSize; ++i) data[i] = pattern[i % period];
    expect_sizes_in_bounds(cuts_of(data), kSize);
  }
  for (size_t i = 0; i < kSize; ++i) data[i] = static_cast<uint8_t>(i * 256 / kSize);
  expect_sizes_in_bounds(cuts_of(data), kSize);
  for (size_t i = 0; i + 4 <= kSize; i += 4) store_le(&data[i], static_cast<uint32_t>(i / 4));
  expect_sizes_in_bounds(cuts_of(data), kSize);
}

TEST(Chunker, RunsOfEqualWordsHaveNoCandidate) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const Bytes data(8 * KiB, static_cast<uint8_t>(byte));
    EXPECT_EQ(detail::find_portable(data.data(), 64, data.size(), 0), data.size());
  }
}

TEST(Chunker, CandidatesAreTheDefinedOnes) {
  const Bytes data = random_bytes(3, 1 * MiB);
  size_t found = 64;
  for (size_t i = 64; i < data.size(); ++i) {
    if (found < i) found = detail::find_portable(data.data(), i, data.size(), 0);
    const bool candidate =
        defined_hash(data, i) == 0 &&
        (defined_hash(data, i - 16) & detail::kSecondMask) == detail::kSecondValue;
    if (i > 64) ASSERT_EQ(candidate, found == i) << i;
    if (i == 64) found = detail::find_portable(data.data(), i, data.size(), 0);
  }
}

// Pinned: see kChunkerVersion.
TEST(Chunker, CutsOfVersionTwoAreGolden) {
  ASSERT_EQ(kChunkerVersion, 2U);
  const Bytes data = random_bytes(4, 8 * MiB);
  const std::vector<Cut> cuts = cuts_of(data);
  std::vector<uint64_t> first;
  for (size_t i = 0; i < 6; ++i) first.push_back(cuts[i].end_bytes);
  const std::vector<uint64_t> expected = {52370, 75549, 95192, 167756, 198379, 225345};
  EXPECT_EQ(first, expected);
}

TEST(Chunker, InvalidParametersAreRefused) {
  EXPECT_TRUE(ChunkerParameters{}.valid());
  EXPECT_FALSE(ChunkerParameters{.segment_bytes_min = 63}.valid());
  EXPECT_FALSE(ChunkerParameters{.segment_bytes_max = 32 * KiB}.valid());
  EXPECT_FALSE(ChunkerParameters{.segment_bits_before = 17}.valid());
  EXPECT_FALSE(ChunkerParameters{.chunk_bytes_max = 1 * MiB}.valid());
}

}  // namespace
}  // namespace cairn::transfer
