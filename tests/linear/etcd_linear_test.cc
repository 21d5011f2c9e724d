// Property: the catalog on etcd is linearizable per key, whatever happens to the cluster.
// Method: two nodes work on the same keys of a real etcd of three members while a nemesis kills,
// stops and cuts off members; every history is checked. CAIRN_LINEAR_SECONDS sets the length of a
// run (default 6), CAIRN_SEED the first seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "tests/linear/workload.h"
#include "tests/support/cut_proxy.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/etcd_node.h"

namespace cairn::linear {
namespace {

using testing_support::CutProxy;
using testing_support::EtcdCluster;
using testing_support::EtcdNode;

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

enum class Nemesis : unsigned char { kNone, kKill, kPause, kCutNode, kOneWay, kCompact };

struct Scene {
  Nemesis nemesis;
  const char* name;
};
class EtcdLinear : public ::testing::TestWithParam<Scene> {};

void sleep_ms(uint64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

// One misfortune, and its end.
void strike(Nemesis nemesis, EtcdCluster& cluster, CutProxy& proxy, SeededRandom& random) {
  const size_t leader = cluster.leader();
  // The leader every other time.
  const size_t victim =
      leader < cluster.size() && random.below(2) == 0 ? leader : random.below(cluster.size());
  switch (nemesis) {
    case Nemesis::kNone: break;
    case Nemesis::kKill: cluster.kill(victim); break;
    case Nemesis::kPause: cluster.pause(victim); break;
    case Nemesis::kCutNode: proxy.block(); break;
    case Nemesis::kOneWay: proxy.block_answers(); break;
    case Nemesis::kCompact:
      proxy.block();
      cluster.compact(victim);
      break;
  }
  sleep_ms(300 + random.below(1200));
  switch (nemesis) {
    case Nemesis::kNone: break;
    case Nemesis::kKill: cluster.start(victim); break;
    case Nemesis::kPause: cluster.resume(victim); break;
    case Nemesis::kCutNode:
    case Nemesis::kOneWay:
    case Nemesis::kCompact:
      proxy.heal(random.below(2) == 0 ? CutProxy::Heal::kReset : CutProxy::Heal::kDeliver);
      break;
  }
  sleep_ms(300 + random.below(700));
}

TEST_P(EtcdLinear, HistoriesAreLegal) {
  const uint64_t seed = setting("CAIRN_SEED", 1);
  const Duration length = seconds(static_cast<int64_t>(setting("CAIRN_LINEAR_SECONDS", 6)));
  SCOPED_TRACE(::testing::Message() << "seed=" << seed);
  EtcdCluster cluster({.members = 3});
  ASSERT_TRUE(cluster.wait_until_ready());
  CutProxy proxy(std::stoi(cluster.endpoint(0).substr(10)));
  Recorder recorder;
  std::atomic<bool> stop{false};
  std::vector<std::thread> nodes;
  for (uint64_t who = 0; who < 2; ++who) {
    nodes.emplace_back([&, who] {
      catalog::EtcdOptions options;
      options.endpoints = cluster.endpoints();
      // The first node has one way to the cluster, which can be cut.
      if (who == 0 && GetParam().nemesis >= Nemesis::kCutNode) {
        options.endpoints = {proxy.endpoint()};
      }
      EtcdNode node(options);
      node.run(run_clients(node.catalog(), recorder, seed * 10 + who, 4, stop, milliseconds(2)));
    });
  }
  SeededRandom random(seed);
  const Instant start = system_clock().now();
  while (system_clock().now() - start < length) {
    strike(GetParam().nemesis, cluster, proxy, random);
  }
  stop = true;
  for (std::thread& node : nodes) node.join();
  const Recorder::Totals totals = recorder.totals();
  std::printf("%llu done, %llu refused, %llu unknown, %llu reads without an answer\n",
              static_cast<unsigned long long>(totals.done),
              static_cast<unsigned long long>(totals.refused),
              static_cast<unsigned long long>(totals.unknown),
              static_cast<unsigned long long>(totals.failed_reads));
  EXPECT_GT(totals.done, 50U);
  EXPECT_EQ(recorder.count_offences(true), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Nemesis, EtcdLinear,
    ::testing::Values(Scene{Nemesis::kNone, "none"}, Scene{Nemesis::kKill, "kill"},
                      Scene{Nemesis::kPause, "pause"}, Scene{Nemesis::kCutNode, "cut_node"},
                      Scene{Nemesis::kOneWay, "one_way"}, Scene{Nemesis::kCompact, "compact"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace cairn::linear
