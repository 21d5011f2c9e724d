// Properties: whatever an object's history, the index finds its body and the bodies of its parts as
// long as some version holds them and not a moment longer, and no row outlives its body; an object
// that is made of a known body is the one that its bytes would have made. Method: both backends;
// every operation that makes, moves or takes a body; at the end of every test all is removed and
// collected, and the rows of the index are counted.
#include "object/body_index.h"

#include <gmock/gmock.h>

#include "base/encoding.h"
#include "object/keys.h"
#include "object/known_bodies.h"
#include "object/limits.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

constexpr TenantId kOther{7};

class BodyIndex : public testing::TestWithParam<Backends> {
 protected:
  BodyIndex() : harness(GetParam()) {}

  void TearDown() override {
    const auto report = harness.run(harness.objects->scrub());
    ASSERT_TRUE(report.has_value());
    EXPECT_TRUE(report->damaged.empty());
    remove_all();
    harness.collect();
    harness.collect();
    EXPECT_EQ(rows("w/").size(), 0U);
    EXPECT_EQ(rows("h/").size(), 0U);
    EXPECT_EQ(harness.stored_chunks(), 0U);
  }

  std::vector<catalog::Entry> rows(const std::string& prefix) {
    catalog::ScanRequest request;
    request.begin = prefix;
    request.end = catalog::prefix_end(prefix);
    auto page = harness.run(harness.catalog->scan(request));
    EXPECT_TRUE(page.has_value() && !page->more);
    return std::move(page->entries);
  }

  void remove_all() {
    auto page = harness.run(harness.objects->list_versions(harness.bucket, {}));
    ASSERT_TRUE(page.has_value() && !page->truncated);
    for (const ObjectInfo& version : page->versions) {
      RemoveRequest request;
      request.key = version.key;
      request.version_id = version.version_id;
      ASSERT_TRUE(harness.run(harness.objects->remove_one(harness.bucket, request)).has_value());
    }
  }

  void set_mode(Versioning mode) {
    const auto changed = harness.run(harness.objects->change_bucket(
        crypto::kRootTenant, harness.bucket.name, [mode](BucketConfig& config) {
          config.versioning = mode;
          return Status();
        }));
    ASSERT_TRUE(changed.has_value());
    harness.bucket = *changed;
  }

  // Everything that the index knows of that body, asked for a write of `key`.
  std::vector<KnownBody> known(const Bytes& bytes, const std::string& key = "new") {
    KnownBodies& bodies = *harness.objects->known_bodies();
    const Sha256Value sha256 = crypto::sha256(bytes);
    auto hints = harness.run(bodies.find(harness.bucket.tenant, sha256));
    const auto current = harness.run(bodies.current(harness.bucket, key, sha256));
    EXPECT_TRUE(hints.has_value() && current.has_value());
    if (*current) {
      std::erase_if(*hints, [&](const BodyHint& hint) { return hint.owner == (*current)->owner; });
      hints->insert(hints->begin(), **current);
    }
    std::vector<KnownBody> out;
    for (BodyHint& hint : *hints) {
      auto body = harness.run(bodies.open(harness.bucket, std::move(hint), sha256, bytes.size()));
      EXPECT_TRUE(body.has_value());
      if (body && *body) out.push_back(std::move(**body));
    }
    return out;
  }
  // Names of the holders.
  std::vector<std::string> holders(const Bytes& bytes, const std::string& key = "new") {
    std::vector<std::string> out;
    for (const KnownBody& body : known(bytes, key)) out.push_back(body.holder.key);
    std::ranges::sort(out);
    return out;
  }

  // nullopt when the store wants the bytes.
  Result<std::optional<ObjectInfo>> put_known(const std::string& key, KnownBody body,
                                              PutOptions options = {}, ExpectedBody expected = {}) {
    auto writer = harness.run(harness.objects->put(harness.bucket, key, std::move(options)));
    if (!writer) return std::unexpected(writer.error());
    auto result = harness.run((*writer)->finish_known(std::move(body), std::move(expected)));
    if (result && !*result) harness.run(abort(**writer));
    return result;
  }
  static io::Task<bool> abort(ObjectWriter& writer) {
    co_await writer.abort();
    co_return true;
  }

  UploadInfo upload(const std::string& key) {
    UploadOptions options;
    options.checksum = DigestKind::kCrc32;
    options.checksum_type = ChecksumType::kFullObject;
    auto made = harness.run(harness.objects->create_upload(harness.bucket, key, options));
    EXPECT_TRUE(made.has_value());
    return *made;
  }
  void complete(const UploadInfo& upload, const std::vector<PartInfo>& parts) {
    CompleteOptions options;
    for (const PartInfo& each : parts) options.parts.push_back({each.number, each.etag, {}});
    const auto done = harness.run(
        harness.objects->complete_upload(harness.bucket, upload.key, upload.upload_id, options));
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  void put_parts(const std::string& key, const std::vector<Bytes>& bodies) {
    const UploadInfo made = upload(key);
    std::vector<PartInfo> parts;
    for (const Bytes& body : bodies) {
      parts.push_back(*harness.put_part(made, static_cast<uint32_t>(parts.size() + 1), body));
    }
    complete(made, parts);
  }

  Harness harness;
  const Bytes small = random_bytes(1, 4096);
  const Bytes large = random_bytes(2, 9 * MiB);
  const Bytes part = random_bytes(3, 5 * MiB);
  const Bytes last = random_bytes(4, 100);
};

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_P(BodyIndex, FindsWhatIsThereAndNothingElse) {
  ASSERT_TRUE(harness.put("small", small));
  ASSERT_TRUE(harness.put("large", large));
  ASSERT_TRUE(harness.put("empty", Bytes()));
  EXPECT_THAT(holders(small), ElementsAre("small"));
  EXPECT_THAT(holders(large), ElementsAre("large"));
  EXPECT_THAT(holders(part), IsEmpty());
  EXPECT_THAT(rows("w/"), SizeIs(2));
  EXPECT_THAT(rows("h/"), SizeIs(1));  // Small bodies have no edges.
  // Of another length: no digest of ours can say so, a request can.
  KnownBodies& bodies = *harness.objects->known_bodies();
  const auto hints = harness.run(bodies.find(crypto::kRootTenant, crypto::sha256(large)));
  ASSERT_THAT(*hints, SizeIs(1));
  const auto other = harness.run(
      bodies.open(harness.bucket, hints->front(), crypto::sha256(large), large.size() + 1));
  EXPECT_FALSE(other->has_value());
}

TEST_P(BodyIndex, AnObjectOfAKnownBodyIsThatOfItsBytes) {
  for (const Bytes* bytes : {&small, &large}) {
    const auto source = harness.put("source", *bytes);
    ASSERT_TRUE(source);
    const uint64_t chunks = harness.stored_chunks();
    PutOptions options;
    options.metadata.content_type = "a/b";
    options.size_bytes = bytes->size();
    ExpectedBody expected;
    expected.size_bytes = bytes->size();
    expected.sha256 = DigestValue(crypto::sha256(*bytes));
    expected.md5 = crypto::digest_of(DigestKind::kMd5, *bytes);
    const auto made = put_known("target", known(*bytes).front(), options, expected);
    ASSERT_TRUE(made && *made) << made.error().message;
    EXPECT_EQ((*made)->etag, source->etag);
    EXPECT_EQ((*made)->checksum->value, source->checksum->value);
    EXPECT_EQ((*made)->metadata.content_type, "a/b");
    EXPECT_EQ((*made)->size_bytes, bytes->size());
    EXPECT_EQ(harness.stored_chunks(), chunks);
    EXPECT_THAT(holders(*bytes), ElementsAre("source", "target"));
    ASSERT_TRUE(harness.remove("source"));
    harness.collect();
    harness.collect();
    EXPECT_EQ(*harness.get("target"), *bytes);
    EXPECT_THAT(holders(*bytes), ElementsAre("target"));
    harness.reopen();
    EXPECT_EQ(*harness.get("target"), *bytes);
    ASSERT_TRUE(harness.remove("target"));
  }
}

TEST_P(BodyIndex, WantsTheBytesWhenADigestDiffersOrIsNotKnown) {
  for (const Bytes* bytes : {&small, &large}) {
    ASSERT_TRUE(harness.put("source", *bytes));
    ExpectedBody expected;
    expected.md5 = crypto::digest_of(DigestKind::kMd5, last);
    auto made = put_known("target", known(*bytes).front(), {}, expected);
    ASSERT_TRUE(made.has_value());
    EXPECT_FALSE(made->has_value()) << "another MD5";
    expected = {};
    expected.checksums.emplace_back(DigestKind::kCrc64Nvme,
                                    crypto::digest_of(DigestKind::kCrc64Nvme, last));
    made = put_known("target", known(*bytes).front(), {}, expected);
    EXPECT_FALSE(made->has_value()) << "another CRC";
    // A kind that is not stored: at hand for small bodies only.
    PutOptions options;
    options.digests = {DigestKind::kCrc32c};
    made = put_known("target", known(*bytes).front(), options);
    EXPECT_EQ(made->has_value(), bytes == &small);
    if (*made) {
      EXPECT_EQ((*made)->checksum->value, crypto::digest_of(DigestKind::kCrc32c, small));
    }
    // What was refused takes bytes as ever.
    auto writer = harness.run(harness.objects->put(harness.bucket, "target", options));
    expected.checksums.clear();
    expected.md5 = crypto::digest_of(DigestKind::kMd5, last);
    const auto refused = harness.run((*writer)->finish_known(known(*bytes).front(), expected));
    ASSERT_TRUE(refused && !*refused);
    ASSERT_TRUE(harness.run(write_all(std::move(*writer), last, 1)));
    EXPECT_EQ(*harness.get("target"), last);
  }
}

TEST_P(BodyIndex, AHolderThatIsGoneGivesNothing) {
  ASSERT_TRUE(harness.put("small", small));
  ASSERT_TRUE(harness.put("large", large));
  const KnownBody stale_small = known(small).front();
  const KnownBody stale_large = known(large).front();
  ASSERT_TRUE(harness.remove("large"));
  ASSERT_TRUE(harness.put("small", last));
  EXPECT_THAT(holders(small), IsEmpty());
  EXPECT_THAT(holders(large), IsEmpty());
  EXPECT_FALSE(put_known("new", stale_small)->has_value());
  EXPECT_FALSE(put_known("new", stale_large)->has_value());
  harness.collect();
  harness.collect();
  EXPECT_FALSE(put_known("new", stale_large)->has_value());
  EXPECT_EQ(harness.head("new").error().code, Code::kNotFound);
}

TEST_P(BodyIndex, RowsFollowARename) {
  ASSERT_TRUE(harness.put("small", small));
  ASSERT_TRUE(harness.put("large", large));
  put_parts("parts", {part, last});
  for (const std::string name : {"small", "large", "parts"}) {
    const auto moved = harness.run(harness.objects->rename(harness.bucket, name, "to/" + name, {}));
    ASSERT_TRUE(moved) << moved.error().message;
  }
  EXPECT_THAT(holders(small), ElementsAre("to/small"));
  EXPECT_THAT(holders(large), ElementsAre("to/large"));
  EXPECT_THAT(holders(part), ElementsAre("to/parts"));
  EXPECT_THAT(holders(last), ElementsAre("to/parts"));
  // Over another object: that one's rows go.
  ASSERT_TRUE(harness.run(harness.objects->rename(harness.bucket, "to/small", "to/large", {})));
  EXPECT_THAT(holders(small), ElementsAre("to/large"));
  EXPECT_THAT(holders(large), IsEmpty());
}

TEST_P(BodyIndex, ACopyHoldsTheBodyItself) {
  for (const Bytes* bytes : {&small, &large}) {
    const auto source = harness.put("source", *bytes);
    ASSERT_TRUE(harness.run(harness.objects->copy(harness.bucket, *harness.head("source"),
                                                  harness.bucket, "copy", {})));
    EXPECT_THAT(holders(*bytes), ElementsAre("copy", "source"));
    ASSERT_TRUE(harness.remove("source"));
    harness.collect();
    EXPECT_THAT(holders(*bytes), ElementsAre("copy"));
    ASSERT_TRUE(harness.remove("copy"));
  }
}

TEST_P(BodyIndex, PartsAreKnownFromCompleteOn) {
  const UploadInfo made = upload("parts");
  const PartInfo first = *harness.put_part(made, 1, part);
  const PartInfo second = *harness.put_part(made, 2, last);
  EXPECT_THAT(holders(part), IsEmpty());  // Nobody may read it yet.
  EXPECT_THAT(rows("h/"), IsEmpty());
  complete(made, {first, second});
  EXPECT_THAT(holders(part), ElementsAre("parts"));
  EXPECT_THAT(holders(last), ElementsAre("parts"));
  EXPECT_THAT(rows("h/"), SizeIs(2));

  // As a whole object, and whole objects as parts.
  PutOptions options;
  options.digests = {DigestKind::kCrc32};
  const auto whole = put_known("whole", known(part).front(), options);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->etag, to_hex(crypto::digest_of(DigestKind::kMd5, part).view()));
  EXPECT_EQ((*whole)->checksum->value, crypto::digest_of(DigestKind::kCrc32, part));
  EXPECT_EQ(*harness.get("whole"), part);
  ASSERT_TRUE(harness.put("small", small, options));

  const UploadInfo again = upload("again");
  std::vector<PartInfo> parts;
  for (const Bytes* bytes : {&part, &small}) {
    const auto number = static_cast<uint32_t>(parts.size() + 1);
    auto writer = harness.run(harness.objects->put_part(harness.bucket, again, number, {}));
    ASSERT_TRUE(writer);
    const auto done = harness.run((*writer)->finish_known(known(*bytes).back(), {}));
    ASSERT_TRUE(done && *done) << done.error().message;
    PartInfo& entry = parts.emplace_back();
    entry.number = number;
    entry.etag = (*done)->etag;
  }
  complete(again, parts);
  Bytes both = part;
  both.insert(both.end(), small.begin(), small.end());
  EXPECT_EQ(*harness.get("again"), both);
  EXPECT_EQ(harness.head("again")->checksum->value, crypto::digest_of(DigestKind::kCrc32, both));
  EXPECT_THAT(holders(part), ElementsAre("again", "parts", "whole"));
  ASSERT_TRUE(harness.remove("parts"));
  ASSERT_TRUE(harness.remove("whole"));
  harness.collect();
  harness.collect();
  EXPECT_EQ(*harness.get("again"), both);
}

TEST_P(BodyIndex, AnUploadThatIsAbortedLeavesNothing) {
  const UploadInfo made = upload("parts");
  ASSERT_TRUE(harness.put_part(made, 1, part));
  ASSERT_TRUE(harness.run(harness.objects->abort_upload(harness.bucket, "parts", made.upload_id)));
  EXPECT_THAT(holders(part), IsEmpty());
}

TEST_P(BodyIndex, AppendsKeepWhatIsThereAndAddTheirPiece) {
  for (const Versioning mode :
       {Versioning::kUnversioned, Versioning::kEnabled, Versioning::kSuspended}) {
    if (mode != Versioning::kUnversioned) set_mode(mode);
    const std::string key = "k" + std::to_string(static_cast<int>(mode));
    ASSERT_TRUE(harness.put(key, part));
    uint64_t offset = part.size();
    for (const Bytes* piece : {&last, &large}) {
      auto writer = harness.run(harness.objects->append(harness.bucket, key, offset, {}));
      ASSERT_TRUE(writer);
      ASSERT_TRUE(harness.run(write_all(std::move(*writer), *piece, offset)));
      offset += piece->size();
    }
    for (const Bytes* bytes : {&part, &last, &large}) {
      const std::vector<KnownBody> found = known(*bytes);
      EXPECT_TRUE(std::ranges::any_of(
          found,
          [&](const KnownBody& body) { return body.holder.key == key && body.holder.is_current; }))
          << key << " " << bytes->size();
    }
    // A piece that is known is not sent either.
    auto writer = harness.run(harness.objects->append(harness.bucket, key, offset, {}));
    const auto done = harness.run((*writer)->finish_known(known(large).front(), {}));
    ASSERT_TRUE(done && *done);
    const Bytes stored = *harness.get(key);
    EXPECT_EQ(stored.size(), offset + large.size());
    EXPECT_TRUE(std::equal(large.rbegin(), large.rend(), stored.rbegin()));
  }
}

TEST_P(BodyIndex, VersionsAreHoldersAsLongAsTheyAreThere) {
  ASSERT_TRUE(harness.put("null", small));  // Written before there were versions.
  set_mode(Versioning::kEnabled);
  ASSERT_TRUE(harness.put("null", last));
  ASSERT_TRUE(harness.put("k", large));
  const std::string version = harness.head("k")->version_id;
  EXPECT_TRUE(known(large).front().holder.is_current);
  ASSERT_TRUE(harness.remove("k"));  // A delete marker.
  ASSERT_THAT(known(large), SizeIs(1));
  const BodyHolder held = known(large).front().holder;
  EXPECT_FALSE(held.is_current);
  EXPECT_EQ(held.version_id, version);
  ASSERT_THAT(known(small), SizeIs(1));
  EXPECT_EQ(known(small).front().holder.version_id, kNullVersionId);
  EXPECT_FALSE(known(small).front().holder.is_current);
  const auto made = put_known("new", known(large).front());
  ASSERT_TRUE(made && *made);
  RemoveRequest request;
  request.key = "k";
  request.version_id = version;
  ASSERT_TRUE(harness.run(harness.objects->remove_one(harness.bucket, request)));
  EXPECT_THAT(holders(large), ElementsAre("new"));
}

TEST_P(BodyIndex, OwnersOfEdgesAreFound) {
  ASSERT_TRUE(harness.put("large", large));
  put_parts("parts", {part, last});
  KnownBodies& bodies = *harness.objects->known_bodies();
  std::vector<std::string> found;
  for (const catalog::Entry& edge : rows("r/")) {
    OwnerId owner;
    std::copy_n(edge.key.end() - 16, 16, owner.bytes.begin());
    const auto holder = harness.run(bodies.holder(crypto::kRootTenant, owner));
    ASSERT_TRUE(holder && *holder);
    found.push_back((*holder)->key);
    EXPECT_FALSE(harness.run(bodies.holder(kOther, owner))->has_value());
  }
  EXPECT_THAT(found, testing::IsSupersetOf({"large", "parts"}));
  EXPECT_FALSE(harness.run(bodies.holder(crypto::kRootTenant, OwnerId{}))->has_value());
}

TEST_P(BodyIndex, TenantsHaveAnIndexEach) {
  ASSERT_TRUE(harness.put("large", large));
  const auto other = harness.run(harness.objects->create_bucket(kOther, "other", {}));
  ASSERT_TRUE(other);
  KnownBodies& bodies = *harness.objects->known_bodies();
  EXPECT_THAT(*harness.run(bodies.find(kOther, crypto::sha256(large))), IsEmpty());
  // Not even by a hint that somebody made up.
  const KnownBody body = known(large).front();
  const BodyHint hint{body.holder.object->head.owner, {harness.bucket.id, 0, "large"}};
  const auto opened = harness.run(bodies.open(*other, hint, crypto::sha256(large), large.size()));
  EXPECT_FALSE(opened->has_value());
  auto writer = harness.run(harness.objects->put(*other, "k", {}));
  const auto made = harness.run((*writer)->finish_known(body, {}));
  EXPECT_TRUE(made && !*made);
  harness.run(abort(**writer));
}

TEST_P(BodyIndex, SealedApartIsNotListedAndTakesNoChunks) {
  ASSERT_TRUE(harness.put("large", large));
  PutOptions options;
  options.sse.kind = crypto::SseKind::kCustomer;
  auto key = std::make_shared<crypto::SseKey>();
  key->secret = crypto::SecretKey(random_bytes(9, 32));
  options.sse.customer_key = key;
  const auto made = put_known("sealed", known(large).front(), options);
  EXPECT_TRUE(made && !*made);
  ASSERT_TRUE(harness.put("sealed", large, options));
  EXPECT_THAT(holders(large), ElementsAre("large"));
  EXPECT_THAT(rows("w/"), SizeIs(1));
  EXPECT_THAT(rows("h/"), SizeIs(1));
}

TEST_P(BodyIndex, LooksAtABoundedNumberOfHolders) {
  for (size_t i = 0; i < kBodyHintsMax + 5; ++i) {
    ASSERT_TRUE(harness.put("k" + std::to_string(i), small));
  }
  EXPECT_LE(known(small).size(), kBodyHintsMax);
  EXPECT_GE(known(small).size(), kBodyHintsMax - 1);
  // The object that is written anew is always among them.
  EXPECT_EQ(known(small, "k3").front().holder.key, "k3");
}

INSTANTIATE_TEST_SUITE_P(Stores, BodyIndex, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

TEST(BodyPlaceTest, ComesBackAndNothingElseParses) {
  const BodyPlace place{7, uint64_t(1) << 40, "a/b"};
  const std::string value = encode_place(place);
  const auto back = parse_place(value);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->bucket_id, 7U);
  EXPECT_EQ(back->order, uint64_t(1) << 40);
  EXPECT_EQ(back->key, "a/b");
  EXPECT_FALSE(parse_place("").has_value());
  EXPECT_FALSE(parse_place(value.substr(0, 16)).has_value());
  EXPECT_FALSE(parse_place(value + std::string(1, '\0')).has_value());
  EXPECT_TRUE(parse_place(value.substr(0, 16) + std::string(kKeyBytesMax, 'k')).has_value());
  EXPECT_FALSE(parse_place(value.substr(0, 16) + std::string(kKeyBytesMax + 1, 'k')).has_value());
}

}  // namespace
}  // namespace cairn::object
