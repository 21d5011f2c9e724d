// This node's part in a cluster: its registration, what it answers other nodes, and what it knows
// of them. The tier that asks them is opened with the stores (stores.h).
//
// Thread rule: start(), stop() and the commands on the main reactor; reading() on any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cache/ram_tier.h"
#include "catalog/etcd/member_list.h"
#include "catalog/etcd/node_directory.h"
#include "http/server.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "peer/door.h"
#include "peer/peer_tier.h"
#include "server/config.h"
#include "server/data_directory.h"
#include "server/disk_tiers.h"

namespace cairn::server {

// Null when the node has no peers.
Result<std::unique_ptr<peer::PeerTier>> make_peer_tier(const Config& config,
                                                       storage::ChunkStore& home);

// For the metrics page and for `cluster status`.
struct ClusterReading {
  std::string name;
  catalog::etcd::MemberList::Reading members;
  const peer::Counters* counters = nullptr;  // Null without peers.
  peer::KeptReading kept;
};

class NodeInventory;

class Cluster {
 public:
  struct Parts {
    const Config& config;
    const DataDirectory& directory;
    peer::PeerTier* tier;  // Null without peers.
    cache::RamTier* ram;   // Null without one.
    DiskTiers& disks;
    storage::ChunkStore& front;  // What peers' requests are read from.
    std::vector<io::Reactor*> reactors;
    // Called on the main reactor when this node begins or ceases to drain.
    std::function<void(bool is_draining)> on_draining;
  };
  // Listens to other nodes and registers this one; all outlive it. kAlreadyExists when another node
  // has its name.
  static io::Task<Result<std::unique_ptr<Cluster>>> start(Parts parts);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Leaves the cluster, lets running answers finish and listens no more.
  io::Task<void> stop();

  ClusterReading reading() const;
  bool is_draining() const { return is_draining_; }
  peer::PeerTier* tier() const { return parts_.tier; }
  // What this node has in its tiers; null without peers.
  peer::Inventory* inventory() const;
  io::Task<Status> set_draining(std::string name, bool draining);

 private:
  struct Listening;
  explicit Cluster(Parts parts);
  io::Task<Status> listen();
  io::Task<Status> join();
  io::Task<Result<io::Endpoint>> listen_on(Listening& listening, io::Endpoint at,
                                           std::shared_ptr<const io::TlsContext> tls);
  static io::Task<void> stop_one(Listening& listening);
  void take_members(std::vector<cluster::Member> members);

  const Parts parts_;
  peer::Heat heat_;
  std::unique_ptr<NodeInventory> inventory_;  // Null without peers.
  std::string address_;  // Where other nodes find this one; empty without peers.
  std::unique_ptr<catalog::etcd::NodeDirectory> node_;
  std::unique_ptr<catalog::etcd::MemberList> members_;
  std::vector<std::unique_ptr<Listening>> listening_;
  bool is_draining_ = false;  // Of the main reactor.
  // Messages to the main reactor that come after its end find it gone.
  std::shared_ptr<Cluster*> here_ = std::make_shared<Cluster*>(this);
};

// `cluster-status`, `cluster-drain` and `cluster-undrain` (name), `cluster-warm`, `cluster-pin` and
// `cluster-lookup` (bucket, prefix). JSON; kFailedPrecondition without a cluster.
inline constexpr std::string_view kClusterPrefix = "cluster-";
inline constexpr std::string_view kClusterStatusCommand = "cluster-status";
inline constexpr std::string_view kClusterLookupCommand = "cluster-lookup";

}  // namespace cairn::server
