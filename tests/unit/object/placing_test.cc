// Properties: all chunks of a body lie in the placement of its storage class and bucket, however it
// came; what is stored is shared within a placement and never across; only ids tell where a chunk
// is. Method: both backends, three placements; the ids of all chunks of the store are looked at
// after every kind of write.
#include "object/placing.h"

#include <gmock/gmock.h>

#include "object/keys.h"
#include "object/known_bodies.h"
#include "object/native_upload.h"
#include "tests/unit/object/placed_harness.h"

namespace cairn::object {
namespace {

using testing::ElementsAre;

class Placing : public testing::TestWithParam<Backends> {
 protected:
  Placing() : harness(GetParam()) {}
  PlacedHarness harness;
};

class AllRights final : public ReadRights {
 public:
  bool reads_all(TenantId) const override { return true; }
  io::Task<bool> may_read(BucketInfo, std::string, std::string) override { co_return true; }
};

TEST_P(Placing, AClassGoesToItsPlacementAndOthersToTheBuckets) {
  const Bytes body = random_bytes(1, 600 * KiB);
  const std::vector<std::pair<std::string, PlacementId>> cases = {
      {"", 0},
      {"STANDARD_IA", kCold},
      {"GLACIER_IR", kCold},
      {"DEEP_ARCHIVE", kArchive},
      // Nobody's: the default, until the bucket has another one.
      {"GLACIER", 0}};
  for (const auto& [storage_class, placement] : cases) {
    ASSERT_TRUE(harness.put_class("k", body, storage_class).has_value());
    EXPECT_THAT(harness.placements_used(), ElementsAre(placement)) << storage_class;
    EXPECT_EQ(harness.get("k"), body);
    EXPECT_EQ(harness.head("k")->metadata.storage_class, storage_class);
    harness.remove_all();
  }
  harness.set_placement("archive");
  for (const auto& [storage_class, placement] : cases) {
    ASSERT_TRUE(harness.put_class("k", body, storage_class).has_value());
    EXPECT_THAT(harness.placements_used(), ElementsAre(placement == 0 ? kArchive : placement));
    harness.remove_all();
  }
}

TEST_P(Placing, ABucketWhosePlacementIsNotConfiguredTakesNothing) {
  harness.set_placement("gone");
  const auto refused = harness.put_class("k", random_bytes(1, 100 * KiB), "");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_NE(refused.error().message.find("\"gone\""), std::string::npos);
  EXPECT_TRUE(harness.put_class("k", random_bytes(1, 100 * KiB), "STANDARD_IA").has_value());
}

TEST_P(Placing, SmallObjectsStayInTheCatalogWhateverTheirClass) {
  const Bytes body = random_bytes(1, 16 * KiB);
  ASSERT_TRUE(harness.put_class("k", body, "STANDARD_IA").has_value());
  EXPECT_EQ(harness.stored_chunks(), 0U);
  EXPECT_EQ(harness.get("k"), body);
}

TEST_P(Placing, ContentIsSharedWithinAPlacementOnly) {
  const Bytes body = random_bytes(1, 3 * MiB);
  ASSERT_TRUE(harness.put_class("a", body, "").has_value());
  const auto one = harness.stored_bytes();
  ASSERT_TRUE(harness.put_class("b", body, "STANDARD_IA").has_value());
  const auto two = harness.stored_bytes();
  EXPECT_EQ(two.at(0), one.at(0));
  EXPECT_EQ(two.at(kCold), one.at(0));
  ASSERT_TRUE(harness.put_class("c", body, "GLACIER_IR").has_value());
  EXPECT_EQ(harness.stored_bytes(), two);
  // Runs of segments as well, of whichever placement the hook was written last.
  Bytes edited = random_bytes(2, 200 * KiB);
  edited.insert(edited.end(), body.begin(), body.end());
  harness.reopen();
  for (const char* storage_class : {"", "STANDARD_IA"}) {
    ASSERT_TRUE(harness.put_class("d", edited, storage_class).has_value());
    EXPECT_EQ(harness.get("d"), edited);
  }
  const auto after = harness.stored_bytes();
  for (const PlacementId placement : {PlacementId{0}, kCold}) {
    EXPECT_LT(after.at(placement), two.at(placement) + 1 * MiB) << int{placement};
    EXPECT_GT(after.at(placement), two.at(placement));
  }
}

TEST_P(Placing, AKnownBodyElsewhereIsNoMatch) {
  const Bytes body = random_bytes(1, 300 * KiB);
  ASSERT_TRUE(harness.put_class("here", body, "").has_value());
  const Sha256Value sha256 = crypto::sha256(body);
  for (const bool same : {false, true}) {
    auto hints = harness.run(harness.objects->known_bodies()->find(harness.bucket.tenant, sha256));
    ASSERT_EQ(hints->size(), 1U);
    auto known = harness.run(
        harness.objects->known_bodies()->open(harness.bucket, hints->front(), sha256, body.size()));
    ASSERT_TRUE(known.has_value() && known->has_value());
    PutOptions options;
    options.metadata.storage_class = same ? "GLACIER" : "STANDARD_IA";
    auto writer = harness.run(harness.objects->put(harness.bucket, "there", options));
    const auto made = harness.run((*writer)->finish_known(std::move(**known), {}));
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ(made->has_value(), same);
    if (!*made) harness.run((*writer)->abort());
  }
  EXPECT_THAT(harness.placements_used(), ElementsAre(0));
}

TEST_P(Placing, ACopyToAnotherClassMovesTheBytes) {
  const Bytes body = random_bytes(1, 700 * KiB);
  const auto source = harness.put_class("k", body, "");
  PutOptions options;
  options.metadata.storage_class = "STANDARD_IA";
  const auto copied =
      harness.run(harness.objects->copy(harness.bucket, *source, harness.bucket, "k", options));
  ASSERT_TRUE(copied.has_value());
  EXPECT_EQ(copied->etag, source->etag);
  harness.collect();
  harness.collect();
  EXPECT_THAT(harness.placements_used(), ElementsAre(kCold));
  EXPECT_EQ(harness.get("k"), body);
  // Within the placement it is by reference.
  const auto before = harness.stored_bytes();
  options.metadata.storage_class = "GLACIER_IR";
  ASSERT_TRUE(
      harness.run(harness.objects->copy(harness.bucket, *copied, harness.bucket, "other", options))
          .has_value());
  EXPECT_EQ(harness.stored_bytes(), before);
  EXPECT_EQ(harness.get("other"), body);
}

TEST_P(Placing, PartsAppendsAndCopiedPartsFollowTheObject) {
  const Bytes body = random_bytes(1, 5 * MiB);
  UploadOptions begin;
  begin.metadata.storage_class = "DEEP_ARCHIVE";
  const auto upload = harness.run(harness.objects->create_upload(harness.bucket, "m", begin));
  const auto part = harness.put_part(*upload, 1, body);
  EXPECT_THAT(harness.placements_used(), ElementsAre(kArchive));
  const auto source = harness.put_class("s", body, "");
  const auto copied = harness.run(harness.objects->copy_part(
      harness.bucket, *source, ByteRange{1000, 200 * KiB}, harness.bucket, *upload, 2));
  ASSERT_TRUE(copied.has_value());
  CompleteOptions options;
  options.parts = {{1, part->etag, std::nullopt}, {2, copied->etag, std::nullopt}};
  ASSERT_TRUE(
      harness.run(harness.objects->complete_upload(harness.bucket, "m", upload->upload_id, options))
          .has_value());
  ASSERT_TRUE(harness.remove("s"));
  harness.collect();
  harness.collect();
  EXPECT_THAT(harness.placements_used(), ElementsAre(kArchive));

  // A small object that grows takes its class along, which an append cannot change.
  harness.remove_all();
  ASSERT_TRUE(harness.put_class("a", random_bytes(2, 1000), "STANDARD_IA").has_value());
  auto writer = harness.run(harness.objects->append(harness.bucket, "a", 1000, {}));
  ASSERT_TRUE(writer.has_value());
  ASSERT_TRUE(
      harness.run(write_all(std::move(*writer), random_bytes(3, 100 * KiB), 1)).has_value());
  EXPECT_THAT(harness.placements_used(), ElementsAre(kCold));
  EXPECT_EQ(harness.head("a")->metadata.storage_class, "STANDARD_IA");
}

TEST_P(Placing, NativeUploadsGoWhereTheyWereBegunFor) {
  const Bytes body = random_bytes(1, 300 * KiB);
  ASSERT_TRUE(harness.put_class("here", body, "").has_value());
  AllRights rights;
  NativeUploads& native = *harness.objects->native();
  ChunkRecipe recipe;
  for (size_t at = 0; at < body.size(); at += 64 * KiB) {
    const BytesView segment = BytesView(body).subspan(at, std::min(64 * KiB, body.size() - at));
    recipe.segments.push_back({crypto::sha256(segment), static_cast<uint32_t>(segment.size())});
    recipe.is_sent.push_back(true);
  }
  NativeUploads::Begin begin;
  begin.size_bytes = body.size();
  begin.storage_class = "STANDARD_IA";
  const auto upload = harness.run(native.begin(harness.bucket, "n", begin));
  ASSERT_TRUE(upload.has_value());
  auto fill = harness.run(native.fill(harness.bucket, *upload, recipe, rights));
  ASSERT_TRUE(fill.has_value());
  BytesView left = body;
  for (MutableBytes space = (*fill)->next_space(); !space.empty(); space = (*fill)->next_space()) {
    std::ranges::copy(left.first(space.size()), space.begin());
    left = left.subspan(space.size());
    (*fill)->advance(space.size());
  }
  ASSERT_TRUE(harness.run((*fill)->finish()).has_value());
  fill->reset();
  // The chunk is offered within its placement only.
  NativeUploads::Begin other;
  other.size_bytes = body.size();
  for (const char* storage_class : {"GLACIER_IR", "DEEP_ARCHIVE"}) {
    other.storage_class = storage_class;
    const auto second = harness.run(native.begin(harness.bucket, "o", other));
    const auto held = harness.run(native.offer(harness.bucket, *second, {recipe.name()}, rights));
    ASSERT_TRUE(held.has_value());
    EXPECT_EQ(held->front(), other.storage_class == "GLACIER_IR");
    ASSERT_TRUE(harness.run(harness.objects->abort_upload(harness.bucket, "o", second->upload_id)));
  }
  NativeCommit commit;
  commit.chunks = {recipe.name()};
  const auto refused = harness.run(native.commit(harness.bucket, "n", upload->upload_id, commit));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, reason::kPlacementDiffers);
  commit.options.metadata.storage_class = "GLACIER_IR";
  ASSERT_TRUE(
      harness.run(native.commit(harness.bucket, "n", upload->upload_id, commit)).has_value());
  ASSERT_TRUE(harness.remove("here"));
  harness.collect();
  harness.collect();
  EXPECT_THAT(harness.placements_used(), ElementsAre(kCold));
  EXPECT_EQ(harness.get("n"), body);
}

TEST_P(Placing, DeadSpaceIsGivenBackWithinItsPlacement) {
  const Bytes body = random_bytes(1, 4 * MiB);
  const Bytes quarter(body.begin(), body.begin() + 1 * MiB);
  for (const char* storage_class : {"", "STANDARD_IA"}) {
    const std::string key = std::string("whole") + storage_class;
    ASSERT_TRUE(harness.put_class(key, body, storage_class).has_value());
    Bytes part = quarter;
    const Bytes fresh = random_bytes(2, 300 * KiB);
    part.insert(part.end(), fresh.begin(), fresh.end());
    ASSERT_TRUE(
        harness.put_class(std::string("part") + storage_class, part, storage_class).has_value());
  }
  const auto before = harness.stored_bytes();
  ASSERT_TRUE(harness.remove("whole"));
  ASSERT_TRUE(harness.remove("wholeSTANDARD_IA"));
  for (int i = 0; i < 4; ++i) harness.collect();
  const auto after = harness.stored_bytes();
  for (const PlacementId placement : {PlacementId{0}, kCold}) {
    EXPECT_LT(after.at(placement), before.at(placement) / 2) << int{placement};
    EXPECT_GT(after.at(placement), 1 * MiB) << int{placement};
  }
  harness.expect_sound();
}

INSTANTIATE_TEST_SUITE_P(Backends, Placing, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

}  // namespace
}  // namespace cairn::object
