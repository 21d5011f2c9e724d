// Property: the worker removes exactly what the rules say is due, never what is locked or changed
// since it was looked at, tells each removal once, and goes on where it was cut.
// Method: a simulated store in virtual time; a day is what it is, the clock is moved.
#include <gtest/gtest.h>

#include <set>

#include "catalog/memory_catalog.h"
#include "server/lifecycle_worker.h"
#include "tests/support/sim_objects.h"

namespace cairn::server {
namespace {

using object::random_bytes;

constexpr int64_t kDayMs = s3::kLifecycleDayMs;

std::string rules_xml(std::string_view rules) {
  return "<LifecycleConfiguration>" + std::string(rules) + "</LifecycleConfiguration>";
}

std::string rule(std::string_view filter, std::string_view actions) {
  return "<Rule><ID>r</ID><Status>Enabled</Status><Filter>" + std::string(filter) + "</Filter>" +
         std::string(actions) + "</Rule>";
}

class LifecycleTest : public testing::Test {
 protected:
  LifecycleTest() {
    EXPECT_TRUE(store_.open(disk_, *catalog_));
    store_.clock().jump_wall(3600 * 1000);  // The simulation begins at a midnight.
  }

  void make_bucket(object::Versioning versioning, const std::string& rules) {
    object::CreateBucketOptions options;
    object::BucketConfig config;
    config.versioning = versioning;
    config.documents["lifecycle"] = rules_xml(rules);
    options.config = config;
    ASSERT_TRUE(store_.wait(
        store_.objects().create_bucket(crypto::kRootTenant, "bucket", std::move(options))));
    bucket_ = *store_.bucket();
  }
  void put(const std::string& key, size_t size = 10, object::PutOptions options = {}) {
    auto writer = store_.wait(store_.objects().put(bucket_, key, std::move(options)));
    ASSERT_TRUE(writer) << writer.error().message;
    ASSERT_TRUE(store_.wait((*writer)->write(random_bytes(size, size))));
    ASSERT_TRUE(store_.wait((*writer)->finish({})));
  }
  void remove(const std::string& key) {
    object::RemoveRequest request;
    request.key = key;
    ASSERT_TRUE(store_.wait(store_.objects().remove_one(bucket_, std::move(request))));
  }
  void pass_days(int64_t days) { store_.clock().jump_wall(days * kDayMs); }
  void run() {
    LifecycleOptions options;
    options.environment.objects = &store_.objects();
    options.environment.listener = [this](const object::BucketInfo&, std::string_view event,
                                          std::string_view key, std::string_view) {
      told_.emplace(std::string(event), std::string(key));
    };
    options.catalog = catalog_.get();
    LifecycleWorker worker(std::move(options));
    const Status passed = store_.wait(worker.pass({}));
    ASSERT_TRUE(passed) << passed.error().message;
    counters_ = worker.counters();
  }
  // "key" per version, "key!" per marker, newest first.
  std::vector<std::string> versions() {
    const auto page = store_.wait(store_.objects().list_versions(bucket_, {}));
    EXPECT_TRUE(page);
    std::vector<std::string> out;
    for (const object::ObjectInfo& info : page->versions) {
      out.push_back(info.key + (info.is_delete_marker ? "!" : ""));
    }
    return out;
  }
  using Keys = std::vector<std::string>;

  io::SimFileSystem disk_{io::SimDiskOptions{.seed = 1}};
  std::unique_ptr<catalog::Catalog> catalog_ = catalog::make_memory_catalog();
  testing_support::SimObjects store_{1};
  object::BucketInfo bucket_;
  std::multiset<std::pair<std::string, std::string>> told_;
  LifecycleCounters counters_;
};

TEST_F(LifecycleTest, ExpiresByPrefixAndDaysAndNothingElse) {
  make_bucket(object::Versioning::kUnversioned,
              rule("<Prefix>logs/</Prefix>", "<Expiration><Days>3</Days></Expiration>"));
  put("logs/old");
  put("keep/old");
  pass_days(3);
  put("logs/new");
  run();
  EXPECT_EQ(versions(), (Keys{"keep/old", "logs/new", "logs/old"}));  // Not before midnight.
  pass_days(1);
  run();
  EXPECT_EQ(versions(), (Keys{"keep/old", "logs/new"}));
  EXPECT_EQ(told_.count({"LifecycleExpiration:Delete", "logs/old"}), 1u);
  EXPECT_EQ(told_.size(), 1u);
}

TEST_F(LifecycleTest, ExpiresByTagAndSize) {
  make_bucket(object::Versioning::kUnversioned,
              rule("<And><Prefix></Prefix><Tag><Key>t</Key><Value>1</Value></Tag>"
                   "<ObjectSizeGreaterThan>100</ObjectSizeGreaterThan></And>",
                   "<Expiration><Days>1</Days></Expiration>"));
  object::PutOptions tagged;
  tagged.metadata.tags = {{"t", "1"}};
  put("big-tagged", 200, tagged);
  put("small-tagged", 50, tagged);
  put("big", 200);
  pass_days(5);
  run();
  EXPECT_EQ(versions(), (Keys{"big", "small-tagged"}));
}

TEST_F(LifecycleTest, VersionedBucketsGetMarkersAndLoseOldVersions) {
  make_bucket(object::Versioning::kEnabled,
              rule("",
                   "<Expiration><Days>1</Days></Expiration>"
                   "<NoncurrentVersionExpiration><NoncurrentDays>10</NoncurrentDays>"
                   "</NoncurrentVersionExpiration>"));
  put("k");
  put("k", 20);
  pass_days(2);
  run();
  EXPECT_EQ(versions(), (Keys{"k!", "k", "k"}));
  EXPECT_EQ(told_.count({"LifecycleExpiration:DeleteMarkerCreated", "k"}), 1u);
  pass_days(5);
  run();
  EXPECT_EQ(versions(), (Keys{"k!", "k", "k"}));  // A marker does not expire into another one.
  pass_days(7);
  run();
  EXPECT_EQ(versions(), (Keys{"k!"}));
  EXPECT_EQ(told_.count({"LifecycleExpiration:Delete", "k"}), 2u);
}

TEST_F(LifecycleTest, KeepsTheNewestNoncurrentVersions) {
  make_bucket(object::Versioning::kEnabled,
              rule("",
                   "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                   "<NewerNoncurrentVersions>2</NewerNoncurrentVersions>"
                   "</NoncurrentVersionExpiration>"));
  for (size_t i = 0; i < 6; ++i) put("k", 10 + i);
  pass_days(3);
  run();
  const auto page = store_.wait(store_.objects().list_versions(bucket_, {}));
  ASSERT_EQ(page->versions.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(page->versions[i].size_bytes, 15 - i);
}

TEST_F(LifecycleTest, RemovesMarkersThatHideNothing) {
  make_bucket(object::Versioning::kEnabled,
              rule("",
                   "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
                   "</Expiration>"));
  put("with");
  remove("with");
  remove("without");
  pass_days(1);
  run();
  EXPECT_EQ(versions(), (Keys{"with!", "with"}));
}

TEST_F(LifecycleTest, LockedVersionsStay) {
  make_bucket(object::Versioning::kEnabled,
              rule("",
                   "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                   "</NoncurrentVersionExpiration>"));
  object::PutOptions held;
  held.lock.legal_hold = true;
  put("k", 10, held);
  put("k", 20);
  put("k", 30);
  pass_days(3);
  run();
  EXPECT_EQ(versions().size(), 2u);
  EXPECT_EQ(counters_.locked, 1u);
  EXPECT_EQ(counters_.versions_removed, 1u);
}

TEST_F(LifecycleTest, AbortsUploadsThatNobodyCompletes) {
  make_bucket(object::Versioning::kUnversioned,
              rule("<Prefix>u/</Prefix>",
                   "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation>"
                   "</AbortIncompleteMultipartUpload>"));
  ASSERT_TRUE(store_.wait(store_.objects().create_upload(bucket_, "u/old", {})));
  ASSERT_TRUE(store_.wait(store_.objects().create_upload(bucket_, "other", {})));
  pass_days(3);
  ASSERT_TRUE(store_.wait(store_.objects().create_upload(bucket_, "u/new", {})));
  run();
  const auto page = store_.wait(store_.objects().list_uploads(bucket_, {}));
  ASSERT_EQ(page->uploads.size(), 2u);
  EXPECT_EQ(page->uploads[0].key, "other");
  EXPECT_EQ(page->uploads[1].key, "u/new");
}

TEST_F(LifecycleTest, WhatChangedSinceItWasJudgedStays) {
  make_bucket(object::Versioning::kUnversioned,
              rule("", "<Expiration><Days>1</Days></Expiration>"));
  // More than one step, and than one view of the bucket: the first removals come later.
  const size_t count = LifecycleWalk::kVersionsPerCursor + LifecycleWalk::kVersionsPerStep + 5;
  for (size_t i = 0; i < count; ++i) put("k" + std::to_string(100 + i));
  pass_days(3);
  LifecycleCounters counters;
  LifecycleEnvironment environment;
  environment.objects = &store_.objects();
  environment.counters = &counters;
  const auto rules = s3::parse_lifecycle(bucket_.config->documents.at("lifecycle"));
  LifecycleWalk walk(environment, bucket_, *rules, "");
  const auto now = [&] { return store_.clock().wall_now(); };
  ASSERT_TRUE(*store_.wait(walk.step(now())));
  put("k100");      // The same bytes again, so the same ETag.
  put("k101", 99);  // Others.
  remove("k102");
  for (bool more = true; more;) more = *store_.wait(walk.step(now()));
  EXPECT_EQ(versions(), (Keys{"k100", "k101"}));
  EXPECT_EQ(counters.changed, 3u);
  EXPECT_EQ(counters.versions_removed, count - 3);
}

TEST_F(LifecycleTest, ManyPagesAreWalkedToTheEnd) {
  make_bucket(object::Versioning::kEnabled,
              rule("",
                   "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                   "<NewerNoncurrentVersions>1</NewerNoncurrentVersions>"
                   "</NoncurrentVersionExpiration>"));
  constexpr size_t kKeys = 70;
  static_assert(4 * kKeys > LifecycleWalk::kVersionsPerCursor);
  for (size_t i = 0; i < kKeys; ++i) {
    for (size_t k = 0; k < 4; ++k) put("k" + std::to_string(100 + i), 10 + k);
  }
  pass_days(3);
  run();
  EXPECT_EQ(versions().size(), 2 * kKeys);
  EXPECT_EQ(counters_.versions_examined, 4 * kKeys);
  EXPECT_FALSE(*store_.wait(catalog_->get(std::string(kLifecycleCursorRow))));
}

TEST_F(LifecycleTest, GoesOnBehindTheCursor) {
  make_bucket(object::Versioning::kUnversioned,
              rule("", "<Expiration><Days>1</Days></Expiration>"));
  for (const char* key : {"a", "b", "c", "d"}) put(key);
  pass_days(3);
  LifecycleCounters counters;
  LifecycleEnvironment environment;
  environment.objects = &store_.objects();
  environment.counters = &counters;
  const auto rules = s3::parse_lifecycle(bucket_.config->documents.at("lifecycle"));
  LifecycleWalk walk(environment, bucket_, *rules, "b");
  for (bool more = true; more;) more = *store_.wait(walk.step(store_.clock().wall_now()));
  EXPECT_EQ(versions(), (Keys{"a", "b"}));
}

// "key class" per version, newest first.
std::vector<std::string> classes_of(testing_support::SimObjects& store,
                                    const object::BucketInfo& bucket) {
  const auto page = store.wait(store.objects().list_versions(bucket, {}));
  EXPECT_TRUE(page);
  std::vector<std::string> out;
  for (const object::ObjectInfo& info : page->versions) {
    out.push_back(info.key + " " +
                  (info.is_delete_marker ? "marker" : info.metadata.storage_class));
  }
  return out;
}

constexpr size_t kLargeEnough = s3::kTransitionBytesMin;

TEST_F(LifecycleTest, TransitionsMoveWhatIsDueAndNothingElse) {
  make_bucket(object::Versioning::kUnversioned,
              rule("<Prefix>logs/</Prefix>",
                   "<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass>"
                   "</Transition><Transition><Days>60</Days><StorageClass>GLACIER</StorageClass>"
                   "</Transition><Expiration><Days>90</Days></Expiration>"));
  put("keep", kLargeEnough);
  put("logs/a", kLargeEnough);
  put("logs/small", 1000);
  const auto before = store_.wait(store_.objects().head(bucket_, "logs/a", ""));
  run();
  EXPECT_EQ(counters_.transitions, 0u);
  pass_days(31);
  run();
  EXPECT_EQ(classes_of(store_, bucket_), (Keys{"keep ", "logs/a STANDARD_IA", "logs/small "}));
  EXPECT_EQ(counters_.transitions, 1u);
  EXPECT_EQ(counters_.transition_bytes, kLargeEnough);
  EXPECT_EQ(told_.count({"LifecycleTransition", "logs/a"}), 1u);
  run();
  EXPECT_EQ(counters_.transitions, 0u) << "once";
  const auto after = store_.wait(store_.objects().head(bucket_, "logs/a", ""));
  EXPECT_EQ(after->etag, before->etag);
  EXPECT_EQ(after->modified, before->modified);
  // GLACIER has no placement of its own here: the bytes go back to the default one.
  pass_days(30);
  run();
  EXPECT_EQ(classes_of(store_, bucket_), (Keys{"keep ", "logs/a GLACIER", "logs/small "}));
  pass_days(30);
  run();
  EXPECT_EQ(classes_of(store_, bucket_), (Keys{"keep "}));
}

TEST_F(LifecycleTest, OlderVersionsAreMovedByTheirOwnRules) {
  make_bucket(object::Versioning::kEnabled,
              rule("",
                   "<NoncurrentVersionTransition><NoncurrentDays>30</NoncurrentDays>"
                   "<NewerNoncurrentVersions>1</NewerNoncurrentVersions>"
                   "<StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition>"));
  for (size_t i = 0; i < 3; ++i) put("k", kLargeEnough + i);
  pass_days(32);
  run();
  EXPECT_EQ(classes_of(store_, bucket_), (Keys{"k ", "k ", "k STANDARD_IA"}));
  EXPECT_EQ(counters_.transitions, 1u);
}

TEST_F(LifecycleTest, AMarkerAndATransitionAreBothDoneAndALockForbidsNoMove) {
  make_bucket(object::Versioning::kEnabled,
              rule("",
                   "<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass>"
                   "</Transition><Expiration><Days>31</Days></Expiration>"));
  object::PutOptions held;
  held.lock.legal_hold = true;
  put("k", kLargeEnough, held);
  pass_days(40);
  run();
  EXPECT_EQ(classes_of(store_, bucket_), (Keys{"k marker", "k STANDARD_IA"}));
}

TEST_F(LifecycleTest, WhatTheServerHasNoKeyForStays) {
  make_bucket(object::Versioning::kUnversioned,
              rule("",
                   "<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass>"
                   "</Transition>"));
  object::PutOptions sealed;
  sealed.sse.kind = crypto::SseKind::kCustomer;
  auto key = std::make_shared<crypto::SseKey>();
  key->secret = crypto::SecretKey(random_bytes(9, 32));
  sealed.sse.customer_key = std::move(key);
  put("a", kLargeEnough, sealed);
  put("b", kLargeEnough);
  pass_days(40);
  run();
  EXPECT_EQ(classes_of(store_, bucket_), (Keys{"a ", "b STANDARD_IA"}));
  EXPECT_EQ(counters_.transitions_skipped, 1u);
  EXPECT_EQ(counters_.failures, 0u);
}

// More than one cursor's worth, so that moves come between pieces of the listing.
TEST_F(LifecycleTest, ManyAreMovedInOnePass) {
  make_bucket(object::Versioning::kUnversioned,
              rule("<ObjectSizeGreaterThan>1</ObjectSizeGreaterThan>",
                   "<Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition>"));
  const size_t count = LifecycleWalk::kVersionsPerCursor + 40;
  for (size_t i = 0; i < count; ++i) put("k" + std::to_string(i));
  pass_days(2);
  run();
  EXPECT_EQ(counters_.transitions, count);
  EXPECT_EQ(counters_.failures, 0u);
  run();
  EXPECT_EQ(counters_.transitions, 0u);
}

}  // namespace
}  // namespace cairn::server
