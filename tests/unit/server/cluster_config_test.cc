// Property: a node's part in a cluster is the same by flags and by [cluster], and what cannot work
// or is not safe is refused with what to do.
#include "server/cluster_config.h"

#include <gtest/gtest.h>

#include "server/config.h"

namespace cairn::server {
namespace {

ClusterConfig whole() {
  ClusterConfig config;
  config.join = "etcd://127.0.0.1:2379/prod";
  config.name = "node-1";
  config.peer_listen = "10.0.0.7:9100";
  config.peer_ca = "ca.pem";
  config.peer_cert = "node.pem";
  config.peer_key = "node.key";
  return config;
}

void expect_refused(ClusterConfig config, std::string_view about) {
  const Status done = complete_cluster(config);
  ASSERT_FALSE(done) << about;
  EXPECT_EQ(done.error().code, Code::kInvalidArgument);
  EXPECT_NE(done.error().message.find(about), std::string::npos) << done.error().message;
}

TEST(ClusterConfigTest, TheTableSaysWhatTheFlagsSay) {
  Config config;
  const Status applied = apply_toml(
      config,
      "[cluster]\njoin = 'etcd://127.0.0.1:2379/prod'\nname = 'node-1'\nzone = 'rack-3'\n"
      "capacity = '2TiB'\npeer-listen = '0.0.0.0:9100'\nadvertise = '10.0.0.7:9100'\n"
      "peer-ca = 'a'\npeer-cert = 'b'\npeer-key = 'c'\npeer-memory = '4GiB'\n"
      "peer-patience-ms = '70'\n",
      "test");
  ASSERT_TRUE(applied) << applied.error().message;
  const ClusterConfig& cluster = config.cluster;
  EXPECT_EQ(cluster.join, "etcd://127.0.0.1:2379/prod");
  EXPECT_EQ(cluster.name, "node-1");
  EXPECT_EQ(cluster.zone, "rack-3");
  EXPECT_EQ(cluster.capacity_bytes, 2 * TiB);
  EXPECT_EQ(cluster.peer_listen, "0.0.0.0:9100");
  EXPECT_EQ(cluster.advertise, "10.0.0.7:9100");
  EXPECT_EQ(cluster.peer_ca + cluster.peer_cert + cluster.peer_key, "abc");
  EXPECT_EQ(cluster.peer_memory_bytes, 4 * GiB);
  EXPECT_EQ(cluster.peer_patience_ms, 70U);

  const Status unknown = apply_toml(config, "[cluster]\nnmae = 'x'\n", "test");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("cluster.nmae"), std::string::npos);
}

TEST(ClusterConfigTest, WithoutAClusterNothingIsAsked) {
  ClusterConfig config;
  EXPECT_TRUE(complete_cluster(config));
  EXPECT_FALSE(config.is_set());
}

TEST(ClusterConfigTest, ANodeHasTheHostsNameUnlessItHasItsOwn) {
  ClusterConfig config;
  config.join = "etcd://127.0.0.1:2379";
  ASSERT_TRUE(complete_cluster(config));
  EXPECT_FALSE(config.name.empty());
  EXPECT_FALSE(config.has_peers());
  config.name = "a/b";
  expect_refused(config, "node-name");
}

TEST(ClusterConfigTest, OtherNodesAreNotListenedToWithoutCertificates) {
  ClusterConfig config = whole();
  ASSERT_TRUE(complete_cluster(config));
  EXPECT_TRUE(config.has_peers());
  for (std::string ClusterConfig::* file :
       {&ClusterConfig::peer_ca, &ClusterConfig::peer_cert, &ClusterConfig::peer_key}) {
    ClusterConfig without = whole();
    (without.*file).clear();
    expect_refused(without, "peer-ca, peer-cert and peer-key");
    // Not on loopback either.
    without.peer_listen = "127.0.0.1:9100";
    expect_refused(without, "peer-ca, peer-cert and peer-key");
  }
}

TEST(ClusterConfigTest, AnAddressThatOthersCannotUseIsRefused) {
  ClusterConfig config = whole();
  config.peer_listen = "0.0.0.0:9100";
  expect_refused(config, "advertise");
  config.advertise = "0.0.0.0:9100";
  expect_refused(config, "advertise");
  config.advertise = "node-1:0";
  expect_refused(config, "advertise");
  config.advertise = "node-1.example:9100";
  EXPECT_TRUE(complete_cluster(config));
  config.peer_listen = "nonsense";
  expect_refused(config, "peer-listen");
}

TEST(ClusterConfigTest, PeersNeedAClusterAndMemory) {
  ClusterConfig config = whole();
  config.join.clear();
  expect_refused(config, "join");
  config = whole();
  config.peer_memory_bytes = 1 * MiB;
  expect_refused(config, "peer-memory");
}

}  // namespace
}  // namespace cairn::server
