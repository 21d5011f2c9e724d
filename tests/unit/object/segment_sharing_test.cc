// Properties: a body that shares segments with older ones reads back as it was written, takes only
// its new segments' space, keeps what it shares alive, and is not cut into more runs than allowed.
// Method: bodies made of random bytes with edits, put through Objects; manifests read from the
// catalog. Bodies under keys of their own share nothing.
#include <gtest/gtest.h>

#include <algorithm>

#include "object/keys.h"
#include "object/limits.h"
#include "object/records.h"
#include "object/segment_runs.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

// `count` edits of `size_bytes` each, spread over the body.
Bytes edited(Bytes body, uint64_t seed, size_t count, size_t size_bytes) {
  SeededRandom random(seed);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = body.size() * (2 * i + 1) / (2 * count);
    random.fill(MutableBytes(body).subspan(at, std::min(size_bytes, body.size() - at)));
  }
  return body;
}

uint64_t stored_bytes(Harness& harness) {
  const auto usage = harness.run(harness.store->usage());
  EXPECT_TRUE(usage.has_value());
  return usage->live_bytes;
}

Manifest manifest_of(Harness& harness, const std::string& key) {
  const auto row = harness.run(harness.catalog->get(keys::body(harness.bucket.id, key)));
  EXPECT_TRUE(row.has_value() && *row);
  const auto body = parse_body(as_bytes((*row)->value));
  EXPECT_TRUE(body.has_value());
  EXPECT_EQ(body->kind, Body::Kind::kManifest);
  return body->manifest;
}

class SegmentSharing : public testing::TestWithParam<Backends> {};
INSTANTIATE_TEST_SUITE_P(All, SegmentSharing, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

TEST_P(SegmentSharing, AnEditedBodyStoresLittleAndReadsBack) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(1, 24 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  const uint64_t before = stored_bytes(harness);
  harness.reopen();
  const Bytes changed = edited(body, 2, 6, 1000);
  ASSERT_TRUE(harness.put("second", changed).has_value());
  EXPECT_LT(stored_bytes(harness) - before, 2 * MiB);
  EXPECT_TRUE(harness.get("second") == changed);
  EXPECT_TRUE(harness.get("second", ByteRange{3 * MiB + 17, 9 * MiB}) ==
              Bytes(changed.begin() + 3 * MiB + 17, changed.begin() + 12 * MiB + 17));
  EXPECT_TRUE(harness.get("first") == body);
}

TEST_P(SegmentSharing, InsertedBytesAtTheFrontStoreLittle) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(3, 20 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  const uint64_t before = stored_bytes(harness);
  Bytes longer = random_bytes(4, 100);
  longer.insert(longer.end(), body.begin(), body.end());
  ASSERT_TRUE(harness.put("second", longer).has_value());
  EXPECT_LT(stored_bytes(harness) - before, 600 * KiB);
  EXPECT_TRUE(harness.get("second") == longer);
}

TEST_P(SegmentSharing, WhatIsSharedOutlivesItsFirstOwner) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(5, 12 * MiB);
  const Bytes changed = edited(body, 6, 4, 70000);
  ASSERT_TRUE(harness.put("first", body).has_value());
  ASSERT_TRUE(harness.put("second", changed).has_value());
  ASSERT_TRUE(harness.remove("first").has_value());
  harness.collect();
  EXPECT_TRUE(harness.get("second") == changed);
  const auto report = harness.run(harness.objects->scrub());
  ASSERT_TRUE(report.has_value() && report->damaged.empty());
  ASSERT_TRUE(harness.remove("second").has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0U);
}

TEST_P(SegmentSharing, ABodySharesWithItself) {
  Harness harness(GetParam());
  const Bytes once = random_bytes(7, 9 * MiB);
  Bytes twice = once;
  const Bytes between = random_bytes(8, 100000);
  twice.insert(twice.end(), between.begin(), between.end());
  twice.insert(twice.end(), once.begin(), once.end());
  ASSERT_TRUE(harness.put("twice", twice).has_value());
  EXPECT_LT(stored_bytes(harness), once.size() + 1 * MiB);
  EXPECT_TRUE(harness.get("twice") == twice);
}

TEST_P(SegmentSharing, PartsAndAppendsShareToo) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(9, 12 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  const uint64_t before = stored_bytes(harness);
  const Bytes changed = edited(body, 10, 3, 1000);
  const auto upload = harness.run(harness.objects->create_upload(harness.bucket, "parts", {}));
  ASSERT_TRUE(upload.has_value());
  const auto part = harness.put_part(*upload, 1, changed);
  ASSERT_TRUE(part.has_value());
  CompleteOptions options;
  options.parts.push_back({1, part->etag, std::nullopt});
  ASSERT_TRUE(harness
                  .run(harness.objects->complete_upload(harness.bucket, "parts", upload->upload_id,
                                                        options))
                  .has_value());
  auto writer = harness.run(harness.objects->append(harness.bucket, "appended", 0, {}));
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE(harness.run(write_all(std::move(*writer), changed, 1)).has_value());
  EXPECT_LT(stored_bytes(harness) - before, 1 * MiB);
  EXPECT_TRUE(harness.get("parts") == changed);
  EXPECT_TRUE(harness.get("appended") == changed);
}

TEST_P(SegmentSharing, ManySmallEditsLeaveLongRuns) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(11, 24 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  const Bytes changed = edited(body, 12, 160, 100);
  ASSERT_TRUE(harness.put("second", changed).has_value());
  EXPECT_TRUE(harness.get("second") == changed);
  const Manifest manifest = manifest_of(harness, "second");
  EXPECT_GT(manifest.size_bytes() / manifest.extents.size(), kRunBytesMean / 2);
}

TEST_P(SegmentSharing, NewSegmentsAreGatheredIntoLargeChunks) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(13, 48 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  const uint64_t chunks_before = harness.stored_chunks();
  const Bytes changed = edited(body, 14, 24, 200000);
  ASSERT_TRUE(harness.put("second", changed).has_value());
  EXPECT_TRUE(harness.get("second") == changed);
  EXPECT_LE(harness.stored_chunks() - chunks_before, 4U);
}

io::Task<void> put_into(Objects& objects, BucketInfo bucket, std::string key, Bytes body,
                        size_t& done_count) {
  const Result<ObjectInfo> done =
      co_await put_object(objects, std::move(bucket), std::move(key), std::move(body), {}, 1);
  EXPECT_TRUE(done.has_value()) << done.error().message;
  ++done_count;
}

io::Task<size_t> put_all_at_once(Objects& objects, BucketInfo bucket, std::vector<Bytes> bodies) {
  size_t done_count = 0;
  io::Scope scope;
  for (size_t i = 0; i < bodies.size(); ++i) {
    scope.spawn(put_into(objects, bucket, "w" + std::to_string(i), bodies[i], done_count));
  }
  co_await scope.join();
  co_return done_count;
}

// Each would like four buffers of 8 MiB, and the pool has 32.
TEST_P(SegmentSharing, WritersThatGatherDoNotStarveEachOther) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(16, 14 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  std::vector<Bytes> bodies;
  for (uint64_t i = 0; i < 40; ++i) bodies.push_back(edited(body, 20 + i, 5, 90000));
  EXPECT_EQ(harness.run(put_all_at_once(*harness.objects, harness.bucket, bodies)), bodies.size());
  for (size_t i = 0; i < bodies.size(); i += 13) {
    EXPECT_TRUE(harness.get("w" + std::to_string(i)) == bodies[i]);
  }
}

TEST_P(SegmentSharing, BodiesUnderACustomersKeyShareNothing) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(15, 8 * MiB);
  ASSERT_TRUE(harness.put("plain", body).has_value());
  uint64_t before = stored_bytes(harness);
  for (const uint64_t seed : {100, 101}) {
    PutOptions options;
    auto key = std::make_shared<crypto::SseKey>();
    key->secret = crypto::SecretKey(random_bytes(seed, 32));
    options.sse.kind = crypto::SseKind::kCustomer;
    options.sse.customer_key = std::move(key);
    ASSERT_TRUE(harness.put("sealed" + std::to_string(seed), body, options).has_value());
    EXPECT_GT(stored_bytes(harness), before + body.size());
    before = stored_bytes(harness);
  }
}

// Runs of `sizes` segments, known where not 0 bytes apart from the one before.
TEST(SegmentRuns, ShortKnownRunsAreGivenUpFirst) {
  constexpr uint32_t kSegment = 16 * KiB;
  std::vector<SegmentName> names(128);
  for (SegmentName& name : names) name.size_bytes = kSegment;
  std::vector<std::optional<KnownSegment>> known(names.size());
  // Every second one is known by itself, but the last 32 lie behind each other.
  for (uint32_t i = 0; i < names.size(); ++i) {
    if (i < 96 && i % 2 == 0) continue;
    const uint32_t offset = i < 96 ? 3 * i * kSegment : (1000 + i) * kSegment;
    known[i] = KnownSegment{SegmentPlace{ChunkId{}, 8 * MiB, offset, kSegment}, std::nullopt};
  }
  choose_shared(names, known);
  const auto runs = runs_of(names, known);
  EXPECT_LE(runs.size(), 128 * kSegment / kRunBytesMean + 1);
  for (size_t i = 96; i < 128; ++i) EXPECT_TRUE(known[i].has_value());
}

TEST(SegmentRuns, AStretchOfWhichLittleIsKnownIsWrittenWhole) {
  std::vector<SegmentName> names(40);
  for (SegmentName& name : names) name.size_bytes = 64 * KiB;
  std::vector<std::optional<KnownSegment>> known(names.size());
  const auto place = [](uint32_t offset) {
    return KnownSegment{SegmentPlace{ChunkId{}, 8 * MiB, offset, 64 * KiB}, std::nullopt};
  };
  known[7] = place(0);
  known[8] = place(64 * KiB);
  choose_shared(names, known);
  EXPECT_FALSE(known[7].has_value());
  for (uint32_t i = 7; i < 10; ++i) known[i] = place(i * 64 * KiB);
  choose_shared(names, known);
  EXPECT_TRUE(known[7].has_value());
}

}  // namespace
}  // namespace cairn::object
