// Properties: containers, whole, cut off and damaged, are cut alike however the stream is split and
// on every code path; cuts keep their bounds; an inserted member changes few segments. Method:
// seeded containers of all kinds with random damage; a failure prints the seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/containers.h"
#include "transfer/cutter.h"

namespace cairn::transfer {
namespace {

using testing_support::Member;

Bytes container_of(uint64_t kind, const std::vector<Member>& members) {
  switch (kind % 5) {
    case 0: return testing_support::tar_of(members);
    case 1: return testing_support::zip_of(members, false);
    case 2: return testing_support::zip_of(members, true);
    case 3: return testing_support::safetensors_of(members);
    default: return testing_support::gguf_of(members);
  }
}

std::vector<Cut> cuts_of(BytesView bytes, ScanPath path, SeededRandom* split, size_t piece_max) {
  Cutter cutter({}, path);
  std::vector<Cut> cuts;
  while (!bytes.empty()) {
    const size_t piece =
        split == nullptr ? bytes.size() : std::min(bytes.size(), 1 + split->below(piece_max));
    const Bytes copy(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(piece));
    cutter.feed(copy, cuts);
    bytes = bytes.subspan(piece);
  }
  cutter.finish(cuts);
  return cuts;
}

TEST(CutterProperty, AllSplitsAndPathsCutContainersAlike) {
  size_t cuts_count = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    SeededRandom random(seed);
    Bytes data =
        container_of(seed, testing_support::random_members(random, 1 + random.below(12), 200000));
    if (random.below(3) == 0) {
      for (uint64_t i = random.below(4); i < 4; ++i) {
        data[random.below(random.below(2) == 0 ? data.size()
                                               : std::min<size_t>(data.size(), 600))] =
            static_cast<uint8_t>(random.below(256));
      }
    }
    if (random.below(4) == 0) data.resize(random.below(data.size()) + 1);
    const std::vector<Cut> whole = cuts_of(data, ScanPath::kPortable, nullptr, 0);
    cuts_count += whole.size();
    uint64_t begin = 0;
    for (const Cut& cut : whole) {
      ASSERT_LE(cut.end_bytes - begin, ChunkerParameters{}.segment_bytes_max);
      begin = cut.end_bytes;
    }
    ASSERT_EQ(begin, data.size());
    const size_t piece_max = seed % 11 == 0 ? 1 : 1 + random.below(seed % 2 == 0 ? 700 : 100000);
    ASSERT_EQ(cuts_of(data, fastest_scan_path(), &random, piece_max), whole)
        << "pieces of " << piece_max;
  }
  EXPECT_GT(cuts_count, 1500U) << "the inputs must exercise cuts";
}

// The number of segments of `second` that `first` has not.
size_t new_segments(const Bytes& first, const Bytes& second) {
  const auto segments = [](const Bytes& bytes) {
    std::multiset<std::string_view> out;
    uint64_t begin = 0;
    for (const Cut& cut : cuts_of(bytes, fastest_scan_path(), nullptr, 0)) {
      out.insert(as_text(BytesView(bytes).subspan(begin, cut.end_bytes - begin)));
      begin = cut.end_bytes;
    }
    return out;
  };
  const auto old_segments = segments(first);
  const auto all = segments(second);
  return static_cast<size_t>(std::ranges::count_if(
      all, [&](std::string_view segment) { return !old_segments.contains(segment); }));
}

TEST(CutterProperty, AMemberMoreChangesFewSegments) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    SeededRandom random(seed);
    std::vector<Member> members = testing_support::random_members(random, 20, 600000);
    const Bytes first = container_of(seed, members);
    std::vector<Member> more = testing_support::random_members(random, 1, 60000);
    members.insert(members.begin() + static_cast<ptrdiff_t>(random.below(20)), more.front());
    const Bytes second = container_of(seed, members);
    // Its own, those beside it, and for model files the header.
    ASSERT_LE(new_segments(first, second), 16U);
  }
}

}  // namespace
}  // namespace cairn::transfer
