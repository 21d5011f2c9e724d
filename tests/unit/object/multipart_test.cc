// Property: Complete makes exactly the listed parts, in order, with S3's ETag and checksum; every
// wrong list is refused with its reason; a repeat answers the same; nothing is left behind.
// Method: real uploads over both backends; digests computed independently.
#include <gmock/gmock.h>

#include "base/encoding.h"
#include "object/commit.h"
#include "object/rows.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

class Multipart : public testing::TestWithParam<Backends> {};

UploadInfo start(Harness& harness, UploadOptions options = {}) {
  auto upload = harness.run(harness.objects->create_upload(harness.bucket, "k", options));
  EXPECT_TRUE(upload.has_value());
  return *upload;
}

Result<ObjectInfo> complete(Harness& harness, const UploadInfo& upload,
                            const std::vector<PartInfo>& parts, CompleteOptions options = {}) {
  for (const PartInfo& part : parts) {
    CompletedPart listed;
    listed.number = part.number;
    listed.etag = part.etag;
    if (part.checksum) listed.checksum.emplace(part.checksum->kind, part.checksum->value);
    options.parts.push_back(listed);
  }
  return harness.run(
      harness.objects->complete_upload(harness.bucket, "k", upload.upload_id, options));
}

void expect_reason(const Result<ObjectInfo>& result, std::string_view why) {
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().message, testing::StartsWith(std::string(why)));
}

TEST_P(Multipart, PartsBecomeOneObjectInOrder) {
  Harness harness(GetParam());
  const UploadInfo upload = start(harness);
  const std::vector<Bytes> bodies = {random_bytes(1, 5 * MiB), random_bytes(2, 5 * MiB + 1),
                                     random_bytes(3, 1234)};
  // Out of order, with a gap, one replaced.
  const auto last = harness.put_part(upload, 9, bodies[2]);
  const auto replaced = harness.put_part(upload, 2, random_bytes(4, 7 * MiB));
  const auto first = harness.put_part(upload, 1, bodies[0]);
  const auto second = harness.put_part(upload, 2, bodies[1]);
  const auto unused = harness.put_part(upload, 5, random_bytes(5, 6 * MiB));
  ASSERT_TRUE(first && second && last && unused && replaced);
  expect_reason(complete(harness, upload, {*first, *replaced, *last}), reason::kInvalidPart);
  const auto done = complete(harness, upload, {*first, *second, *last});
  ASSERT_TRUE(done.has_value()) << done.error().message;

  Bytes whole;
  Bytes md5s;
  for (const Bytes& body : bodies) {
    whole.insert(whole.end(), body.begin(), body.end());
    const DigestValue md5 = crypto::digest_of(DigestKind::kMd5, body);
    md5s.insert(md5s.end(), md5.view().begin(), md5.view().end());
  }
  EXPECT_EQ(done->etag, to_hex(crypto::digest_of(DigestKind::kMd5, md5s).view()) + "-3");
  EXPECT_EQ(done->checksum->value, crypto::digest_of(DigestKind::kCrc64Nvme, whole));
  EXPECT_EQ(done->parts_count, 3);
  EXPECT_TRUE(*harness.get("k") == whole);

  const auto again = complete(harness, upload, {*first, *second, *last});
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->etag, done->etag);

  auto reader = harness.run(harness.objects->open(harness.bucket, "k", ""));
  const auto part = harness.run((*reader)->part(9));
  ASSERT_TRUE(part.has_value() && part->has_value());
  EXPECT_EQ((*part)->first, (ByteRange{10 * MiB + 1, 1234}));
  EXPECT_FALSE(harness.run((*reader)->part(5))->has_value());
  EXPECT_EQ(harness.run((*reader)->parts(1, 10))->size(), 2);
  reader->reset();

  ASSERT_TRUE(harness.remove("k").has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0);
}

TEST_P(Multipart, WrongListsAreRefusedWithTheirReason) {
  Harness harness(GetParam());
  const UploadInfo upload = start(harness);
  const auto small = harness.put_part(upload, 1, random_bytes(1, 100));
  const auto large = harness.put_part(upload, 2, random_bytes(2, 5 * MiB));
  expect_reason(complete(harness, upload, {*small, *large}), reason::kPartTooSmall);
  expect_reason(complete(harness, upload, {*large, *small}), reason::kInvalidPartOrder);
  expect_reason(complete(harness, upload, {}), reason::kInvalidPart);
  PartInfo unknown = *large;
  unknown.number = 3;
  expect_reason(complete(harness, upload, {unknown}), reason::kInvalidPart);
  CompleteOptions wrong_size;
  wrong_size.size_bytes = 1;
  expect_reason(complete(harness, upload, {*large}, wrong_size), reason::kSizeMismatch);
  CompleteOptions wrong_whole;
  wrong_whole.checksum.emplace(DigestKind::kCrc64Nvme, small->checksum->value);
  expect_reason(complete(harness, upload, {*large}, wrong_whole), reason::kChecksumMismatch);
  UploadInfo other = upload;
  other.upload_id = "ffff";
  expect_reason(complete(harness, other, {*large}), reason::kNoSuchUpload);
  EXPECT_FALSE(harness.head("k").has_value());

  ASSERT_TRUE(harness.run(harness.objects->abort_upload(harness.bucket, "k", upload.upload_id)));
  expect_reason(complete(harness, upload, {*large}), reason::kNoSuchUpload);
  EXPECT_FALSE(harness.put_part(upload, 1, as_bytes("late")).has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0);
}

TEST_P(Multipart, ChecksumsAreCompositeCombinedOrReadBack) {
  Harness harness(GetParam());
  const Bytes a = random_bytes(1, 5 * MiB);
  const Bytes b = random_bytes(2, 17);
  Bytes whole = a;
  whole.insert(whole.end(), b.begin(), b.end());
  for (const DigestKind kind : {DigestKind::kCrc32, DigestKind::kCrc32c, DigestKind::kSha256}) {
    for (const ChecksumType type : {ChecksumType::kFullObject, ChecksumType::kComposite}) {
      UploadOptions options;
      options.checksum = kind;
      options.checksum_type = type;
      const UploadInfo upload = start(harness, options);
      const auto first = harness.put_part(upload, 1, a);
      const auto second = harness.put_part(upload, 2, b);
      const auto done = complete(harness, upload, {*first, *second});
      ASSERT_TRUE(done.has_value()) << done.error().message;
      EXPECT_EQ(done->checksum->type, type);
      if (type == ChecksumType::kFullObject) {
        EXPECT_EQ(done->checksum->value, crypto::digest_of(kind, whole));
        continue;
      }
      Bytes parts;
      for (const Bytes& body : {a, b}) {
        const DigestValue value = crypto::digest_of(kind, body);
        parts.insert(parts.end(), value.view().begin(), value.view().end());
      }
      EXPECT_EQ(done->checksum->value, crypto::digest_of(kind, parts));
      EXPECT_EQ(done->checksum->parts_count, 2);
    }
  }
  UploadOptions composite;
  composite.checksum = DigestKind::kSha1;
  const UploadInfo upload = start(harness, composite);
  PartInfo bare = *harness.put_part(upload, 1, b);
  bare.checksum.reset();
  expect_reason(complete(harness, upload, {bare}), reason::kChecksumMissing);
}

TEST_P(Multipart, EmptyAndTinyPartsWork) {
  Harness harness(GetParam());
  const UploadInfo upload = start(harness);
  const auto empty = harness.put_part(upload, 1, {});
  ASSERT_TRUE(empty.has_value()) << empty.error().message;
  ASSERT_TRUE(complete(harness, upload, {*empty}).has_value());
  EXPECT_TRUE(harness.get("k")->empty());
}

TEST_P(Multipart, PartsAreCopiedByRangeWithoutStoringThem) {
  Harness harness(GetParam());
  const Bytes source = random_bytes(1, 6 * MiB);
  ASSERT_TRUE(harness.put("source", source).has_value());
  const uint64_t chunks = harness.stored_chunks();
  const ObjectInfo info = *harness.head("source");
  const UploadInfo upload = start(harness);
  std::vector<PartInfo> parts;
  for (const ByteRange range : {ByteRange{1000, 5 * MiB}, ByteRange{5 * MiB, 77777}}) {
    const auto part =
        harness.run(harness.objects->copy_part(harness.bucket, info, range, harness.bucket, upload,
                                               static_cast<uint32_t>(parts.size() + 1)));
    ASSERT_TRUE(part.has_value()) << part.error().message;
    parts.push_back(*part);
  }
  const auto listed = harness.run(harness.objects->list_parts(harness.bucket, upload, 1, 1000));
  ASSERT_EQ(listed->size(), 1);
  EXPECT_EQ(listed->front().etag, parts[1].etag);
  ASSERT_TRUE(complete(harness, upload, parts).has_value());
  EXPECT_EQ(harness.stored_chunks(), chunks);
  Bytes expected(source.begin() + 1000, source.begin() + 1000 + 5 * MiB);
  expected.insert(expected.end(), source.begin() + 5 * MiB, source.begin() + 5 * MiB + 77777);
  ASSERT_TRUE(harness.remove("source").has_value());
  harness.collect();
  EXPECT_TRUE(*harness.get("k") == expected);
  ASSERT_TRUE(harness.remove("k").has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0);
}

// Commits an object whose manifest has many small extents of one chunk.
io::Task<Result<Bytes>> commit_fragments(Context& context, BucketInfo bucket, Bytes source) {
  const std::shared_ptr<const OpenObject> object =
      co_await io::or_return(load_object(context, bucket.tenant, bucket.id, "source", true));
  const auto keys = co_await io::or_return(context.keys_of(bucket.tenant));
  Manifest manifest;
  manifest.owner = context.new_owner();
  Bytes expected;
  for (uint32_t i = 0; i < 3000; ++i) {
    Extent extent = object->manifest.extents.front();
    extent.offset_bytes = (i * 97) % (extent.chunk_bytes - 30);
    extent.size_bytes = 30;
    manifest.extents.push_back(extent);
    const auto begin = source.begin() + extent.offset_bytes;
    expected.insert(expected.end(), begin, begin + 30);
  }
  NewVersion version;
  version.head.owner = manifest.owner;
  version.head.info.size_bytes = expected.size();
  PreparedBody prepared =
      co_await io::or_return(prepare_manifest(context, keys, std::move(manifest), true));
  EXPECT_EQ(prepared.body.kind, Body::Kind::kStoredManifest);
  version.bucket = bucket;
  version.key = "k";
  version.keys = keys;
  version.body = &prepared;
  const Result<ObjectInfo> done = co_await commit_version(context, std::move(version));
  co_await end_prepared(prepared, done.has_value());
  if (!done) co_return std::unexpected(done.error());
  co_return expected;
}

TEST_P(Multipart, AManifestTooLargeForARowIsStoredAndCollected) {
  Harness harness(GetParam());
  const Bytes source = random_bytes(1, 100000);
  ASSERT_TRUE(harness.put("source", source).has_value());
  Bytes expected;
  {
    Context context(*harness.catalog, *harness.store, *harness.keys, harness.random);
    const auto done = harness.run(commit_fragments(context, harness.bucket, source));
    ASSERT_TRUE(done.has_value()) << done.error().message;
    expected = *done;
  }
  ASSERT_TRUE(harness.remove("source").has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 2);
  harness.reopen();
  EXPECT_EQ(*harness.get("k"), expected);
  EXPECT_TRUE(harness.run(harness.objects->scrub())->damaged.empty());
  ASSERT_TRUE(harness.remove("k").has_value());
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0);
}

TEST_P(Multipart, UploadsAreListedInOrderAndGoWithTheirBucket) {
  Harness harness(GetParam());
  std::vector<std::string> ids;
  for (const char* key : {"b/2", "a", "b/1", "a"}) {
    ids.push_back(harness.run(harness.objects->create_upload(harness.bucket, key, {}))->upload_id);
  }
  UploadListRequest request;
  request.delimiter = "/";
  auto page = harness.run(harness.objects->list_uploads(harness.bucket, request));
  ASSERT_EQ(page->uploads.size(), 2);
  EXPECT_EQ(page->common_prefixes, std::vector<std::string>{"b/"});
  UploadListRequest paged;
  paged.limit = 1;
  std::vector<std::string> seen;
  while (true) {
    page = harness.run(harness.objects->list_uploads(harness.bucket, paged));
    ASSERT_TRUE(page.has_value());
    for (const UploadInfo& upload : page->uploads) seen.push_back(upload.key);
    if (!page->truncated) break;
    paged.key_marker = page->next_key;
    paged.upload_id_marker = page->next_upload_id;
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "a", "b/1", "b/2"}));
  ASSERT_TRUE(harness.run(harness.objects->delete_bucket(crypto::kRootTenant, "bucket")));
  EXPECT_THAT(harness.run(harness.objects->bucket(crypto::kRootTenant, "bucket")).error().message,
              std::string(reason::kNoSuchBucket));
  EXPECT_EQ(harness.put("k", as_bytes("x")).error().message, reason::kNoSuchBucket);
}

INSTANTIATE_TEST_SUITE_P(Backends, Multipart, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

TEST_P(Multipart, ChecksumTypeAndKindOfTheWholeMustBeTheUploads) {
  Harness harness(GetParam());
  UploadOptions begun;
  begun.checksum = DigestKind::kCrc32;
  const UploadInfo upload = start(harness, begun);
  const Bytes body = random_bytes(1, 3000);
  const auto part = harness.put_part(upload, 1, body);
  ASSERT_TRUE(part);
  CompleteOptions options;
  options.checksum_type = ChecksumType::kFullObject;
  expect_reason(complete(harness, upload, {*part}, options), reason::kChecksumTypeDiffers);
  options.checksum_type = ChecksumType::kComposite;
  options.checksum.emplace(DigestKind::kSha256, DigestValue(crypto::sha256(body)));
  expect_reason(complete(harness, upload, {*part}, options), reason::kChecksumKindDiffers);
  options.checksum.emplace(DigestKind::kCrc32, part->checksum->value);
  expect_reason(complete(harness, upload, {*part}, options), reason::kChecksumMismatch);
  options.checksum->second = crypto::digest_of(DigestKind::kCrc32, part->checksum->value.view());
  EXPECT_TRUE(complete(harness, upload, {*part}, options));
}

TEST_P(Multipart, EveryAlgorithmMakesItsCompositeAndItsWhole) {
  Harness harness(GetParam());
  const std::vector<Bytes> bodies = {random_bytes(1, 5 * MiB), random_bytes(2, 1234)};
  Bytes whole = bodies[0];
  whole.insert(whole.end(), bodies[1].begin(), bodies[1].end());
  for (uint8_t number = 0; number <= static_cast<uint8_t>(DigestKind::kXxh3_128); ++number) {
    const auto kind = static_cast<DigestKind>(number);
    for (const ChecksumType type : {ChecksumType::kComposite, ChecksumType::kFullObject}) {
      if (kind == DigestKind::kCrc64Nvme && type == ChecksumType::kComposite) continue;
      UploadOptions begun;
      begun.checksum = kind;
      begun.checksum_type = type;
      const UploadInfo upload = start(harness, begun);
      Bytes values;
      std::vector<PartInfo> parts;
      for (uint32_t i = 0; i < bodies.size(); ++i) {
        const auto part = harness.put_part(upload, i + 1, bodies[i]);
        ASSERT_TRUE(part);
        const DigestValue value = crypto::digest_of(kind, bodies[i]);
        ASSERT_EQ(part->checksum->value, value);
        values.insert(values.end(), value.view().begin(), value.view().end());
        parts.push_back(*part);
      }
      const auto done = complete(harness, upload, parts);
      ASSERT_TRUE(done) << done.error().message;
      EXPECT_EQ(done->checksum->type, type);
      EXPECT_EQ(done->checksum->value,
                crypto::digest_of(kind, type == ChecksumType::kComposite ? values : whole))
          << int{number};
    }
  }
}

TEST_P(Multipart, PartsMayBringAnAlgorithmWhereTheUploadNamedNone) {
  Harness harness(GetParam());
  const UploadInfo upload = start(harness);
  const Bytes body = random_bytes(1, 3000);
  PutOptions options;
  options.digests = {upload.checksum, DigestKind::kCrc32};
  auto writer =
      harness.run(harness.objects->put_part(harness.bucket, upload, 1, std::move(options)));
  ASSERT_TRUE(writer);
  const auto written = harness.run(write_all(std::move(*writer), body, 1));
  ASSERT_TRUE(written);
  EXPECT_EQ(written->checksum->kind, DigestKind::kCrc32);  // As the client asked.
  CompleteOptions complete_options;
  complete_options.parts.push_back(
      {1, written->etag, std::pair{DigestKind::kCrc32, written->checksum->value}});
  const auto done = harness.run(
      harness.objects->complete_upload(harness.bucket, "k", upload.upload_id, complete_options));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->checksum->kind, DigestKind::kCrc64Nvme);
  EXPECT_EQ(done->checksum->value, crypto::digest_of(DigestKind::kCrc64Nvme, body));
}

}  // namespace
}  // namespace cairn::object
