// Properties: a transition moves the bytes of a version into the placement of its new class, and
// nothing else that can be seen of it changes: bytes, ETag, version id, date, checksum, parts,
// tags, lock; whoever changes the bytes or removes the version meanwhile wins, and what was copied
// goes; what an earlier transition left to the collector takes nothing from a later one; no row and
// no chunk outlives what it was for. Method: both backends, three placements.
#include "object/transition.h"

#include <gmock/gmock.h>

#include "io/scope.h"
#include "object/keys.h"
#include "object/known_bodies.h"
#include "object/limits.h"
#include "tests/unit/object/placed_harness.h"

namespace cairn::object {
namespace {

using testing::ElementsAre;

class Transitions : public testing::TestWithParam<Backends> {
 protected:
  Transitions() : harness(GetParam()) {}

  void TearDown() override {
    harness.expect_sound();
    harness.remove_all();
    EXPECT_EQ(harness.stored_chunks(), 0U);
    for (const char* prefix : {"w/", "h/", "r/", "g/"}) EXPECT_EQ(rows(prefix), 0U) << prefix;
  }
  size_t rows(const std::string& prefix) {
    catalog::ScanRequest request;
    request.begin = prefix;
    request.end = catalog::prefix_end(prefix);
    const auto page = harness.run(harness.catalog->scan(request));
    EXPECT_TRUE(page.has_value());
    return page->entries.size();
  }
  Result<Bytes> read(const ObjectInfo& version) {
    auto reader =
        harness.run(harness.objects->open(harness.bucket, version.key, version.version_id));
    if (!reader) return std::unexpected(reader.error());
    return harness.run(read_range(**reader, {0, version.size_bytes}));
  }
  // All that a client sees of a version but its class.
  static std::string seen(const ObjectInfo& info) {
    std::string out = info.key + "|" + info.version_id + "|" + info.etag + "|" +
                      std::to_string(info.size_bytes) + "|" +
                      std::to_string(info.modified.unix_ms) + "|" +
                      std::to_string(info.parts_count) + "|" + std::to_string(info.is_latest);
    for (const auto& [name, value] : info.metadata.tags) out += "|" + name + "=" + value;
    for (const auto& [name, value] : info.metadata.user) out += "|" + name + "=" + value;
    if (info.checksum) out += "|" + std::to_string(info.checksum->value.view()[0]);
    return out + (info.lock.legal_hold ? "|held" : "");
  }
  void settle() {
    harness.collect();
    harness.collect();
  }
  // What transition() is given for a version: as the lifecycle worker has it, from a listing.
  ObjectInfo listed(const std::string& key) {
    for (const ObjectInfo& version : harness.versions()) {
      if (version.key == key) return version;
    }
    ADD_FAILURE() << "no " << key;
    return {};
  }

  PlacedHarness harness;
};

TEST_P(Transitions, MoveTheBytesAndNothingElse) {
  const Bytes body = random_bytes(1, 6 * MiB);
  PutOptions options;
  options.metadata.user["name"] = "value";
  options.metadata.tags = {{"a", "b"}};
  ASSERT_TRUE(harness.put("k", body, options).has_value());
  const ObjectInfo before = *harness.head("k");
  const auto done = harness.transition(listed("k"), "STANDARD_IA");
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(done->moved_bytes, body.size());
  EXPECT_EQ(done->info.metadata.storage_class, "STANDARD_IA");
  const ObjectInfo after = *harness.head("k");
  EXPECT_EQ(seen(after), seen(before));
  EXPECT_EQ(after.metadata.storage_class, "STANDARD_IA");
  EXPECT_EQ(harness.get("k"), body);
  settle();
  EXPECT_THAT(harness.placements_used(), ElementsAre(kCold));
  harness.reopen();
  EXPECT_EQ(harness.get("k"), body);
  EXPECT_EQ(seen(*harness.head("k")), seen(before));
}

TEST_P(Transitions, WithinAPlacementOnlyTheClassChanges) {
  const Bytes body = random_bytes(1, 200 * KiB);
  ASSERT_TRUE(harness.put_class("k", body, "STANDARD_IA").has_value());
  ASSERT_TRUE(harness.put_class("small", random_bytes(2, 100), "").has_value());
  const auto before = harness.stored_bytes();
  for (const auto& [key, storage_class] :
       {std::pair{"k", "GLACIER_IR"}, std::pair{"small", "DEEP_ARCHIVE"}}) {
    const auto done = harness.transition(listed(key), storage_class);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(done->moved_bytes, 0U);
    EXPECT_EQ(harness.head(key)->metadata.storage_class, storage_class);
  }
  EXPECT_EQ(harness.stored_bytes(), before);
  EXPECT_EQ(harness.get("k"), body);
  EXPECT_EQ(harness.get("small"), random_bytes(2, 100));
}

TEST_P(Transitions, PartsStayParts) {
  const Bytes first = random_bytes(1, 5 * MiB);
  const Bytes second = random_bytes(2, 300 * KiB);
  const auto upload = harness.run(harness.objects->create_upload(harness.bucket, "m", {}));
  CompleteOptions options;
  options.parts.push_back({1, harness.put_part(*upload, 1, first)->etag, std::nullopt});
  options.parts.push_back({2, harness.put_part(*upload, 2, second)->etag, std::nullopt});
  ASSERT_TRUE(
      harness.run(harness.objects->complete_upload(harness.bucket, "m", upload->upload_id, options))
          .has_value());
  const ObjectInfo before = *harness.head("m");
  const auto parts_of = [&] {
    auto reader = harness.run(harness.objects->open(harness.bucket, "m", ""));
    std::string out;
    const auto parts = harness.run((*reader)->parts(0, 100));
    for (const PartInfo& part : *parts) {
      out += std::to_string(part.number) + ":" + std::to_string(part.size_bytes) + ":" + part.etag +
             ":" + std::to_string(part.modified.unix_ms) + " ";
    }
    return out;
  };
  const std::string parts = parts_of();
  ASSERT_TRUE(harness.transition(listed("m"), "STANDARD_IA").has_value());
  EXPECT_EQ(seen(*harness.head("m")), seen(before));
  EXPECT_EQ(parts_of(), parts);
  settle();
  EXPECT_THAT(harness.placements_used(), ElementsAre(kCold));
  Bytes whole = first;
  whole.insert(whole.end(), second.begin(), second.end());
  EXPECT_EQ(harness.get("m"), whole);
  // The index finds a part where it is now.
  const auto hints = harness.run(
      harness.objects->known_bodies()->find(harness.bucket.tenant, crypto::sha256(first)));
  ASSERT_EQ(hints->size(), 1U);
  const auto known = harness.run(harness.objects->known_bodies()->open(
      harness.bucket, hints->front(), crypto::sha256(first), first.size()));
  EXPECT_TRUE(known.has_value() && known->has_value());
}

TEST_P(Transitions, OlderVersionsKeepTheirIdsAndPlaces) {
  harness.set_mode(Versioning::kEnabled);
  for (uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(harness.put("k", random_bytes(i, 100 * KiB)).has_value());
  }
  const std::vector<ObjectInfo> before = harness.versions();
  ASSERT_EQ(before.size(), 3U);
  ASSERT_TRUE(harness.transition(before[1], "STANDARD_IA").has_value());
  const std::vector<ObjectInfo> after = harness.versions();
  ASSERT_EQ(after.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(seen(after[i]), seen(before[i]));
    EXPECT_EQ(after[i].metadata.storage_class, i == 1 ? "STANDARD_IA" : "");
    EXPECT_EQ(read(after[i]), random_bytes(3 - i, 100 * KiB));
  }
  // A version that is moved when it is current is found by its id when it is not.
  ASSERT_TRUE(harness.transition(after[0], "DEEP_ARCHIVE").has_value());
  ASSERT_TRUE(harness.put("k", random_bytes(4, 100 * KiB)).has_value());
  EXPECT_EQ(read(before[0]), random_bytes(3, 100 * KiB));
  settle();
  EXPECT_THAT(harness.placements_used(), ElementsAre(0, kCold, kArchive));
}

TEST_P(Transitions, ThereAndBackBeforeTheCollectorCame) {
  const Bytes body = random_bytes(1, 1 * MiB);
  ASSERT_TRUE(harness.put("k", body).has_value());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(harness.transition(listed("k"), "STANDARD_IA").has_value());
    ASSERT_TRUE(harness.transition(listed("k"), "").has_value());
  }
  settle();
  EXPECT_EQ(harness.get("k"), body);
  EXPECT_THAT(harness.placements_used(), ElementsAre(0));
}

TEST_P(Transitions, TwoObjectsWithOneContentShareItThere) {
  const Bytes body = random_bytes(1, 2 * MiB);
  ASSERT_TRUE(harness.put("a", body).has_value());
  ASSERT_TRUE(harness.put("b", body).has_value());
  const auto before = harness.stored_bytes();
  ASSERT_TRUE(harness.transition(listed("a"), "STANDARD_IA").has_value());
  ASSERT_TRUE(harness.transition(listed("b"), "STANDARD_IA").has_value());
  settle();
  EXPECT_EQ(harness.stored_bytes().at(kCold), before.at(0));
  ASSERT_TRUE(harness.remove("a"));
  settle();
  EXPECT_EQ(harness.get("b"), body);
}

TEST_P(Transitions, AnotherVersionIsNotTouched) {
  ASSERT_TRUE(harness.put("k", random_bytes(1, 100 * KiB)).has_value());
  const ObjectInfo old = listed("k");
  ASSERT_TRUE(harness.put("k", random_bytes(2, 100 * KiB)).has_value());
  EXPECT_EQ(harness.transition(old, "STANDARD_IA").error().code, Code::kFailedPrecondition);
  ASSERT_TRUE(harness.remove("k"));
  EXPECT_EQ(harness.transition(old, "STANDARD_IA").error().code, Code::kNotFound);
}

// A slow transition with something else at the same key meanwhile.
io::Task<void> run_slowly(Objects& objects, BucketInfo bucket, ObjectInfo version,
                          std::optional<Result<TransitionedInfo>>& result) {
  TransitionOptions options;
  options.storage_class = "STANDARD_IA";
  options.bytes_per_second = 4 * MiB;
  result = co_await objects.transition(std::move(bucket), std::move(version), std::move(options));
}

io::Task<Status> beside(Objects& objects, BucketInfo bucket, ObjectInfo version,
                        std::function<io::Task<Status>()> rival,
                        std::optional<Result<TransitionedInfo>>& result) {
  io::Scope scope;
  scope.spawn(run_slowly(objects, std::move(bucket), std::move(version), result));
  Status slept = co_await io::sleep_for(milliseconds(100));
  const Status done = co_await rival();
  co_await scope.join();
  if (!slept) co_return slept;
  co_return done;
}

io::Task<Status> set_tags(Objects& objects, BucketInfo bucket) {
  const auto tag = [](ObjectInfo& info) {
    info.metadata.tags = {{"new", "tag"}};
    return Status();
  };
  const auto changed = co_await objects.change_version(std::move(bucket), "k", "", tag);
  co_return changed ? Status() : Status(std::unexpected(changed.error()));
}

io::Task<Status> overwrite(Objects& objects, BucketInfo bucket) {
  const auto put =
      co_await put_object(objects, std::move(bucket), "k", random_bytes(2, 300 * KiB), {}, 1);
  co_return put ? Status() : Status(std::unexpected(put.error()));
}

TEST_P(Transitions, TagsAndLocksThatCameMeanwhileStay) {
  harness.set_mode(Versioning::kEnabled);
  ASSERT_TRUE(harness.put("k", random_bytes(1, 2 * MiB)).has_value());
  std::optional<Result<TransitionedInfo>> result;
  const auto rival = [&] { return set_tags(*harness.objects, harness.bucket); };
  ASSERT_TRUE(harness.run(beside(*harness.objects, harness.bucket, listed("k"), rival, result)));
  ASSERT_TRUE(result && result->has_value());
  const ObjectInfo after = *harness.head("k");
  EXPECT_EQ(after.metadata.storage_class, "STANDARD_IA");
  ASSERT_EQ(after.metadata.tags.size(), 1U);
  EXPECT_EQ(after.metadata.tags[0].second, "tag");
}

TEST_P(Transitions, AnOverwriteAndARemovalMeanwhileWin) {
  for (const bool removes : {false, true}) {
    ASSERT_TRUE(harness.put("k", random_bytes(1, 2 * MiB)).has_value());
    std::optional<Result<TransitionedInfo>> result;
    const auto rival = [&] {
      return removes ? remove_object(*harness.objects, harness.bucket, "k")
                     : overwrite(*harness.objects, harness.bucket);
    };
    ASSERT_TRUE(harness.run(beside(*harness.objects, harness.bucket, listed("k"), rival, result)));
    ASSERT_TRUE(result && !result->has_value());
    EXPECT_EQ(result->error().code, removes ? Code::kNotFound : Code::kFailedPrecondition);
    settle();
    EXPECT_EQ(harness.stored_bytes().count(kCold), 0U) << "what was copied is given back";
    if (!removes) {
      EXPECT_EQ(harness.get("k"), random_bytes(2, 300 * KiB));
    }
    settle();
  }
}

TEST_P(Transitions, AStopLeavesTheVersionAsItWas) {
  const Bytes body = random_bytes(1, 3 * MiB);
  ASSERT_TRUE(harness.put("k", body).has_value());
  io::StopSource stop;
  stop.request();
  TransitionOptions options;
  options.storage_class = "STANDARD_IA";
  options.stop = stop.token();
  const auto done = harness.run(harness.objects->transition(harness.bucket, listed("k"), options));
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Code::kCancelled);
  EXPECT_EQ(harness.get("k"), body);
  settle();
  EXPECT_THAT(harness.placements_used(), ElementsAre(0));
}

TEST_P(Transitions, EncryptedObjectsMoveUnderTheirKeyWhereTheStoreHasIt) {
  KmsCommand command;
  command.tenant = crypto::kRootTenant;
  command.name = "key";
  ASSERT_TRUE(harness.run(harness.objects->change_kms_key(command)).has_value());
  const Bytes body = random_bytes(1, 400 * KiB);
  PutOptions options;
  options.sse.kind = crypto::SseKind::kKms;
  options.sse.kms_key = "key";
  ASSERT_TRUE(harness.put("kms", body, options).has_value());
  const ObjectInfo before = *harness.head("kms");
  const auto done = harness.transition(listed("kms"), "STANDARD_IA");
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(harness.get("kms"), body);
  EXPECT_EQ(seen(*harness.head("kms")), seen(before));
  EXPECT_EQ(harness.head("kms")->sse, before.sse);
  settle();
  EXPECT_THAT(harness.placements_used(), ElementsAre(kCold));
}

TEST_P(Transitions, CustomersKeysAreNeeded) {
  PutOptions options;
  options.sse.kind = crypto::SseKind::kCustomer;
  auto key = std::make_shared<crypto::SseKey>();
  key->secret = crypto::SecretKey(random_bytes(9, 32));
  options.sse.customer_key = std::move(key);
  ASSERT_TRUE(harness.put("ssec", random_bytes(1, 400 * KiB), options).has_value());
  const auto refused = harness.transition(listed("ssec"), "STANDARD_IA");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, reason::kSseKeyRequired);
}

// A manifest of more than kManifestInlineBytesMax is stored as chunks: of the default placement.
TEST_P(Transitions, ManifestsOfManyExtentsStayInTheDefaultPlacement) {
  Bytes whole = random_bytes(1, 100 * KiB);
  ASSERT_TRUE(harness.put("m", whole).has_value());
  constexpr uint64_t kAppends = 450;
  for (uint64_t i = 0; i < kAppends; ++i) {
    const Bytes piece = random_bytes(100 + i, 1 * KiB);
    auto writer = harness.run(harness.objects->append(harness.bucket, "m", whole.size(), {}));
    ASSERT_TRUE(writer.has_value());
    ASSERT_TRUE(harness.run(write_all(std::move(*writer), piece, 1)).has_value());
    whole.insert(whole.end(), piece.begin(), piece.end());
  }
  settle();
  ASSERT_TRUE(harness.transition(listed("m"), "STANDARD_IA").has_value());
  settle();
  EXPECT_THAT(harness.placements_used(), ElementsAre(0, kCold));
  EXPECT_GE(harness.stored_bytes().at(kCold), whole.size());
  EXPECT_LT(harness.stored_bytes().at(0), 2 * kManifestInlineBytesMax);
  EXPECT_EQ(harness.get("m"), whole);
}

INSTANTIATE_TEST_SUITE_P(Backends, Transitions, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

}  // namespace
}  // namespace cairn::object
