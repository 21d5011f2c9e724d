// Property: after random deletions of half of the bodies, none of the segments of those that are
// left is lost, and the store comes back to 1.05 times the bytes that are referred to. Method:
// bodies that are half new and half runs of earlier ones, of segments of 4 KiB, composed and
// committed as a PUT does; deletions and collections take turns, with a start in between. A
// segment's bytes follow from its number, so all of them are compared.
//
// CAIRN_SPACE_SEGMENTS sets the number of distinct segments; bench/README.md has a run with 2^20.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "crypto/hash_engine.h"
#include "object/collector.h"
#include "object/commit.h"
#include "object/keys.h"
#include "object/segment_composer.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

constexpr size_t kSegmentBytes = 4096;
constexpr size_t kBodySegments = 2048;
constexpr size_t kChunkSegments = 500;
constexpr size_t kRunSegmentsMin = 64;
constexpr size_t kRunSegmentsMax = 700;
constexpr uint32_t kSegmentsByDefault = 40'000;

using Numbers = std::vector<uint32_t>;  // Of the segments of a body.

void append_segment(Bytes& out, uint32_t number) {
  const size_t at = out.size();
  out.resize(at + kSegmentBytes);
  SeededRandom(number).fill(MutableBytes(out).subspan(at));
}

Bytes bytes_of(const Numbers& numbers) {
  Bytes out;
  out.reserve(numbers.size() * kSegmentBytes);
  for (const uint32_t number : numbers) append_segment(out, number);
  return out;
}

std::unique_ptr<CutChunk> cut(std::span<const uint32_t> numbers) {
  auto chunk = std::make_unique<CutChunk>();
  const size_t room_bytes = kSegmentsPerChunkMax * (kSegmentBytes + kSegmentEntryBytes);
  chunk->buffer = Buffer::allocate(round_up(room_bytes, kIoAlignment));
  for (const uint32_t number : numbers) {
    Bytes segment;
    append_segment(segment, number);
    chunk->buffer.append(segment);
    chunk->segments.push_back({crypto::sha256(segment), kSegmentBytes});
  }
  return chunk;
}

// Composes and commits a body as ObjectWriter does, from cuts of the test's choosing.
io::Task<Status> put(Context& context, BucketInfo bucket, std::string key, const Numbers& numbers) {
  const auto keys = co_await io::or_return(context.keys_of(bucket.tenant));
  Manifest manifest;
  manifest.owner = context.new_owner();
  SegmentComposer composer(context, keys, manifest.owner, true);
  for (size_t at = 0; at < numbers.size(); at += kChunkSegments) {
    const size_t count = std::min(kChunkSegments, numbers.size() - at);
    const Status added = co_await composer.add(cut(std::span(numbers).subspan(at, count)));
    EXPECT_TRUE(added.has_value());
  }
  Result<std::vector<Extent>> extents = co_await composer.finish();
  EXPECT_TRUE(extents.has_value());
  manifest.extents = std::move(*extents);
  NewVersion version;
  version.head.owner = manifest.owner;
  version.head.info.size_bytes = manifest.size_bytes();
  Result<PreparedBody> body = co_await prepare_manifest(context, keys, std::move(manifest), true);
  EXPECT_TRUE(body.has_value());
  body->hooks = composer.hooks();
  version.body = &*body;
  version.keys = keys;
  version.bucket = std::move(bucket);
  version.key = std::move(key);
  const Result<ObjectInfo> done = co_await commit_version(context, std::move(version));
  co_await end_prepared(*body, done.has_value());
  co_await composer.settle();
  co_return done ? Status() : Status(std::unexpected(done.error()));
}

io::Task<Status> collect(Collector& collector) {
  bool more = true;
  while (more) more = co_await io::or_return(collector.pass());
  co_return Status{};
}

struct Space {
  uint64_t stored_bytes = 0;      // Plaintext of all chunks.
  uint64_t referenced_bytes = 0;  // Of it, what some manifest refers to.
  size_t chunks_count = 0;
};

Space space_of(Harness& harness) {
  catalog::ScanRequest request;
  request.begin = "i/";
  request.end = "i0";
  request.limit_entries = 1000000;
  request.limit_bytes = 1 << 30;
  const auto page = harness.run(harness.catalog->scan(request));
  std::map<ChunkId, std::vector<bool>> used;
  for (const catalog::Entry& row : page->entries) {
    const Body body = *parse_body(as_bytes(row.value));
    for (const Extent& extent : body.manifest.extents) {
      std::vector<bool>& segments = used[extent.chunk];
      segments.resize(extent.chunk_bytes / kSegmentBytes);
      for (uint32_t i = 0; i < extent.size_bytes / kSegmentBytes; ++i) {
        segments[extent.offset_bytes / kSegmentBytes + i] = true;
      }
    }
  }
  Space out;
  out.chunks_count = used.size();
  for (const auto& [chunk, segments] : used) {
    out.stored_bytes += segments.size() * kSegmentBytes;
    out.referenced_bytes +=
        kSegmentBytes * static_cast<uint64_t>(std::ranges::count(segments, true));
  }
  return out;
}

class SpaceTest : public testing::Test {
 protected:
  // Half of it new, the other half runs of earlier bodies.
  Numbers next_body() {
    Numbers out;
    while (out.size() < kBodySegments) {
      const size_t run =
          std::min(kBodySegments - out.size(), kRunSegmentsMin + random_.below(kRunSegmentsMax));
      if (bodies_.empty() || random_.below(2) == 0) {
        for (size_t i = 0; i < run; ++i) out.push_back(next_number_++);
        continue;
      }
      const Numbers& from =
          std::next(bodies_.begin(), static_cast<ptrdiff_t>(random_.below(bodies_.size())))->second;
      const size_t at = random_.below(from.size() - run + 1);
      out.insert(out.end(), from.begin() + static_cast<ptrdiff_t>(at),
                 from.begin() + static_cast<ptrdiff_t>(at + run));
    }
    return out;
  }

  SeededRandom random_{12};
  uint32_t next_number_ = 1;
  std::map<std::string, Numbers> bodies_;
};

TEST_F(SpaceTest, ComesBackAfterHalfOfTheBodiesWent) {
  const char* const asked = std::getenv("CAIRN_SPACE_SEGMENTS");
  const auto segments =
      asked == nullptr ? kSegmentsByDefault : static_cast<uint32_t>(std::atol(asked));
  Harness harness;
  auto context =
      std::make_unique<Context>(*harness.catalog, *harness.store, *harness.keys, harness.random);
  auto collector = std::make_unique<Collector>(*context, kReaderAgeMax);
  while (next_number_ < segments) {
    std::string key = "k" + std::to_string(bodies_.size());
    Numbers body = next_body();
    ASSERT_TRUE(harness.run(put(*context, harness.bucket, key, body)).has_value());
    bodies_.emplace(std::move(key), std::move(body));
  }
  const size_t count = bodies_.size();
  for (size_t removed = 0; removed < count / 2; ++removed) {
    const auto body =
        std::next(bodies_.begin(), static_cast<ptrdiff_t>(random_.below(bodies_.size())));
    ASSERT_TRUE(harness.remove(body->first).has_value());
    bodies_.erase(body);
    if (removed % 50 == 49) {
      ASSERT_TRUE(harness.run(collect(*collector)).has_value());
    }
    if (removed == count / 4) {
      collector = std::make_unique<Collector>(*context, kReaderAgeMax);
    }
  }
  const Space before = space_of(harness);
  ASSERT_TRUE(harness.run(collect(*collector)).has_value());
  const Space after = space_of(harness);
  std::printf(
      "%u segments, %zu bodies left: stored %.3f x referenced before the last collection, "
      "%.3f x after\n",
      segments, bodies_.size(),
      static_cast<double>(before.stored_bytes) / static_cast<double>(before.referenced_bytes),
      static_cast<double>(after.stored_bytes) / static_cast<double>(after.referenced_bytes));
  EXPECT_LE(static_cast<double>(after.stored_bytes),
            1.05 * static_cast<double>(after.referenced_bytes));
  EXPECT_EQ(harness.stored_chunks(), after.chunks_count);
  for (const auto& [key, numbers] : bodies_) {
    ASSERT_TRUE(harness.get(key) == bytes_of(numbers)) << key;
  }
}

}  // namespace
}  // namespace cairn::object
