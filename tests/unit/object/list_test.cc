// Property: a listing equals the naive filter over all keys, for any prefix, delimiter, start and
// page size, and pages neither skip nor repeat.
// Method: random keys over a small alphabet against a model; both backends.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

struct Shown {
  std::string name;
  bool is_prefix = false;
  friend auto operator<=>(const Shown&, const Shown&) = default;
};

// What a listing without a limit shows, by the definition.
std::vector<Shown> naive(const std::set<std::string>& keys, const ListRequest& request) {
  std::set<Shown> out;
  for (const std::string& key : keys) {
    if (!key.starts_with(request.prefix)) continue;
    std::string common;
    if (!request.delimiter.empty()) {
      const size_t at = key.find(request.delimiter, request.prefix.size());
      if (at != std::string::npos) common = key.substr(0, at + request.delimiter.size());
    }
    if (!common.empty() && common == request.start_after) continue;
    if (key <= request.start_after) continue;
    out.insert(common.empty() ? Shown{key, false} : Shown{common, true});
  }
  return {out.begin(), out.end()};
}

std::vector<Shown> shown(const ListPage& page) {
  std::vector<Shown> out;
  for (const ObjectInfo& info : page.objects) out.push_back({info.key, false});
  for (const std::string& prefix : page.common_prefixes) out.push_back({prefix, true});
  std::ranges::sort(out);
  return out;
}

std::string random_key(SeededRandom& random) {
  static constexpr std::string_view kAlphabet = "ab/-\xff";
  std::string key;
  const size_t length = 1 + random.below(8);
  for (size_t i = 0; i < length; ++i) key.push_back(kAlphabet[random.below(kAlphabet.size())]);
  return key;
}

class Listing : public testing::TestWithParam<Backends> {};

TEST_P(Listing, EqualsTheNaiveFilterForRandomRequests) {
  Harness harness(GetParam());
  SeededRandom random(11);
  std::set<std::string> keys;
  while (keys.size() < 150) keys.insert(random_key(random));
  for (const std::string& key : keys) ASSERT_TRUE(harness.put(key, as_bytes("x")).has_value());
  // A neighbour bucket whose rows must never show.
  harness.bucket = harness.make_bucket("other");
  ASSERT_TRUE(harness.put("aa", as_bytes("x")).has_value());
  harness.bucket = *harness.run(harness.objects->bucket(crypto::kRootTenant, "bucket"));
  const std::vector<std::string> delimiters = {"", "/", "-", "a/", "\xff"};
  for (int i = 0; i < 400; ++i) {
    ListRequest request;
    if (random.below(2) == 0) request.prefix = random_key(random).substr(0, random.below(3));
    request.delimiter = delimiters[random.below(delimiters.size())];
    if (random.below(3) == 0) request.start_after = random_key(random);
    request.limit = 1 + random.below(40);
    const std::vector<Shown> expected = naive(keys, request);
    std::vector<Shown> all;
    for (size_t pages = 0; pages < 200; ++pages) {
      const auto page = harness.list(request);
      ASSERT_TRUE(page.has_value()) << page.error().message;
      const std::vector<Shown> some = shown(*page);
      ASSERT_LE(some.size(), request.limit);
      all.insert(all.end(), some.begin(), some.end());
      if (!page->truncated) break;
      ASSERT_EQ(some.size(), request.limit);
      request.start_after = page->next;
    }
    ASSERT_EQ(all.size(), expected.size())
        << i << " prefix '" << request.prefix << "' delimiter '" << request.delimiter << "'";
    for (size_t at = 0; at < all.size(); ++at) ASSERT_EQ(all[at].name, expected[at].name);
  }
}

TEST_P(Listing, ZeroLimitAndUnknownBucketsAreEmpty) {
  Harness harness(GetParam());
  ASSERT_TRUE(harness.put("a", as_bytes("x")).has_value());
  ListRequest none;
  none.limit = 0;
  const auto page = harness.list(none);
  EXPECT_TRUE(page->objects.empty() && !page->truncated);
}

TEST_P(Listing, BucketsAreListedInOrderAndRefuseToGoWhileFull) {
  Harness harness(GetParam());
  for (const char* name : {"c", "a", "b"}) harness.make_bucket(name);
  const auto all = harness.run(harness.objects->list_buckets(crypto::kRootTenant, "", "a", 10));
  ASSERT_EQ(all->size(), 3);
  EXPECT_EQ((*all)[0].name, "b");
  EXPECT_EQ((*all)[1].name, "bucket");
  const auto again = harness.run(harness.objects->create_bucket(crypto::kRootTenant, "a", {}));
  EXPECT_EQ(again.error().message, reason::kBucketOwned);
  ASSERT_TRUE(harness.put("k", as_bytes("x")).has_value());
  const Status full = harness.run(harness.objects->delete_bucket(crypto::kRootTenant, "bucket"));
  EXPECT_EQ(full.error().message, reason::kBucketNotEmpty);
  ASSERT_TRUE(harness.remove("k").has_value());
  EXPECT_TRUE(harness.run(harness.objects->delete_bucket(crypto::kRootTenant, "bucket")));
  const Status gone = harness.run(harness.objects->delete_bucket(crypto::kRootTenant, "bucket"));
  EXPECT_EQ(gone.error().message, reason::kNoSuchBucket);
}

INSTANTIATE_TEST_SUITE_P(Backends, Listing, testing::Values(Backends::kMemory, Backends::kDisk),
                         backends_name);

}  // namespace
}  // namespace cairn::object
