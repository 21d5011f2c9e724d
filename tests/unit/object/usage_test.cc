// Property: the usage of a bucket, its tenant and its maker is what a scan of all rows finds,
// whatever was written, replaced, removed, uploaded in parts, completed or aborted; commits side by
// side never pass a limit; a limit that is not known to hold lets nothing grow. Method: a model by
// random operations on a simulated store, counted again after each reopening.
#include "object/usage.h"

#include <gtest/gtest.h>

#include <thread>

#include "catalog/memory_catalog.h"
#include "io/sim_file_system.h"
#include "tests/support/sim_objects.h"

namespace cairn::object {
namespace {

constexpr TenantId kTenant = crypto::kRootTenant;

TEST(UsageTable, ReservesWhatGrowsAndFreesWhatIsDone) {
  UsageTable table;
  table.set_counted();
  table.limit_bucket(1, {100, 0});
  {
    Result<UsageReservation> first = table.reserve({1, kTenant, {60, 1}});
    ASSERT_TRUE(first);
    EXPECT_FALSE(table.reserve({1, kTenant, {41, 1}}));
    EXPECT_TRUE(table.reserve({1, kTenant, {40, 1}}));  // Given back at once.
    EXPECT_TRUE(table.reserve({2, kTenant, {1000, 1}}));
    first->keep();
  }
  EXPECT_EQ(table.of_bucket(1), (Usage{60, 1}));
  EXPECT_EQ(table.of_tenant(kTenant), (Usage{60, 1}));
  {
    // What a commit frees counts once it is done, and not when it failed.
    Result<UsageReservation> frees = table.reserve({1, kTenant, {-60, -1}});
    ASSERT_TRUE(frees);
    EXPECT_EQ(table.of_bucket(1), (Usage{60, 1}));
  }
  EXPECT_EQ(table.of_bucket(1), (Usage{60, 1}));
  Result<UsageReservation> frees = table.reserve({1, kTenant, {-60, -1}});
  frees->keep();
  EXPECT_EQ(table.of_bucket(1), (Usage{0, 0}));
}

TEST(UsageTable, LimitsTenantsOverAllBucketsAndVersions) {
  UsageTable table;
  table.set_counted();
  table.limit_tenant(kTenant, {0, 3});
  for (uint64_t bucket = 1; bucket <= 3; ++bucket) {
    Result<UsageReservation> one = table.reserve({bucket, kTenant, {10, 1}});
    ASSERT_TRUE(one);
    one->keep();
  }
  const Result<UsageReservation> fourth = table.reserve({9, kTenant, {10, 1}});
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().code, Code::kResourceExhausted);
  EXPECT_TRUE(fourth.error().message.starts_with(reason::kQuotaExceeded));
  EXPECT_TRUE(table.reserve({9, TenantId{2}, {10, 1}}));
}

std::shared_ptr<const std::string> user(std::string arn) {
  return std::make_shared<const std::string>(std::move(arn));
}

TEST(UsageTable, LimitsUsersOverAllBucketsThatTheyMade) {
  UsageTable table;
  table.set_counted();
  table.limit_user("anna", {100, 0});
  for (uint64_t bucket = 1; bucket <= 2; ++bucket) {
    Result<UsageReservation> one = table.reserve({bucket, kTenant, {50, 1}, user("anna")});
    ASSERT_TRUE(one);
    one->keep();
  }
  const UsageChange third{3, kTenant, {1, 1}, user("anna")};
  EXPECT_FALSE(table.check(third));
  const Result<UsageReservation> refused = table.reserve(third);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.starts_with(reason::kQuotaExceeded));
  // Nothing of a refused commit stays, in none of the three counters.
  EXPECT_EQ(table.of_bucket(3), Usage());
  EXPECT_EQ(table.of_tenant(kTenant), (Usage{100, 2}));
  EXPECT_EQ(table.of_user("anna"), (Usage{100, 2}));
  // Others' buckets and those of nobody are not anna's.
  EXPECT_TRUE(table.reserve({4, kTenant, {1000, 1}, user("ben")}));
  EXPECT_TRUE(table.reserve({5, kTenant, {1000, 1}}));
  Result<UsageReservation> frees = table.reserve({1, kTenant, {-50, -1}, user("anna")});
  ASSERT_TRUE(frees);
  EXPECT_FALSE(table.check(third));  // Not before the commit is done.
  frees->keep();
  EXPECT_TRUE(table.check(third));
}

TEST(UsageTable, IsClosedUntilItIsCounted) {
  UsageTable table;
  table.limit_bucket(1, {100, 0});
  const Result<UsageReservation> early = table.reserve({1, kTenant, {1, 1}});
  ASSERT_FALSE(early);
  EXPECT_FALSE(early.error().message.starts_with(reason::kQuotaExceeded));
  EXPECT_TRUE(table.reserve({1, kTenant, {-1, -1}}));
  EXPECT_TRUE(table.reserve({2, kTenant, {1, 1}}));  // No limit.
  table.add_counted({1, kTenant, {99, 1}});
  table.set_counted();
  EXPECT_TRUE(table.reserve({1, kTenant, {1, 1}}));
  EXPECT_FALSE(table.reserve({1, kTenant, {2, 1}}));
}

TEST(UsageTable, CommitsSideBySideNeverPassTheLimit) {
  UsageTable table;
  table.set_counted();
  table.limit_bucket(1, {10'000, 0});
  std::atomic<int64_t> kept{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&table, &kept] {
      for (int k = 0; k < 2000; ++k) {
        Result<UsageReservation> one = table.reserve({1, kTenant, {7, 1}});
        if (!one || k % 3 == 0) continue;  // A third of the commits fail.
        one->keep();
        kept += 7;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(kept, 10'000);
  EXPECT_GT(kept, 9'900);
  EXPECT_EQ(table.of_bucket(1).size_bytes, kept);
}

// Random operations on one bucket.
class UsageModel : public testing::TestWithParam<std::tuple<uint64_t, Versioning>> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_.open(disk_, *catalog_));
    CreateBucketOptions options;
    BucketConfig config;
    config.versioning = std::get<1>(GetParam());
    config.creator = kMaker;
    options.config = config;
    ASSERT_TRUE(store_.wait(store_.objects().create_bucket(kTenant, "bucket", options)));
    reopen();
  }
  void reopen() {
    store_.close();
    ASSERT_TRUE(store_.open(disk_, *catalog_));
    ASSERT_TRUE(store_.wait(store_.objects().begin_usage_count()));
    ASSERT_TRUE(store_.wait(store_.objects().count_usage({})));
    bucket_ = *store_.bucket();
  }
  static constexpr const char* kMaker = "arn:aws:iam::000000000001:user/anna";

  Usage usage() { return store_.objects().usage().of_bucket(bucket_.id); }

  void put(const std::string& key, size_t size) {
    auto writer = store_.wait(store_.objects().put(bucket_, key, {}));
    ASSERT_TRUE(writer);
    ASSERT_TRUE(store_.wait((*writer)->write(random_bytes(size, size))));
    ASSERT_TRUE(store_.wait((*writer)->finish({})));
  }
  void remove(const std::string& key, const std::string& version) {
    RemoveRequest request;
    request.key = key;
    request.version_id = version;
    ASSERT_TRUE(store_.wait(store_.objects().remove_one(bucket_, std::move(request))));
  }
  void upload(const std::string& key, bool complete, SeededRandom& random) {
    const auto upload = store_.wait(store_.objects().create_upload(bucket_, key, {}));
    ASSERT_TRUE(upload);
    CompleteOptions options;
    for (uint32_t number = 1; number <= 3; ++number) {
      const size_t size = number < 3 ? kPartBytesMin : 1 + random.below(1000);
      // The second part is written twice.
      for (uint32_t turn = 0; turn < (number == 2 ? 2u : 1u); ++turn) {
        auto writer = store_.wait(store_.objects().put_part(bucket_, *upload, number, {}));
        ASSERT_TRUE(writer);
        ASSERT_TRUE(store_.wait((*writer)->write(random_bytes(size + turn, size + turn))));
        const auto part = store_.wait((*writer)->finish({}));
        ASSERT_TRUE(part);
        if (turn == 0 && number == 2) continue;
        options.parts.push_back({number, part->etag, std::nullopt});
      }
    }
    if (random.below(3) == 0) return;  // Stays pending.
    if (complete) {
      options.parts.pop_back();  // One part is left out.
      ASSERT_TRUE(
          store_.wait(store_.objects().complete_upload(bucket_, key, upload->upload_id, options)));
    } else {
      ASSERT_TRUE(store_.wait(store_.objects().abort_upload(bucket_, key, upload->upload_id)));
    }
  }

  io::SimFileSystem disk_{io::SimDiskOptions{.seed = 1}};
  std::unique_ptr<catalog::Catalog> catalog_ = catalog::make_memory_catalog();
  testing_support::SimObjects store_{1};
  BucketInfo bucket_;
};

TEST_P(UsageModel, CountersAreWhatAScanFinds) {
  const uint64_t seed = std::get<0>(GetParam());
  SeededRandom random(seed);
  for (int step = 0; step < 60; ++step) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed << " step=" << step);
    const std::string key = "k" + std::to_string(random.below(4));
    switch (random.below(10)) {
      case 0:
      case 1:
      case 2: put(key, random.below(2) == 0 ? random.below(200) : 20'000 + random.below(9)); break;
      case 3:
      case 4: remove(key, ""); break;
      case 5: {
        const auto page = store_.wait(store_.objects().list_versions(bucket_, {}));
        ASSERT_TRUE(page);
        if (page->versions.empty()) break;
        const ObjectInfo& victim = page->versions[random.below(page->versions.size())];
        remove(victim.key, victim.version_id);
        break;
      }
      case 6:
        if (random.below(4) == 0) upload(key, random.below(2) == 0, random);
        break;
      case 7: {
        const auto source = store_.wait(store_.objects().head(bucket_, key, ""));
        if (!source) break;
        ASSERT_TRUE(store_.wait(store_.objects().copy(bucket_, *source, bucket_,
                                                      "k" + std::to_string(random.below(4)), {})));
        break;
      }
      case 8: {
        const auto base = store_.wait(store_.objects().head(bucket_, key, ""));
        auto writer =
            store_.wait(store_.objects().append(bucket_, key, base ? base->size_bytes : 0, {}));
        ASSERT_TRUE(writer);
        ASSERT_TRUE(store_.wait((*writer)->write(random_bytes(9, 1 + random.below(20'000)))));
        ASSERT_TRUE(store_.wait((*writer)->finish({})));
        break;
      }
      case 9:
        // Refused where there are versions; then nothing changes.
        static_cast<void>(store_.wait(
            store_.objects().rename(bucket_, key, "k" + std::to_string(random.below(4)), {})));
        break;
    }
    if (step % 15 != 14) continue;
    const Usage before = usage();
    const Usage tenant = store_.objects().usage().of_tenant(kTenant);
    EXPECT_EQ(before, store_.objects().usage().of_user(kMaker));
    reopen();
    EXPECT_EQ(before.size_bytes, usage().size_bytes);
    EXPECT_EQ(before.versions_count, usage().versions_count);
    EXPECT_EQ(tenant, store_.objects().usage().of_tenant(kTenant));
    EXPECT_EQ(before, store_.objects().usage().of_user(kMaker));  // The only bucket.
  }
  put("last", 100);  // Something is there, whatever came before.
  EXPECT_GE(usage().size_bytes, 100);
}

INSTANTIATE_TEST_SUITE_P(Seeds, UsageModel,
                         testing::Combine(testing::Range<uint64_t>(1, 5),
                                          testing::Values(Versioning::kUnversioned,
                                                          Versioning::kEnabled,
                                                          Versioning::kSuspended)));

}  // namespace
}  // namespace cairn::object
