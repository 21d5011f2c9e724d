// Properties: members of tar and zip archives and tensors of safetensors and GGUF files begin
// segments of their own, so that they are found again in another container; what only looks like a
// container is cut by content. Method: containers made by tests/support/containers.h.
#include "transfer/cutter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/containers.h"

namespace cairn::transfer {
namespace {

using testing_support::Member;

std::vector<Cut> cuts_of(BytesView bytes) {
  Cutter cutter;
  std::vector<Cut> cuts;
  cutter.feed(bytes, cuts);
  cutter.finish(cuts);
  return cuts;
}

std::vector<Cut> plain_cuts_of(BytesView bytes) {
  Chunker chunker;
  std::vector<Cut> cuts;
  chunker.feed(bytes, cuts);
  chunker.finish(cuts);
  return cuts;
}

std::set<std::string_view> segments_of(const Bytes& bytes) {
  std::set<std::string_view> segments;
  uint64_t begin = 0;
  for (const Cut& cut : cuts_of(bytes)) {
    if (cut.end_bytes == begin) continue;
    segments.insert(as_text(BytesView(bytes).subspan(begin, cut.end_bytes - begin)));
    begin = cut.end_bytes;
  }
  return segments;
}

enum class Kind : uint8_t { kTar, kZip, kStreamedZip, kSafetensors, kGguf };
constexpr Kind kKinds[] = {Kind::kTar, Kind::kZip, Kind::kStreamedZip, Kind::kSafetensors,
                           Kind::kGguf};

Bytes container_of(Kind kind, const std::vector<Member>& members) {
  switch (kind) {
    case Kind::kTar: return testing_support::tar_of(members);
    case Kind::kZip: return testing_support::zip_of(members, false);
    case Kind::kStreamedZip: return testing_support::zip_of(members, true);
    case Kind::kSafetensors: return testing_support::safetensors_of(members);
    case Kind::kGguf: return testing_support::gguf_of(members);
  }
  return {};
}

std::vector<Member> members_of(uint64_t seed, std::vector<size_t> sizes) {
  SeededRandom random(seed);
  std::vector<Member> members;
  for (const size_t size : sizes) {
    Member& member = members.emplace_back();
    member.name = "m" + std::to_string(members.size());
    member.data.resize(size);
    random.fill(member.data);
  }
  return members;
}

// Whether the segments, one after another from the beginning of `member` on, cover it. The last one
// may go on behind it.
bool is_covered(const Member& member, const std::set<std::string_view>& segments) {
  std::string_view rest = as_text(member.data);
  while (!rest.empty()) {
    const auto found = std::ranges::find_if(segments, [&](std::string_view segment) {
      return rest.starts_with(segment) || segment.starts_with(rest);
    });
    if (found == segments.end()) return false;
    rest.remove_prefix(std::min(rest.size(), found->size()));
  }
  return true;
}

TEST(Cutter, MembersAndTensorsAreFoundAgainInAnotherContainer) {
  const std::vector<Member> members =
      members_of(1, {3 * MiB, 100000, 40000, 2000, 900, 512 * KiB, 70000});
  std::vector<Member> reordered(members.rbegin(), members.rend());
  for (const Kind kind : kKinds) {
    SCOPED_TRACE(static_cast<int>(kind));
    const Bytes first = container_of(kind, members);
    const Bytes second = container_of(kind, reordered);
    const auto segments = segments_of(first);
    const auto others = segments_of(second);
    uint64_t shared_bytes = 0;
    for (const std::string_view segment : segments) {
      if (others.contains(segment)) shared_bytes += segment.size();
    }
    // Where sizes stand behind the data, members begin no segment.
    EXPECT_GT(shared_bytes, first.size() * (kind == Kind::kStreamedZip ? 90 : 95) / 100);
  }
}

TEST(Cutter, AUnitOfSomeSizeBeginsASegment) {
  const std::vector<Member> members = members_of(2, {40000, 33000, 2 * MiB, 35000});
  for (const Kind kind : {Kind::kTar, Kind::kZip, Kind::kSafetensors, Kind::kGguf}) {
    SCOPED_TRACE(static_cast<int>(kind));
    const Bytes bytes = container_of(kind, members);
    const auto segments = segments_of(bytes);
    for (const Member& member : members) {
      EXPECT_TRUE(is_covered(member, segments)) << member.name;
    }
  }
}

TEST(Cutter, ALargeMemberBeginsAChunk) {
  const std::vector<Member> members = members_of(3, {3 * MiB / 2, 4 * MiB, 30000});
  const Bytes bytes = testing_support::tar_of(members);
  const uint64_t second_begin = 512 + 3 * MiB / 2 + 1024 + 512;  // With its pax header.
  const std::vector<Cut> cuts = cuts_of(bytes);
  EXPECT_TRUE(std::ranges::find(cuts, Cut{second_begin, true}) != cuts.end());
}

TEST(Cutter, WhatIsNoContainerIsCutByContentAlone) {
  SeededRandom random(4);
  Bytes bytes(5 * MiB);
  random.fill(bytes);
  EXPECT_EQ(cuts_of(bytes), plain_cuts_of(bytes));
  for (const std::string_view magic : {"PK\x03\x04", "GGUF", "GGUF\x03"}) {
    std::copy(magic.begin(), magic.end(), bytes.begin());
    if (magic[0] == 'G') EXPECT_EQ(cuts_of(bytes), plain_cuts_of(bytes));
  }
  store_le(bytes.data(), uint64_t{1000});
  bytes[8] = '{';
  const std::vector<Cut> cuts = cuts_of(bytes);
  EXPECT_EQ(cuts.front().end_bytes, 1008U) << "only the end of the supposed header";
  EXPECT_TRUE(cuts_of({}).empty());
}

TEST(Cutter, HostileContainersKeepEveryBound) {
  // Members just large enough for two cuts each, and the smallest ones there are.
  for (const size_t size : {size_t{kUnitBytesMin}, size_t{1}}) {
    std::vector<Member> members(size == 1 ? 20000 : 400);
    for (Member& member : members) member.data.assign(size, 7);
    for (const Kind kind : kKinds) {
      SCOPED_TRACE(static_cast<int>(kind));
      const Bytes bytes = container_of(kind, members);
      const std::vector<Cut> cuts = cuts_of(bytes);
      EXPECT_LE(cuts.size(), bytes.size() / 8192 + 2);
      size_t segments = 0;
      uint64_t chunk_begin = 0;
      for (const Cut& cut : cuts) {
        EXPECT_LE(++segments, ChunkerParameters{}.chunk_segments_max);
        if (!cut.ends_chunk) continue;
        EXPECT_LE(cut.end_bytes - chunk_begin, ChunkerParameters{}.chunk_bytes_max);
        chunk_begin = cut.end_bytes;
        segments = 0;
      }
    }
  }
}

}  // namespace
}  // namespace cairn::transfer
