// Properties: versions of an archive take little more than their new segments, and read back as
// they were written in runs of some length; after random puts, edits, deletions and collections
// every body that is left reads back, the edges in the catalog are exactly those of the manifests
// that are left, and every hook names a stored chunk. Method: seeded archives and edits over memory
// backends; the server forgets its tables now and then. A failure prints the seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "object/keys.h"
#include "object/limits.h"
#include "object/records.h"
#include "object/segment_index.h"
#include "tests/support/containers.h"
#include "tests/unit/object/harness.h"
#include "transfer/cutter.h"

namespace cairn::object {
namespace {

using testing_support::Member;

// Hash and size of each distinct segment of the bodies.
class Unique {
 public:
  void add(BytesView body) {
    transfer::Cutter cutter;
    std::vector<transfer::Cut> cuts;
    cutter.feed(body, cuts);
    cutter.finish(cuts);
    uint64_t begin = 0;
    for (const transfer::Cut& cut : cuts) {
      if (cut.end_bytes == begin) continue;
      const BytesView segment = body.subspan(begin, cut.end_bytes - begin);
      if (seen_.insert(crypto::sha256(segment)).second) bytes_ += segment.size();
      begin = cut.end_bytes;
    }
  }
  uint64_t bytes() const { return bytes_; }

 private:
  std::set<crypto::Sha256Value> seen_;
  uint64_t bytes_ = 0;
};

uint64_t stored_bytes(Harness& harness) {
  const auto usage = harness.run(harness.store->usage());
  EXPECT_TRUE(usage.has_value());
  return usage->live_bytes;
}

std::vector<catalog::Entry> rows(Harness& harness, const std::string& prefix) {
  catalog::ScanRequest request;
  request.begin = prefix;
  request.end = catalog::prefix_end(prefix);
  request.limit_entries = 1000000;
  request.limit_bytes = 1 << 30;
  const auto page = harness.run(harness.catalog->scan(request));
  EXPECT_TRUE(page.has_value() && !page->more);
  return page->entries;
}

std::vector<Manifest> manifests(Harness& harness) {
  std::vector<Manifest> out;
  for (const catalog::Entry& row : rows(harness, "i/")) {
    const auto body = parse_body(as_bytes(row.value));
    EXPECT_TRUE(body.has_value());
    if (body->kind == Body::Kind::kManifest) out.push_back(body->manifest);
  }
  return out;
}

TEST(Dedup, VersionsOfAnArchiveTakeTheirNewSegments) {
  for (const bool restarts : {false, true}) {
    SCOPED_TRACE(restarts ? "with restarts" : "without");
    Harness harness(Backends::kMemory, 1);
    SeededRandom random(3);
    std::vector<Member> members = testing_support::random_members(random, 60, 3 * MiB);
    Unique unique;
    uint64_t logical = 0;
    std::vector<Bytes> versions;
    for (int version = 0; version < 6; ++version) {
      for (int edit = 0; edit < 6; ++edit) {
        Bytes& data = members[random.below(members.size())].data;
        const auto at = static_cast<ptrdiff_t>(random.below(data.size()));
        if (edit % 2 == 0) data.insert(data.begin() + at, 11, static_cast<uint8_t>(version));
        if (edit % 2 == 1) data[static_cast<size_t>(at)] ^= 0x55;
      }
      versions.push_back(testing_support::tar_of(members));
      unique.add(versions.back());
      logical += versions.back().size();
      ASSERT_TRUE(harness.put("v" + std::to_string(version), versions.back()).has_value());
      if (restarts) harness.reopen();
    }
    EXPECT_LT(stored_bytes(harness), unique.bytes() * (restarts ? 115 : 108) / 100);
    EXPECT_LT(stored_bytes(harness), logical * 30 / 100);
    for (size_t i = 0; i < versions.size(); ++i) {
      EXPECT_TRUE(harness.get("v" + std::to_string(i)) == versions[i]);
    }
    for (const Manifest& manifest : manifests(harness)) {
      EXPECT_GT(manifest.size_bytes() / manifest.extents.size(), kRunBytesMean / 2);
    }
  }
}

// Bytes of chunks that some manifest refers to, each once.
uint64_t referenced_bytes(Harness& harness) {
  std::map<ChunkId, std::vector<bool>> used;
  constexpr uint32_t kGrain = 64;  // Segments of the archives are longer; ends count as used.
  for (const Manifest& manifest : manifests(harness)) {
    for (const Extent& extent : manifest.extents) {
      std::vector<bool>& grains = used[extent.chunk];
      grains.resize(extent.chunk_bytes / kGrain + 1);
      const uint32_t end = (extent.offset_bytes + extent.size_bytes - 1) / kGrain;
      for (uint32_t i = extent.offset_bytes / kGrain; i <= end; ++i) grains[i] = true;
    }
  }
  uint64_t sum = 0;
  for (const auto& [chunk, grains] : used) {
    sum += kGrain * static_cast<uint64_t>(std::ranges::count(grains, true));
  }
  return sum;
}

// What the catalog says is what the manifests need.
void expect_exact_edges(Harness& harness) {
  std::set<std::string> needed;
  std::set<ChunkId> chunks;
  for (const Manifest& manifest : manifests(harness)) {
    for (const auto& [chunk, owner] : manifest.references()) {
      needed.insert(keys::edge(chunk, owner));
      chunks.insert(chunk);
    }
  }
  std::set<std::string> edges;
  for (const catalog::Entry& row : rows(harness, "r/")) edges.insert(row.key);
  EXPECT_EQ(edges, needed);
  EXPECT_EQ(harness.stored_chunks(), chunks.size());
  for (const catalog::Entry& row : rows(harness, keys::all_segment_hooks())) {
    const auto hook = parse_hook(row.value);
    ASSERT_TRUE(hook.has_value());
    EXPECT_TRUE(chunks.contains(hook->chunk));
  }
}

Bytes edited(const Bytes& base, SeededRandom& random) {
  Bytes body = base;
  const uint64_t edits = 1 + random.below(5);
  for (uint64_t i = 0; i < edits; ++i) {
    const auto at = body.begin() + static_cast<ptrdiff_t>(random.below(body.size() / 2));
    const auto length = static_cast<ptrdiff_t>(random.below(200000));
    switch (random.below(3)) {
      case 0: body.insert(at, base.begin(), base.begin() + length); break;
      case 1: body.erase(at, at + length); break;
      default: random.fill(MutableBytes(body).subspan(static_cast<size_t>(at - body.begin()), 99));
    }
  }
  return body;
}

TEST(Dedup, RandomDeletionsLoseNothingThatIsShared) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Harness harness(Backends::kMemory, seed);
    SeededRandom random(seed);
    std::map<std::string, Bytes> model;
    std::vector<Bytes> bases;
    for (uint64_t i = 0; i < 3; ++i) bases.push_back(random_bytes(seed * 10 + i, 3 * MiB));
    for (int i = 0; i < 24; ++i) {
      Bytes& base = bases[random.below(bases.size())];
      Bytes body = edited(base, random);
      if (random.below(3) == 0) base = body;
      const std::string key = "k" + std::to_string(i);
      ASSERT_TRUE(harness.put(key, body).has_value());
      model[key] = std::move(body);
      if (random.below(6) == 0) harness.reopen();
    }
    for (int i = 0; i < 24; ++i) {
      if (random.below(2) == 0) continue;
      const std::string key = "k" + std::to_string(i);
      ASSERT_TRUE(harness.remove(key).has_value());
      model.erase(key);
      if (random.below(3) == 0) harness.collect();
    }
    // The first passes after a start look at every hook, later ones at some.
    harness.reopen();
    harness.collect();
    Unique live;
    for (const auto& [key, body] : model) {
      EXPECT_TRUE(harness.get(key) == body) << key;
      live.add(body);
    }
    expect_exact_edges(harness);
    const auto stored = static_cast<double>(stored_bytes(harness));
    const auto referenced = static_cast<double>(referenced_bytes(harness));
    std::printf("seed %d: stored %.3f x referenced bytes, %.3f x live segments\n",
                static_cast<int>(seed), stored / referenced,
                stored / static_cast<double>(live.bytes()));
    EXPECT_LE(stored, 1.05 * referenced);
    for (const auto& [key, body] : model) ASSERT_TRUE(harness.remove(key).has_value());
    harness.reopen();
    harness.collect();
    EXPECT_EQ(harness.stored_chunks(), 0U);
    EXPECT_TRUE(rows(harness, keys::all_segment_hooks()).empty());
    EXPECT_TRUE(rows(harness, keys::all_partly_dead()).empty());
  }
}

}  // namespace
}  // namespace cairn::object
