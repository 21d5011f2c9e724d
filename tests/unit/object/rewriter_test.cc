// Properties: dead space inside chunks comes back, and nothing that can be seen of any version
// changes by it: bytes, ETag, version id, dates, order, tags, lock, parts; a reader that is open
// reads on; whoever changes or removes the version at the same moment wins; what is not any
// version's yet stays as it is. Method: bodies that share segments, the first owner removed; rivals
// are run between the copies and the commit by a store, and inside the commit by a catalog, that
// call back.
#include "object/rewriter.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "base/encoding.h"
#include "object/chunk_use.h"
#include "object/keys.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

std::vector<catalog::Entry> rows(Harness& harness, const std::string& prefix) {
  catalog::ScanRequest request;
  request.begin = prefix;
  request.end = catalog::prefix_end(prefix);
  request.limit_entries = 100000;
  request.limit_bytes = 1 << 28;
  const auto page = harness.run(harness.catalog->scan(request));
  EXPECT_TRUE(page.has_value() && !page->more);
  return page->entries;
}

uint64_t stored_bytes(Harness& harness) {
  const auto usage = harness.run(harness.store->usage());
  EXPECT_TRUE(usage.has_value());
  return usage->live_bytes;
}

// The first quarter of `body` and as much that is new.
Bytes quarter_of(const Bytes& body, uint64_t seed) {
  Bytes out(body.begin(), body.begin() + static_cast<ptrdiff_t>(body.size() / 4));
  const Bytes fresh = random_bytes(seed, body.size() / 4);
  out.insert(out.end(), fresh.begin(), fresh.end());
  return out;
}

// All that a client can see of the versions.
std::string seen(Harness& harness) {
  std::string text;
  const auto page = harness.run(harness.objects->list_versions(harness.bucket, {}));
  EXPECT_TRUE(page.has_value());
  for (const ObjectInfo& info : page->versions) {
    const auto reader =
        harness.run(harness.objects->open(harness.bucket, info.key, info.version_id));
    if (!reader) {
      text += info.key + " marker\n";
      continue;
    }
    const ObjectInfo& open = (*reader)->info();
    const auto bytes = harness.run(read_range(**reader, {0, open.size_bytes}));
    if (!bytes) return "unreadable: " + bytes.error().message;
    text += info.key + " " + info.version_id + " " + open.etag + " " +
            std::to_string(open.modified.unix_ms) + " " + std::to_string(open.parts_count) + " " +
            to_hex(crypto::sha256(*bytes));
    if (open.checksum) text += " " + to_hex(open.checksum->value.view());
    for (const auto& [name, value] : open.metadata.tags) text += " " + name + "=" + value;
    if (open.lock.legal_hold) text += " held";
    const auto parts = harness.run((*reader)->parts(0, 10000));
    for (const PartInfo& part : *parts) text += " part " + part.etag;
    text += "\n";
  }
  return text;
}

void expect_sound(Harness& harness) {
  const auto report = harness.run(harness.objects->scrub());
  ASSERT_TRUE(report.has_value());
  EXPECT_TRUE(report->damaged.empty());
}

void expect_nothing_left(Harness& harness) {
  const auto page = harness.run(harness.objects->list_versions(harness.bucket, {}));
  for (const ObjectInfo& info : page->versions) {
    RemoveRequest request;
    request.key = info.key;
    request.version_id = info.version_id;
    request.bypass_governance = true;
    ASSERT_TRUE(harness.run(harness.objects->remove(harness.bucket, {request})).has_value());
  }
  harness.collect();
  harness.reopen();
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0U);
  for (const char* prefix : {"r/", "h/", "w/", "i/", "g/", "m/", "f/"}) {
    EXPECT_TRUE(rows(harness, prefix).empty()) << prefix;
  }
}

class RewriterTest : public testing::TestWithParam<Backends> {};
INSTANTIATE_TEST_SUITE_P(All, RewriterTest, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

TEST_P(RewriterTest, DeadSpaceComesBackAndNothingElseChanges) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(1, 16 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  PutOptions options;
  options.metadata.tags = {{"k", "v"}};
  ASSERT_TRUE(harness.put("second", quarter_of(body, 2), options).has_value());
  ASSERT_TRUE(harness.remove("first").has_value());
  const std::string before = seen(harness);
  harness.collect();
  EXPECT_LT(stored_bytes(harness), 8 * MiB * 105 / 100);
  EXPECT_EQ(seen(harness), before);
  expect_sound(harness);
  // The copies are found by what comes next.
  harness.reopen();
  const uint64_t stored = stored_bytes(harness);
  ASSERT_TRUE(harness.put("third", quarter_of(body, 2)).has_value());
  EXPECT_LT(stored_bytes(harness) - stored, 512 * KiB);
  expect_nothing_left(harness);
}

TEST_P(RewriterTest, ItGoesOnAfterAStart) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(3, 8 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  ASSERT_TRUE(harness.put("second", quarter_of(body, 4)).has_value());
  ASSERT_TRUE(harness.remove("first").has_value());
  // The edges go in one pass, the survey has not begun when the process ends.
  for (int pass = 0; pass < 3 && rows(harness, "m/").empty(); ++pass) {
    ASSERT_TRUE(harness.run(harness.objects->collect_garbage()).has_value());
  }
  ASSERT_FALSE(rows(harness, "m/").empty());
  harness.reopen();
  harness.collect();
  EXPECT_LT(stored_bytes(harness), 4 * MiB * 105 / 100);
  expect_nothing_left(harness);
}

TEST_P(RewriterTest, OlderVersionsPartsCopiesAndLocksStayWhatTheyAre) {
  Harness harness(GetParam());
  const auto changed = harness.run(
      harness.objects->change_bucket(crypto::kRootTenant, "bucket", [](BucketConfig& config) {
        config.versioning = Versioning::kEnabled;
        config.object_lock = true;
        return Status();
      }));
  ASSERT_TRUE(changed.has_value());
  harness.bucket = *changed;
  const Bytes body = random_bytes(5, 12 * MiB);
  const auto first = harness.put("first", body);
  ASSERT_TRUE(first.has_value());
  PutOptions held;
  held.lock.legal_hold = true;
  ASSERT_TRUE(harness.put("held", quarter_of(body, 6), held).has_value());
  ASSERT_TRUE(harness.put("old", quarter_of(body, 7)).has_value());
  ASSERT_TRUE(harness.put("old", random_bytes(8, 100)).has_value());
  const auto upload = harness.run(harness.objects->create_upload(harness.bucket, "parts", {}));
  ASSERT_TRUE(upload.has_value());
  CompleteOptions complete;
  for (uint32_t number = 1; number <= 2; ++number) {
    const auto part = harness.put_part(*upload, number, quarter_of(body, 8 + number));
    ASSERT_TRUE(part.has_value());
    complete.parts.push_back({number, part->etag, std::nullopt});
  }
  ASSERT_TRUE(harness
                  .run(harness.objects->complete_upload(harness.bucket, "parts", upload->upload_id,
                                                        complete))
                  .has_value());
  const auto source = harness.head("held");
  ASSERT_TRUE(
      harness.run(harness.objects->copy(harness.bucket, *source, harness.bucket, "copied", {}))
          .has_value());
  RemoveRequest request;
  request.key = "first";
  request.version_id = first->version_id;
  ASSERT_TRUE(harness.run(harness.objects->remove(harness.bucket, {request})).has_value());
  const std::string before = seen(harness);
  const auto events = rows(harness, "q/").size();
  harness.collect();
  EXPECT_LT(stored_bytes(harness), 15 * MiB * 105 / 100);  // A quarter and four of what is new.
  EXPECT_EQ(seen(harness), before);
  EXPECT_EQ(rows(harness, "q/").size(), events);
  expect_sound(harness);
}

TEST_P(RewriterTest, AManifestThatIsStoredAsChunksIsRewritten) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(20, 4 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  Bytes whole = quarter_of(body, 21);
  ASSERT_TRUE(harness.put("long", whole).has_value());
  for (uint64_t i = 0; i < 500; ++i) {
    const Bytes piece = random_bytes(100 + i, 17000);
    auto writer = harness.run(harness.objects->append(harness.bucket, "long", whole.size(), {}));
    ASSERT_TRUE(writer.has_value());
    ASSERT_TRUE(harness.run(write_all(std::move(*writer), piece, i)).has_value());
    whole.insert(whole.end(), piece.begin(), piece.end());
  }
  const auto row = harness.run(harness.catalog->get(keys::body(harness.bucket.id, "long")));
  ASSERT_EQ(parse_body(as_bytes((*row)->value))->kind, Body::Kind::kStoredManifest);
  ASSERT_TRUE(harness.remove("first").has_value());
  const std::string before = seen(harness);
  for (int round = 0; round < 2; ++round) {
    harness.collect();
    EXPECT_EQ(seen(harness), before);
    EXPECT_TRUE(harness.get("long") == whole);
    harness.reopen();
  }
  const auto after = harness.run(harness.catalog->get(keys::body(harness.bucket.id, "long")));
  EXPECT_NE((*row)->value, (*after)->value);
  expect_sound(harness);
  expect_nothing_left(harness);
}

TEST_P(RewriterTest, AReaderThatIsOpenReadsOn) {
  Harness harness(GetParam());
  const Bytes body = random_bytes(10, 16 * MiB);
  const Bytes shared = quarter_of(body, 11);
  ASSERT_TRUE(harness.put("first", body).has_value());
  ASSERT_TRUE(harness.put("second", shared).has_value());
  ASSERT_TRUE(harness.remove("first").has_value());
  for (int pass = 0; pass < 3 && rows(harness, "m/").empty(); ++pass) {
    ASSERT_TRUE(harness.run(harness.objects->collect_garbage()).has_value());
  }
  auto reader = harness.run(harness.objects->open(harness.bucket, "second", ""));
  ASSERT_TRUE(reader.has_value());
  const uint64_t chunks = harness.stored_chunks();
  harness.collect();
  EXPECT_GT(harness.stored_chunks(), chunks);  // Copied, and the old ones are needed yet.
  const auto bytes = harness.run(read_range(**reader, {0, shared.size()}));
  ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
  EXPECT_TRUE(*bytes == shared);
  reader->reset();
  harness.collect();
  EXPECT_LT(stored_bytes(harness), 8 * MiB * 105 / 100);
  EXPECT_TRUE(harness.get("second") == shared);
}

TEST(Rewriter, WhatBelongsToAPendingUploadStaysUntilItIsComplete) {
  Harness harness;
  const Bytes body = random_bytes(12, 8 * MiB);
  ASSERT_TRUE(harness.put("first", body).has_value());
  const auto upload = harness.run(harness.objects->create_upload(harness.bucket, "pending", {}));
  ASSERT_TRUE(upload.has_value());
  ASSERT_TRUE(harness.put_part(*upload, 1, quarter_of(body, 13)).has_value());
  ASSERT_TRUE(harness.remove("first").has_value());
  harness.collect();
  EXPECT_GT(stored_bytes(harness), 4 * MiB * 105 / 100);
  EXPECT_FALSE(rows(harness, "m/").empty());
  CompleteOptions complete;
  const auto parts = harness.run(harness.objects->list_parts(harness.bucket, *upload, 0, 10));
  complete.parts.push_back({1, parts->front().etag, std::nullopt});
  ASSERT_TRUE(harness
                  .run(harness.objects->complete_upload(harness.bucket, "pending",
                                                        upload->upload_id, complete))
                  .has_value());
  // It has a version now, which the survey after the next start finds.
  harness.reopen();
  harness.collect();
  EXPECT_LT(stored_bytes(harness), 4 * MiB * 105 / 100);
  EXPECT_TRUE(harness.get("pending") == quarter_of(body, 13));
}

TEST(Rewriter, AMeasureIsReadAsItWasWritten) {
  const auto parsed = parse_measured(encode_measured({100, 40}));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->chunk_bytes, 100U);
  EXPECT_EQ(parsed->live_bytes, 40U);
  EXPECT_FALSE(parse_measured("").has_value());
  EXPECT_FALSE(parse_measured(encode_measured({100, 101})).has_value());
  EXPECT_FALSE(parse_measured(encode_measured({1, 1}) + "x").has_value());
}

}  // namespace
}  // namespace cairn::object
