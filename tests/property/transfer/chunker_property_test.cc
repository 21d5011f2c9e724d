// Properties: every code path and every split of the input gives the same cuts (B3); inserting one
// byte changes few segments (B4). Method: seeded inputs of mixed texture; a failure prints the
// seed. Small parameters make many cuts per byte, so that boundaries of vectors, strips and feeds
// are hit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>

#include "base/random.h"
#include "transfer/chunker.h"
#include "transfer/chunker_scan.h"

namespace cairn::transfer {
namespace {

constexpr ChunkerParameters kSmall = {.segment_bytes_min = 64,
                                      .segment_bytes_target = 512,
                                      .segment_bytes_max = 20000,
                                      .segment_bits_before = 1,
                                      .segment_bits_after = 0,
                                      .chunk_bytes_min = 1024,
                                      .chunk_bytes_target = 30000,
                                      .chunk_bytes_max = 60000,
                                      .chunk_bits_before = 2,
                                      .chunk_bits_after = 1};

std::vector<ScanPath> paths() {
  std::vector<ScanPath> available;
  for (const ScanPath path : {ScanPath::kPortable, ScanPath::kAvx2, ScanPath::kAvx512Gfni}) {
    if (scan_path_available(path)) available.push_back(path);
  }
  return available;
}

// Random bytes with runs, short periods and repeated stretches.
Bytes textured(SeededRandom& random, size_t size) {
  Bytes data(size);
  random.fill(data);
  const uint64_t edits = random.below(6);
  for (uint64_t edit = 0; edit < edits && size > 200; ++edit) {
    const size_t at = random.below(size - 100);
    const size_t length = random.below(size - at);
    const size_t period = 1 + random.below(80);
    for (size_t i = at + period; i < at + length; ++i) data[i] = data[i - period];
  }
  return data;
}

std::vector<Cut> cuts_of(BytesView bytes, const ChunkerParameters& parameters, ScanPath path,
                         SeededRandom* split, size_t piece_max) {
  Chunker chunker(parameters, path);
  std::vector<Cut> cuts;
  while (!bytes.empty()) {
    const size_t piece =
        split == nullptr ? bytes.size() : std::min(bytes.size(), 1 + split->below(piece_max));
    const Bytes copy(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(piece));
    chunker.feed(copy, cuts);
    bytes = bytes.subspan(piece);
  }
  chunker.finish(cuts);
  return cuts;
}

TEST(ChunkerProperty, AllPathsAndAllSplitsCutAlike) {
  size_t cuts_count = 0;
  for (uint64_t seed = 0; seed < 10000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    SeededRandom random(seed);
    const size_t size = random.below(seed % 50 == 0 ? 200000 : 12000);
    const Bytes data = textured(random, size);
    const std::vector<Cut> whole = cuts_of(data, kSmall, ScanPath::kPortable, nullptr, 0);
    cuts_count += whole.size();
    for (const ScanPath path : paths()) {
      ASSERT_EQ(cuts_of(data, kSmall, path, nullptr, 0), whole) << static_cast<int>(path);
      const size_t piece_max = seed % 7 == 0 ? 1 : 1 + random.below(5000);
      ASSERT_EQ(cuts_of(data, kSmall, path, &random, piece_max), whole)
          << static_cast<int>(path) << " pieces of " << piece_max;
    }
  }
  EXPECT_GT(cuts_count, 14000U) << "the inputs must exercise cuts";
}

TEST(ChunkerProperty, AllPathsFindTheSameCandidatesAtEveryAlignment) {
  SeededRandom random(99);
  const Bytes data = textured(random, 300000);
  for (const ScanPath path : paths()) {
    for (size_t from = 64; from < 64 + 130; ++from) {
      size_t expected = from;
      size_t position = from;
      while (expected < data.size()) {
        expected = detail::find_portable(data.data(), expected, data.size(), 0) + 1;
#if defined(__x86_64__)
        if (path == ScanPath::kAvx2) {
          position = detail::find_avx2(data.data(), position, data.size(), 0) + 1;
        } else if (path == ScanPath::kAvx512Gfni) {
          position = detail::find_avx512(data.data(), position, data.size(), 0) + 1;
        } else {
          position = expected;
        }
#else
        position = expected;
#endif
        ASSERT_EQ(position, expected);
      }
    }
  }
}

std::multiset<std::string_view> segments_of(const Bytes& data, const std::vector<Cut>& cuts) {
  std::multiset<std::string_view> segments;
  uint64_t begin = 0;
  for (const Cut& cut : cuts) {
    segments.insert(as_text(BytesView(data).subspan(begin, cut.end_bytes - begin)));
    begin = cut.end_bytes;
  }
  return segments;
}

// CAIRN_B4_TRIALS=1000 and CAIRN_B4_MIB=64 give the acceptance run; the default fits a unit run.
uint64_t from_environment(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

TEST(ChunkerProperty, AnInsertedByteChangesFewSegments) {
  const uint64_t trials = from_environment("CAIRN_B4_TRIALS", 100);
  const uint64_t size = from_environment("CAIRN_B4_MIB", 8) * MiB;
  SeededRandom random(7);
  Bytes data(size);
  random.fill(data);
  const auto cut = [](const Bytes& bytes) {
    return cuts_of(bytes, {}, fastest_scan_path(), nullptr, 0);
  };
  const std::vector<Cut> old_cuts = cut(data);
  uint64_t changed_sum = 0;
  for (uint64_t trial = 0; trial < trials; ++trial) {
    const size_t at = random.below(size);
    Bytes edited = data;
    edited.insert(edited.begin() + static_cast<ptrdiff_t>(at), static_cast<uint8_t>(trial));
    const std::vector<Cut> new_cuts = cut(edited);
    // Ends are equal before the insertion and shifted by one after it, where segments are equal.
    std::set<std::pair<uint64_t, uint64_t>> old_segments;
    uint64_t begin = 0;
    for (const Cut& old_cut : old_cuts) {
      old_segments.insert({begin, old_cut.end_bytes});
      begin = old_cut.end_bytes;
    }
    uint64_t changed = 0;
    begin = 0;
    for (const Cut& new_cut : new_cuts) {
      const bool before = new_cut.end_bytes <= at;
      const uint64_t shift = before ? 0 : 1;
      const bool spans = begin <= at && at < new_cut.end_bytes;
      if (spans || !old_segments.contains({begin - shift, new_cut.end_bytes - shift})) ++changed;
      begin = new_cut.end_bytes;
    }
    changed_sum += changed;
    ASSERT_LE(changed, 8U) << "trial " << trial << " at " << at;
  }
  EXPECT_LE(changed_sum, 3 * trials);
}

TEST(ChunkerProperty, CommonStretchesShareTheirSegments) {
  SeededRandom random(8);
  Bytes common(8 * MiB);
  random.fill(common);
  Bytes other(3 * MiB + 777);
  random.fill(other);
  Bytes joined = other;
  joined.insert(joined.end(), common.begin(), common.end());
  const auto first = segments_of(common, cuts_of(common, {}, fastest_scan_path(), nullptr, 0));
  const auto second = segments_of(joined, cuts_of(joined, {}, fastest_scan_path(), nullptr, 0));
  uint64_t shared_bytes = 0;
  for (const std::string_view segment : first) {
    if (second.contains(segment)) shared_bytes += segment.size();
  }
  EXPECT_GT(shared_bytes, common.size() * 9 / 10);
}

}  // namespace
}  // namespace cairn::transfer
