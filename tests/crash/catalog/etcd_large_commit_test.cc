// Property: a batch that is larger than a transaction is a commit all the same: with it everything
// is there, without it nothing stays, whatever was cut in between.
// Method: a real etcd at its default limits; keys e* may precede their commit, g* and deletes of p*
// may follow it. Crashes are played by taking the cluster away in the middle and opening anew.
#include <gtest/gtest.h>

#include <thread>

#include "catalog/etcd/large_commit.h"
#include "tests/support/cut_proxy.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/etcd_node.h"

namespace cairn::catalog {
namespace {

using testing_support::CutProxy;
using testing_support::EtcdCluster;
using testing_support::EtcdNode;

CommitTiming timing() {
  return {.may_precede = [](std::string_view key) { return key.starts_with("e"); },
          .may_follow = [](std::string_view key,
                           bool deletes) { return key.starts_with(deletes ? "p" : "g"); }};
}

EtcdOptions on(const EtcdCluster& cluster) {
  return {.endpoints = cluster.endpoints(), .prefix = "t", .timing = timing()};
}

constexpr int kMany = 1000;

Batch large_batch() {
  Batch batch{.preconditions = {Precondition::absent("object")}, .puts = {{"object", "new"}}};
  for (int i = 0; i < kMany; ++i) {
    batch.puts.push_back({"e" + std::to_string(i), ""});
    batch.puts.push_back({"g" + std::to_string(i), "garbage"});
    batch.deletes.push_back("p" + std::to_string(i));
  }
  return batch;
}

// How many keys begin with that letter.
size_t count(EtcdNode& node, const std::string& letter) {
  const Result<ScanPage> page = node.run(node.catalog().scan(
      {.begin = letter, .end = prefix_end(letter), .limit_entries = 10 * kMany}));
  return page ? page->entries.size() : SIZE_MAX;
}

// How many keys of plans are left in etcd.
int64_t plans_left(EtcdCluster& cluster) {
  proto::etcd::RangeRequest request;
  request.set_key("t/x/");
  request.set_range_end("t/x0");
  request.set_count_only(true);
  proto::etcd::RangeResponse answer;
  if (!cluster.ask(0, "/etcdserverpb.KV/Range", request.SerializeAsString(), answer)) return -1;
  return answer.count();
}

void put_parts(EtcdNode& node) {
  for (int i = 0; i < kMany; i += 100) {
    Batch batch;
    for (int j = i; j < i + 100; ++j) batch.puts.push_back({"p" + std::to_string(j), ""});
    ASSERT_TRUE(node.commit(std::move(batch)).has_value());
  }
}

TEST(SplitBatch, WhatAPreconditionNamesStaysInTheCore) {
  const Batch batch{.preconditions = {Precondition::absent("e1"), Precondition::present("p1")},
                    .puts = {{"e1", ""}, {"e2", ""}, {"g1", ""}, {"o", ""}},
                    .deletes = {"p1", "p2", "o2"}};
  const etcd::SplitBatch split = etcd::split_batch(batch, timing());
  EXPECT_EQ(split.core.preconditions.size(), 2U);
  EXPECT_EQ(split.core.puts.size(), 2U);
  EXPECT_EQ(split.core.deletes.size(), 2U);
  EXPECT_EQ(split.early.size(), 1U);
  EXPECT_EQ(split.late_puts.size(), 1U);
  EXPECT_EQ(split.late_deletes, std::vector<std::string>{"p2"});
}

TEST(EtcdLargeCommit, BringsEverythingAndLeavesNoPlan) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  put_parts(node);
  const Result<Version> done = node.commit(large_batch());
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(node.get("object"), "new");
  EXPECT_EQ(node.run(node.catalog().get("object"))->value().version, *done);
  EXPECT_EQ(count(node, "e"), size_t{kMany});
  EXPECT_EQ(count(node, "g"), size_t{kMany});
  EXPECT_EQ(count(node, "p"), 0U);
  EXPECT_EQ(plans_left(cluster), 0);
}

TEST(EtcdLargeCommit, ARefusedOneTakesBackWhatItBroughtAndNoMore) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  put_parts(node);
  ASSERT_TRUE(node.put("object", "old").has_value());
  ASSERT_TRUE(node.put("e7", "").has_value());
  const Result<Version> refused = node.commit(large_batch());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition) << refused.error().message;
  EXPECT_EQ(node.get("object"), "old");
  EXPECT_EQ(count(node, "e"), 1U) << "the edge that was there before stays";
  EXPECT_EQ(count(node, "g"), 0U);
  EXPECT_EQ(count(node, "p"), size_t{kMany});
  EXPECT_EQ(plans_left(cluster), 0);
}

TEST(EtcdLargeCommit, WhatMustHappenAtOnceAndIsTooMuchIsRefusedBeforeAnythingIsWritten) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  Batch batch = large_batch();
  for (int i = 0; i < 130; ++i) batch.puts.push_back({"core" + std::to_string(i), ""});
  EXPECT_EQ(node.commit(batch).error().code, Code::kInvalidArgument);
  EXPECT_EQ(count(node, "e"), 0U);
  EXPECT_EQ(plans_left(cluster), 0);
}

// The cluster goes away after a random time within a large commit, and the node with it. What an
// opening node finds is the whole commit or nothing of it, and no plan.
TEST(EtcdLargeCommit, ACutOneIsCarriedOnOrTakenBack) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  CutProxy proxy(std::stoi(cluster.endpoint(0).substr(10)));
  EtcdOptions options = on(cluster);
  options.endpoints = {proxy.endpoint()};
  options.timeout = milliseconds(800);
  EtcdNode node(options);
  int whole = 0;
  int nothing = 0;
  for (int round = 0; round < 12; ++round) {
    put_parts(node);
    std::thread cutter([&proxy, round] {
      std::this_thread::sleep_for(std::chrono::milliseconds(4 * round * round));
      proxy.block();
    });
    const Result<Version> done = node.commit(large_batch());
    cutter.join();
    node.close();
    proxy.heal();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    node.open();
    const bool is_there = node.get("object") == "new";
    if (done) EXPECT_TRUE(is_there) << "round " << round;
    EXPECT_EQ(count(node, "e"), is_there ? size_t{kMany} : 0U) << "round " << round;
    EXPECT_EQ(count(node, "g"), is_there ? size_t{kMany} : 0U) << "round " << round;
    EXPECT_EQ(count(node, "p"), is_there ? 0U : size_t{kMany}) << "round " << round;
    EXPECT_EQ(plans_left(cluster), 0) << "round " << round;
    ++(is_there ? whole : nothing);
    for (const std::string letter : {"e", "g", "o"}) {
      while (count(node, letter) > 0) {
        const Result<ScanPage> page = node.run(node.catalog().scan(
            {.begin = letter, .end = prefix_end(letter), .limit_entries = 100}));
        Batch batch;
        for (const Entry& entry : page->entries) batch.deletes.push_back(entry.key);
        ASSERT_TRUE(node.commit(std::move(batch)).has_value());
      }
    }
  }
  std::printf("%d whole, %d taken back\n", whole, nothing);
  EXPECT_GT(nothing, 0);
}

}  // namespace
}  // namespace cairn::catalog
