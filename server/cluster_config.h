// This node in a cluster, as settings say it: flags, or in the TOML file
//
//   [cluster]
//   join = "etcd://10.0.0.1:2379,10.0.0.2:2379/prod"
//   name = "node-1"                # default: the host's
//   zone = "rack-3"
//   capacity = "2TiB"              # of its cache: its share of the chunks
//   peer-listen = "0.0.0.0:9100"   # for other nodes; needs the three files
//   advertise = "10.0.0.7:9100"    # where they find it; default: peer-listen
//   peer-ca = "/etc/cairn/ca.pem"
//   peer-cert = "/etc/cairn/node.pem"
//   peer-key = "/etc/cairn/node.key"
//   peer-memory = "4GiB"           # of blocks kept for other nodes
//   peer-patience-ms = 50          # of silence until the home is asked beside a node
//
// Thread rule: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/units.h"

namespace cairn::server {

struct ClusterConfig {
  std::string join;  // "etcd://..."; empty = no cluster.
  std::string name;  // Empty = the host's name.
  std::string zone;
  uint64_t capacity_bytes = 0;
  std::string peer_listen;  // Empty = it has no cache for others, and asks nobody.
  std::string advertise;
  std::string peer_ca;
  std::string peer_cert;
  std::string peer_key;
  uint64_t peer_memory_bytes = 256 * MiB;
  uint64_t peer_patience_ms = 50;

  bool is_set() const { return !join.empty(); }
  bool has_peers() const { return is_set() && !peer_listen.empty(); }
};

// The name of the setting that a key of [cluster] is; nullopt for no such key.
std::optional<std::string_view> cluster_setting(std::string_view key);

// Fills in what follows from the rest. kInvalidArgument says what is missing or does not fit: above
// all, other nodes are never listened to without certificates.
Status complete_cluster(ClusterConfig& config);

}  // namespace cairn::server
