// Property: whatever happens to etcd, a node answers rightly or says in time that it cannot, and
// goes on by itself once the cluster does.
// Method: a real etcd on loopback whose members are killed, stopped, cut off, compacted and filled.
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "io/scope.h"
#include "tests/support/cut_proxy.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/etcd_node.h"

namespace cairn::catalog {
namespace {

using testing_support::CutProxy;
using testing_support::EtcdCluster;
using testing_support::EtcdNode;

// The promise is 2 s; the rest is for a machine that is busy with other tests.
constexpr Duration kAnswerMax = milliseconds(3000);
// "Service back within 5 s of quorum", with the same allowance.
constexpr Duration kBackMax = seconds(10);

Duration since(Instant start) {
  return system_clock().now() - start;
}

EtcdOptions on(const EtcdCluster& cluster, std::string prefix = "t") {
  return {.endpoints = cluster.endpoints(), .prefix = std::move(prefix)};
}

// Writes until a write is acknowledged; false when none is within kBackMax.
bool comes_back(EtcdNode& node) {
  const Instant start = system_clock().now();
  while (since(start) < kBackMax) {
    if (node.put("back", "1") && node.get("back") == "1") return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST(EtcdFaults, WithoutQuorumReadsAndWritesFailInTimeAndComeBack) {
  EtcdCluster cluster({.members = 3});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  ASSERT_TRUE(node.put("a", "1").has_value());
  for (const bool kills : {false, true}) {
    SCOPED_TRACE(kills ? "killed" : "stopped");
    for (const size_t member : {size_t{1}, size_t{2}}) {
      kills ? cluster.kill(member) : cluster.pause(member);
    }
    for (int i = 0; i < 2; ++i) {
      const Instant start = system_clock().now();
      const Result<Version> written = node.put("a", "2");
      EXPECT_LT(since(start), kAnswerMax);
      ASSERT_FALSE(written.has_value());
      EXPECT_EQ(written.error().code, Code::kUnavailable) << written.error().message;
      const Instant read = system_clock().now();
      EXPECT_TRUE(node.get("a").starts_with("(failed")) << "a read that may be old was answered";
      EXPECT_LT(since(read), kAnswerMax);
    }
    for (const size_t member : {size_t{1}, size_t{2}}) {
      kills ? cluster.start(member) : cluster.resume(member);
    }
    EXPECT_TRUE(comes_back(node));
  }
}

TEST(EtcdFaults, StaleReadsAnswerWithoutQuorumWhenTheyAreAskedFor) {
  EtcdCluster cluster({.members = 3});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdOptions options = on(cluster);
  options.stale_reads = true;
  EtcdNode node(options);
  ASSERT_TRUE(node.put("a", "1").has_value());
  EXPECT_EQ(node.get("a"), "1") << "a node sees its own commits";
  cluster.kill(1);
  cluster.kill(2);
  EXPECT_EQ(node.get("a"), "1");
  EXPECT_FALSE(node.put("a", "2").has_value());
}

TEST(EtcdFaults, ALostMemberOrLeaderLosesNoAcknowledgedCommit) {
  EtcdCluster cluster({.members = 3});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  std::map<std::string, std::string> acknowledged;
  for (int round = 0; round < 4; ++round) {
    const size_t leader = cluster.leader();
    ASSERT_LT(leader, cluster.size());
    const size_t victim = round % 2 == 0 ? leader : (leader + 1) % cluster.size();
    const bool kills = round < 2;
    kills ? cluster.kill(victim) : cluster.pause(victim);
    for (int i = 0; i < 30; ++i) {
      const std::string key = std::to_string(round) + "." + std::to_string(i);
      if (node.put(key, key)) acknowledged[key] = key;
    }
    EXPECT_TRUE(comes_back(node)) << "round " << round;
    kills ? cluster.start(victim) : cluster.resume(victim);
    ASSERT_TRUE(cluster.wait_until_ready());
  }
  EXPECT_GT(acknowledged.size(), 60U);
  for (const auto& [key, value] : acknowledged) EXPECT_EQ(node.get(key), value);
}

TEST(EtcdFaults, ALostAnswerIsAskedForAndNotGuessed) {
  EtcdCluster cluster({.members = 3});
  ASSERT_TRUE(cluster.wait_until_ready());
  CutProxy proxy(std::stoi(cluster.endpoint(0).substr(10)));
  EtcdOptions options = on(cluster);
  options.endpoints[0] = proxy.endpoint();
  EtcdNode node(options);
  const Result<Version> first = node.put("counter", "1");
  ASSERT_TRUE(first.has_value());
  // The transaction is applied, its answer lost.
  proxy.block_answers();
  const Result<Version> second = node.commit(
      {.preconditions = {Precondition::version_is("counter", *first)}, .puts = {{"counter", "2"}}});
  ASSERT_TRUE(second.has_value()) << second.error().message;
  EXPECT_EQ(node.metrics().resolved_count.load(), 1U);
  EXPECT_EQ(node.get("counter"), "2");
  proxy.heal();
}

TEST(EtcdFaults, ALostRequestIsMadeAgain) {
  EtcdCluster cluster({.members = 3});
  ASSERT_TRUE(cluster.wait_until_ready());
  CutProxy proxy(std::stoi(cluster.endpoint(0).substr(10)));
  EtcdOptions options = on(cluster);
  options.endpoints[0] = proxy.endpoint();
  EtcdNode node(options);
  const Result<Version> first = node.put("counter", "1");
  ASSERT_TRUE(first.has_value());
  proxy.block_requests();
  const Result<Version> second = node.commit(
      {.preconditions = {Precondition::version_is("counter", *first)}, .puts = {{"counter", "2"}}});
  ASSERT_TRUE(second.has_value()) << second.error().message;
  EXPECT_EQ(node.get("counter"), "2");
  // The first try arrives now, far too late: it must not take the key back.
  ASSERT_TRUE(node.put("counter", "3").has_value());
  proxy.heal(CutProxy::Heal::kDeliver);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(node.get("counter"), "3");
}

TEST(EtcdFaults, ALostAnswerWithoutAnotherMemberIsUnknownAndNeverSaidToHaveFailed) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  CutProxy proxy(std::stoi(cluster.endpoint(0).substr(10)));
  EtcdOptions options = on(cluster);
  options.endpoints[0] = proxy.endpoint();
  EtcdNode node(options);
  proxy.block_answers();
  const Result<Version> written = node.put("a", "1");
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Code::kUnavailable);
  EXPECT_NE(written.error().message.find("unknown"), std::string::npos) << written.error().message;
  EXPECT_EQ(node.metrics().unknown_count.load(), 1U);
  proxy.heal();
  EXPECT_TRUE(comes_back(node));
  EXPECT_EQ(node.get("a"), "1") << "it was applied";
}

TEST(EtcdFaults, TheMirrorGoesOnWhereItWasAfterARestart) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  EtcdNode other(on(cluster));
  ASSERT_TRUE(node.put("a", "1").has_value());
  ASSERT_TRUE(node.put("b", "1").has_value());
  EXPECT_EQ(node.get("a"), "1");
  EXPECT_EQ(node.metrics().bootstraps_count.load(), 1U);
  node.close();
  ASSERT_TRUE(other.put("a", "2").has_value());
  ASSERT_TRUE(other.commit({.deletes = {"b"}}).has_value());
  node.open();
  EXPECT_EQ(node.get("a"), "2");
  EXPECT_EQ(node.keys(), "a ");
  EXPECT_EQ(node.metrics().bootstraps_count.load(), 1U) << "the copy on disk was of use";
}

TEST(EtcdFaults, CompactedHistoryMakesTheMirrorBeginAnew) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  CutProxy proxy(std::stoi(cluster.endpoint(0).substr(10)));
  EtcdOptions options = on(cluster);
  options.endpoints[0] = proxy.endpoint();
  EtcdNode cut_off(options);
  EtcdNode other(on(cluster));
  ASSERT_TRUE(other.put("a", "1").has_value());
  ASSERT_TRUE(other.put("b", "1").has_value());
  EXPECT_EQ(cut_off.get("b"), "1");
  const std::shared_ptr<const Snapshot> before = cut_off.run(cut_off.catalog().snapshot()).value();
  proxy.block();
  ASSERT_TRUE(other.put("a", "2").has_value());
  ASSERT_TRUE(other.commit({.deletes = {"b"}}).has_value());
  ASSERT_TRUE(other.put("c", "2").has_value());
  ASSERT_GT(cluster.compact(0), 0) << cluster.last_message();
  EXPECT_TRUE(cut_off.get("a").starts_with("(failed"));
  proxy.heal();
  EXPECT_TRUE(comes_back(cut_off));
  EXPECT_EQ(cut_off.keys(), "a back c ");
  EXPECT_EQ(cut_off.get("a"), "2");
  EXPECT_EQ(cut_off.metrics().bootstraps_count.load(), 2U);
  const Result<std::optional<Entry>> old = cut_off.run(cut_off.catalog().get("b", before.get()));
  ASSERT_TRUE(old.has_value() && old->has_value()) << "a snapshot stays what it is";
  const Result<std::vector<Change>> history =
      cut_off.run(cut_off.catalog().tail(before->version(), 10));
  ASSERT_FALSE(history.has_value());
  EXPECT_EQ(history.error().code, Code::kOutOfRange) << history.error().message;
}

TEST(EtcdFaults, AFullClusterStillReadsAndDeletes) {
  EtcdCluster cluster({.members = 1, .quota_bytes = 8 << 20});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  ASSERT_TRUE(node.put("a", "1").has_value());
  const std::string large(512 * 1024, 'x');
  Result<Version> written = Version{0};
  for (int i = 0; i < 64 && written; ++i) written = node.put("large" + std::to_string(i), large);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Code::kNoSpace) << written.error().message;
  EXPECT_EQ(node.get("a"), "1");
  const Result<Version> deleted = node.commit({.deletes = {"a"}});
  ASSERT_TRUE(deleted.has_value()) << deleted.error().message;
  EXPECT_EQ(node.get("a"), "(absent)");
  EXPECT_EQ(node.put("a", "2").error().code, Code::kNoSpace);
}

io::Task<void> put_at_once(Catalog& catalog, std::map<std::string, Result<Version>>& done) {
  const auto put = [](Catalog& into, std::string key, Result<Version>& outcome) -> io::Task<void> {
    outcome = co_await into.commit({.puts = {{std::move(key), std::string(256 * 1024, 'x')}}});
  };
  io::Scope scope;
  for (auto& [key, outcome] : done) scope.spawn(put(catalog, key, outcome));
  co_await scope.join();
}

// etcd looks for room when a request comes in and again when its turn has come: of several at a
// time, those that make it full are applied, and answered like those that came too late.
TEST(EtcdFaults, WhatAFullClusterRefusesIsNotThere) {
  for (uint64_t round = 0; round < 4; ++round) {
    EtcdCluster cluster({.members = 1, .quota_bytes = (8 + round) << 20});
    ASSERT_TRUE(cluster.wait_until_ready());
    EtcdNode node(on(cluster));
    bool is_full = false;
    for (int turn = 0; turn < 16 && !is_full; ++turn) {
      std::map<std::string, Result<Version>> done;
      for (int i = 0; i < 8; ++i) done[std::to_string(turn) + "." + std::to_string(i)] = Version{0};
      node.run(put_at_once(node.catalog(), done));
      for (const auto& [key, outcome] : done) {
        if (!outcome) EXPECT_EQ(outcome.error().code, Code::kNoSpace) << outcome.error().message;
        EXPECT_EQ(node.get(key) != "(absent)", outcome.has_value()) << key;
        is_full = is_full || !outcome;
      }
    }
    EXPECT_TRUE(is_full);
  }
}

TEST(EtcdFaults, AClusterThatOthersFillStillReads) {
  EtcdCluster cluster({.members = 1, .quota_bytes = 8 << 20});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  ASSERT_TRUE(node.put("a", "1").has_value());
  // Now there is a key whose changes the watch tells.
  ASSERT_TRUE(cluster.put(0, "other/first", "x"));
  EXPECT_EQ(node.get("a"), "1");
  const std::string large(256 * 1024, 'x');
  for (int i = 0; i < 64; ++i) {
    if (!cluster.put(0, "other/" + std::to_string(i), large)) break;
  }
  EXPECT_EQ(node.put("b", "1").error().code, Code::kNoSpace);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(node.get("a"), "1");
}

TEST(EtcdFaults, WhatOthersWriteIntoTheSameEtcdKeepsNoReadWaiting) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  ASSERT_TRUE(node.put("a", "1").has_value());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(cluster.put(0, "other/" + std::to_string(i), "x"));
    EXPECT_EQ(node.get("a"), "1");
  }
}

TEST(EtcdFaults, OneOfTwoNodesWinsEachRace) {
  EtcdCluster cluster({.members = 3});
  ASSERT_TRUE(cluster.wait_until_ready());
  constexpr int kRounds = 40;
  std::vector<std::vector<bool>> won(2);
  std::vector<std::thread> nodes;
  for (size_t who = 0; who < won.size(); ++who) {
    nodes.emplace_back([&cluster, &mine = won[who], who] {
      EtcdNode node(on(cluster));
      for (int round = 0; round < kRounds; ++round) {
        const std::string key = "race" + std::to_string(round);
        const Result<Version> done = node.commit(
            {.preconditions = {Precondition::absent(key)}, .puts = {{key, std::to_string(who)}}});
        mine.push_back(done.has_value());
        if (!done) EXPECT_EQ(done.error().code, Code::kFailedPrecondition) << done.error().message;
        EXPECT_EQ(node.get(key) == std::to_string(who), done.has_value());
      }
    });
  }
  for (std::thread& node : nodes) node.join();
  for (size_t round = 0; round < kRounds; ++round) EXPECT_NE(won[0][round], won[1][round]);
}

TEST(EtcdFaults, ABatchThatNoTransactionHoldsIsRefusedWithAReason) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  Batch many;
  for (int i = 0; i < 127; ++i) many.puts.push_back({"k" + std::to_string(i), "v"});
  EXPECT_TRUE(node.commit(many).has_value()) << "as many as fit beside the mark";
  many.puts.push_back({"one more", "v"});
  const Result<Version> refused = node.commit(many);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("--max-txn-ops"), std::string::npos);
  EXPECT_EQ(node.get("one more"), "(absent)");
  const Result<Version> heavy = node.put("heavy", std::string(1536 * 1024, 'x'));
  ASSERT_FALSE(heavy.has_value());
  EXPECT_EQ(heavy.error().code, Code::kInvalidArgument);
  EXPECT_TRUE(node.put("heavy", std::string(1500 * 1024, 'x')).has_value());
}

TEST(EtcdFaults, ADirectoryServesOneNodeAtATime) {
  EtcdCluster cluster({.members = 1});
  ASSERT_TRUE(cluster.wait_until_ready());
  EtcdNode node(on(cluster));
  const Result<std::unique_ptr<Catalog>> second = node.try_open();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace cairn::catalog
