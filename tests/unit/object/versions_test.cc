// Properties: pages of versions equal the naive filter over all versions, and cost what they show;
// locks decide in the commit; names of buckets are one space but for isolated tenants; a repeated
// Complete tells the same version.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "object/keys.h"
#include "object/records.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

constexpr TenantId kOther{7};

// Counts the rows that scans bring, and runs a rival once before the next scan of older versions.
class CountingCatalog final : public catalog::Catalog {
 public:
  explicit CountingCatalog(std::unique_ptr<catalog::Catalog> below) : below_(std::move(below)) {}
  io::Task<Result<std::optional<catalog::Entry>>> get(std::string key,
                                                      const catalog::Snapshot* view) override {
    return below_->get(std::move(key), view);
  }
  io::Task<Result<catalog::ScanPage>> scan(catalog::ScanRequest request,
                                           const catalog::Snapshot* view) override {
    if (request.begin.starts_with("v/") && rival) {
      const std::function<io::Task<Status>()> now = std::exchange(rival, nullptr);
      co_await io::or_return(now());
    }
    Result<catalog::ScanPage> page = co_await below_->scan(std::move(request), view);
    if (page) scanned_count += page->entries.size();
    co_return page;
  }
  io::Task<Result<std::shared_ptr<const catalog::Snapshot>>> snapshot() override {
    return below_->snapshot();
  }
  io::Task<Result<catalog::Version>> commit(catalog::Batch batch) override {
    return below_->commit(std::move(batch));
  }
  io::Task<Result<std::vector<catalog::Change>>> tail(catalog::Version after,
                                                      size_t limit) override {
    return below_->tail(after, limit);
  }
  io::Task<Status> close() override { return below_->close(); }

  size_t scanned_count = 0;
  std::function<io::Task<Status>()> rival;

 private:
  std::unique_ptr<catalog::Catalog> below_;
};

void configure(Harness& harness, Versioning mode, bool object_lock = false) {
  const auto changed = harness.run(harness.objects->change_bucket(
      crypto::kRootTenant, harness.bucket.name, [&](BucketConfig& config) {
        config.versioning = mode;
        config.object_lock = object_lock;
        return Status();
      }));
  ASSERT_TRUE(changed.has_value()) << changed.error().message;
  harness.bucket = *changed;
}

VersionListPage list(Harness& harness, VersionListRequest request) {
  auto page = harness.run(harness.objects->list_versions(harness.bucket, std::move(request)));
  EXPECT_TRUE(page.has_value());
  return page ? std::move(*page) : VersionListPage();
}

class Versions : public testing::TestWithParam<Backends> {};

// "key id" of versions and "prefix " of common prefixes, in the order of keys.
std::vector<std::string> naive(const std::vector<ObjectInfo>& all, const std::string& prefix,
                               const std::string& delimiter) {
  std::vector<std::string> out;
  for (const ObjectInfo& info : all) {
    if (!info.key.starts_with(prefix)) continue;
    std::string text = info.key + " " + info.version_id;
    if (!delimiter.empty()) {
      const size_t at = info.key.find(delimiter, prefix.size());
      if (at != std::string::npos) text = info.key.substr(0, at + delimiter.size()) + " ";
    }
    if (out.empty() || out.back() != text) out.push_back(std::move(text));
  }
  return out;
}

TEST_P(Versions, PagesEqualTheNaiveFilter) {
  Harness harness(GetParam());
  configure(harness, Versioning::kEnabled);
  SeededRandom random(5);
  static constexpr std::string_view kAlphabet = "ab/";
  for (int i = 0; i < 150; ++i) {
    std::string key;
    for (size_t length = 1 + random.below(4); length > 0; --length) {
      key.push_back(kAlphabet[random.below(kAlphabet.size())]);
    }
    if (random.below(4) == 0) {
      ASSERT_TRUE(harness.remove(key).has_value());
    } else {
      ASSERT_TRUE(harness.put(key, as_bytes("x")).has_value());
    }
  }
  const std::vector<ObjectInfo> all = list(harness, {}).versions;
  ASSERT_EQ(all.size(), 150);
  for (int i = 0; i < 200; ++i) {
    VersionListRequest request;
    if (random.below(2) == 0) request.prefix = all[random.below(all.size())].key.substr(0, 2);
    if (random.below(2) == 0) request.delimiter = random.below(2) == 0 ? "/" : "b";
    request.limit = 1 + random.below(30);
    std::vector<std::string> shown;
    while (true) {
      const VersionListPage page = list(harness, request);
      std::vector<std::tuple<std::string, size_t, std::string>> rows;
      for (const ObjectInfo& info : page.versions) {
        rows.emplace_back(info.key, rows.size(), info.version_id);
      }
      for (const std::string& common : page.common_prefixes) rows.emplace_back(common, 0, "");
      ASSERT_LE(rows.size(), request.limit);
      std::ranges::sort(rows);
      for (const auto& [key, at, id] : rows) shown.push_back(key + " " + id);
      if (!page.truncated) break;
      request.key_marker = page.next_key;
      request.version_id_marker = page.next_version_id;
    }
    ASSERT_EQ(shown, naive(all, request.prefix, request.delimiter))
        << "prefix '" << request.prefix << "' delimiter '" << request.delimiter << "'";
  }
}

TEST_P(Versions, AWalkShowsTheMomentItBeganWhateverComesMeanwhile) {
  Harness harness(GetParam());
  configure(harness, Versioning::kEnabled);
  for (int i = 0; i < 60; ++i) {
    const std::string key = "k" + std::to_string(10 + i % 25);
    if (i % 7 == 6) {
      ASSERT_TRUE(harness.remove(key).has_value());
    } else {
      ASSERT_TRUE(harness.put(key, as_bytes("x")).has_value());
    }
  }
  const std::vector<ObjectInfo> all = list(harness, {}).versions;
  for (const size_t skipped : {0, 1, 17, 58}) {
    VersionListRequest request;
    request.limit = 4;
    if (skipped > 0) {
      request.key_marker = all[skipped - 1].key;
      request.version_id_marker = all[skipped - 1].version_id;
    }
    const std::vector<ObjectInfo> now = list(harness, {}).versions;
    std::vector<ObjectInfo> wanted = now;
    const auto marker = std::ranges::find(wanted, request.version_id_marker,
                                          [](const ObjectInfo& info) { return info.version_id; });
    if (skipped > 0) wanted.erase(wanted.begin(), marker + 1);
    auto cursor = harness.run(harness.objects->walk_versions(harness.bucket, request));
    ASSERT_TRUE(cursor.has_value()) << cursor.error().message;
    std::vector<ObjectInfo> shown;
    for (bool more = true; more;) {
      auto page = harness.run((*cursor)->next(1 + shown.size() % 5));
      ASSERT_TRUE(page.has_value());
      std::ranges::move(page->versions, std::back_inserter(shown));
      more = page->truncated;
      // Newer versions, and new keys, ahead of the walk and behind it.
      const std::string key = "k" + std::to_string(10 + shown.size() % 40);
      ASSERT_TRUE(harness.put(key, as_bytes("new")).has_value());
    }
    ASSERT_EQ(shown.size(), wanted.size());
    for (size_t i = 0; i < shown.size(); ++i) {
      EXPECT_EQ(shown[i].version_id, wanted[i].version_id) << i;
      EXPECT_EQ(shown[i].is_latest, wanted[i].is_latest) << i;
    }
  }
}

TEST(VersionPages, CostWhatTheyShowHoweverManyVersionsThereAre) {
  Harness harness(Backends::kMemory);
  auto counting = std::make_unique<CountingCatalog>(std::move(harness.catalog));
  CountingCatalog& counter = *counting;
  harness.catalog = std::move(counting);
  harness.reopen();
  configure(harness, Versioning::kEnabled);
  constexpr size_t kMany = 3000;
  for (size_t i = 0; i < kMany; ++i) ASSERT_TRUE(harness.put("m/k", as_bytes("x")).has_value());
  ASSERT_TRUE(harness.put("z", as_bytes("x")).has_value());
  ASSERT_TRUE(harness.remove("z").has_value());

  constexpr size_t kRowsMax = 100;
  VersionListRequest by_prefix;
  by_prefix.delimiter = "/";
  counter.scanned_count = 0;
  EXPECT_EQ(list(harness, by_prefix).common_prefixes.size(), 1);
  EXPECT_LT(counter.scanned_count, kRowsMax);

  VersionListRequest middle;
  middle.limit = kMany / 2;
  const VersionListPage half = list(harness, middle);
  middle.key_marker = half.next_key;
  middle.version_id_marker = half.next_version_id;
  middle.limit = 10;
  counter.scanned_count = 0;
  EXPECT_EQ(list(harness, middle).versions.size(), 10);
  EXPECT_LT(counter.scanned_count, kRowsMax);

  // Current objects are listed without a look at old versions.
  counter.scanned_count = 0;
  EXPECT_EQ(harness.list({})->objects.size(), 1);
  EXPECT_LT(counter.scanned_count, kRowsMax);
}

// A version is not missed while it moves between the rows of current objects and those of others.
TEST(VersionPages, ShowWhatBecomesCurrentWhileTheyAreRead) {
  Harness harness;
  auto counting = std::make_unique<CountingCatalog>(std::move(harness.catalog));
  CountingCatalog* const catalog = counting.get();
  harness.catalog = std::move(counting);
  harness.reopen();
  configure(harness, Versioning::kEnabled);
  const std::string stays = harness.put("key", random_bytes(1, 100)).value().version_id;
  const std::string goes = harness.put("key", random_bytes(2, 100)).value().version_id;
  catalog->rival = [&]() -> io::Task<Status> {
    RemoveRequest request;
    request.key = "key";
    request.version_id = goes;
    co_await io::or_return(harness.objects->remove_one(harness.bucket, std::move(request)));
    co_return Status();
  };
  const auto page = harness.run(harness.objects->list_versions(harness.bucket, {}));
  ASSERT_TRUE(page.has_value()) << page.error().message;
  EXPECT_FALSE(catalog->rival) << "the rival did not run";
  const auto shown = std::ranges::count(page->versions, stays, &ObjectInfo::version_id);
  EXPECT_EQ(shown, 1) << "of the version that is there all the time";
}

TEST_P(Versions, LocksKeepAVersionUntilTheyEnd) {
  Harness harness(GetParam());
  configure(harness, Versioning::kEnabled, true);
  const auto put_locked = [&](ObjectLock lock) {
    PutOptions options;
    options.lock = lock;
    return harness.put("k", random_bytes(1, 50000), options)->version_id;
  };
  const auto removed = [&](const std::string& id, bool bypass) {
    RemoveRequest request{"k", id, {}, bypass};
    return harness.run(harness.objects->remove_one(harness.bucket, request));
  };
  const WallTime now = system_clock().wall_now();
  const WallTime future{now.unix_ms + 3'600'000};
  const WallTime past{now.unix_ms - 1};
  const std::string held = put_locked({LockMode::kNone, {}, true});
  const std::string governed = put_locked({LockMode::kGovernance, future, false});
  const std::string complied = put_locked({LockMode::kCompliance, future, false});
  const std::string over = put_locked({LockMode::kCompliance, past, false});
  for (const bool bypass : {false, true}) {
    EXPECT_EQ(removed(held, bypass).error().message, reason::kObjectLocked);
    EXPECT_EQ(removed(complied, bypass).error().message, reason::kObjectLocked);
  }
  EXPECT_EQ(removed(governed, false).error().message, reason::kObjectLocked);
  EXPECT_TRUE(removed(governed, true).has_value());
  EXPECT_TRUE(removed(over, false).has_value());
  // A delete marker is no removal.
  EXPECT_TRUE(removed("", false)->made_marker);
  const auto released =
      harness.run(harness.objects->change_version(harness.bucket, "k", held, [](ObjectInfo& info) {
        info.lock.legal_hold = false;
        return Status();
      }));
  ASSERT_TRUE(released.has_value());
  EXPECT_TRUE(removed(held, false).has_value());
}

TEST_P(Versions, NamesAreOneSpaceButForIsolatedTenants) {
  Harness harness(GetParam());
  const auto make = [&](TenantId tenant, bool isolated) {
    CreateBucketOptions options;
    options.is_isolated = isolated;
    return harness.run(harness.objects->create_bucket(tenant, "bucket", options));
  };
  EXPECT_EQ(make(crypto::kRootTenant, false).error().message, reason::kBucketOwned);
  EXPECT_EQ(make(kOther, false).error().message, reason::kBucketExists);
  const auto own = make(kOther, true);
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(harness.run(harness.objects->find_bucket("bucket"))->tenant, crypto::kRootTenant);
  EXPECT_EQ(harness.run(harness.objects->bucket(kOther, "bucket"))->id, own->id);
  // The isolated one goes without taking the name from its owner.
  ASSERT_TRUE(harness.run(harness.objects->delete_bucket(kOther, "bucket")));
  ASSERT_TRUE(harness.run(harness.objects->find_bucket("bucket")).has_value());
  ASSERT_TRUE(harness.run(harness.objects->delete_bucket(crypto::kRootTenant, "bucket")));
  EXPECT_EQ(harness.run(harness.objects->find_bucket("bucket")).error().message,
            reason::kNoSuchBucket);
  EXPECT_TRUE(make(kOther, false).has_value());
}

// Chunk ids of older stores say nothing of placements, though they have bytes where others do.
TEST_P(Versions, StoresOfAnotherSchemaAreRefused) {
  Harness harness(GetParam());
  for (const uint32_t schema_version : {2U, 4U}) {
    catalog::Batch batch;
    StoreInfo info;
    info.schema_version = schema_version;
    info.store_id.resize(16);
    batch.puts.push_back({keys::store_info(), encode_store_info(info)});
    ASSERT_TRUE(harness.run(harness.catalog->commit(std::move(batch))).has_value());
    ObjectsOptions options;
    options.catalog = harness.catalog.get();
    options.store = harness.store.get();
    options.keys = harness.keys.get();
    const auto opened = harness.run(open_objects(options));
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Code::kUnsupported);
    EXPECT_NE(opened.error().message.find("schema version " + std::to_string(schema_version)),
              std::string::npos);
  }
}

TEST_P(Versions, ARepeatedCompleteTellsTheSameVersion) {
  Harness harness(GetParam());
  configure(harness, Versioning::kEnabled);
  const auto upload = harness.run(harness.objects->create_upload(harness.bucket, "k", {}));
  const auto part = harness.put_part(*upload, 1, as_bytes("part"));
  CompleteOptions options;
  options.parts.push_back({1, part->etag, std::nullopt});
  const auto complete = [&] {
    return harness.run(
        harness.objects->complete_upload(harness.bucket, "k", upload->upload_id, options));
  };
  const auto first = complete();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->version_id.size(), 32);
  EXPECT_EQ(complete()->version_id, first->version_id);
  EXPECT_EQ(list(harness, {}).versions.size(), 1);
}

INSTANTIATE_TEST_SUITE_P(Backends, Versions, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

}  // namespace
}  // namespace cairn::object
