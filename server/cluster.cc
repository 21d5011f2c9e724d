#include "server/cluster.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "catalog/etcd/etcd_catalog.h"
#include "catalog/etcd/node_directory.h"
#include "io/blocking.h"
#include "io/certificate_check.h"
#include "io/tls_listener.h"
#include "peer/identity.h"
#include "server/catalog_place.h"
#include "server/node_inventory.h"
#include "server/version.h"

namespace cairn::server {
namespace {

using catalog::etcd::MemberList;

constexpr Duration kPeerGrace = seconds(2);  // For answers under way when this node stops.

Result<peer::Identity> load_identity(const ClusterConfig& config) {
  return peer::Identity::load(
      {.ca = config.peer_ca, .certificate = config.peer_cert, .key = config.peer_key});
}

Result<MemberList::Options> member_options(const Config& config) {
  const Result<catalog::EtcdOptions> etcd = reach_etcd(config, config.cluster.join);
  if (!etcd) return std::unexpected(etcd.error().with_context("join"));
  MemberList::Options options;
  options.access = {.endpoints = etcd->endpoints,
                    .use_tls = etcd->use_tls,
                    .ca_file = etcd->ca_file,
                    .certificate_file = etcd->certificate_file,
                    .key_file = etcd->key_file,
                    .user = etcd->user,
                    .password = etcd->password};
  options.prefix = etcd->prefix;
  options.self.name = config.cluster.name;
  options.self.zone = config.cluster.zone;
  options.self.capacity_bytes = config.cluster.capacity_bytes;
  options.self.version = version();
  options.self.started_ms = system_clock().wall_now().unix_ms;
  return options;
}

}  // namespace

Result<std::unique_ptr<peer::PeerTier>> make_peer_tier(const Config& config,
                                                       storage::ChunkStore& home) {
  if (!config.cluster.has_peers()) return std::unique_ptr<peer::PeerTier>();
  Result<peer::Identity> identity = load_identity(config.cluster);
  if (!identity) return std::unexpected(identity.error());
  // Without other nodes it serves as well, so it starts: but nobody would know why they are silent.
  const Status passes = io::check_certificate(config.cluster.peer_cert, config.cluster.peer_ca);
  if (!passes) {
    log::warning("peer_certificate_would_not_pass",
                 {{"message", std::string_view(passes.error().message)}});
  }
  peer::PeerTierOptions options;
  options.home = &home;
  options.self = config.cluster.name;
  options.tls = identity->client;
  options.kept_bytes = config.cluster.peer_memory_bytes;
  options.patience = milliseconds(static_cast<int64_t>(config.cluster.peer_patience_ms));
  return std::make_unique<peer::PeerTier>(std::move(options));
}

// What one reactor answers other nodes with.
struct Cluster::Listening {
  Listening(io::Reactor& on, peer::Door::Parts parts) : reactor(on), door(std::move(parts)) {}
  io::Reactor& reactor;
  peer::Door door;
  std::unique_ptr<http::Server> server;
  io::Scope running;
};

Cluster::Cluster(Parts parts) : parts_(std::move(parts)) {
  if (parts_.tier == nullptr) return;
  inventory_ = std::make_unique<NodeInventory>(*parts_.tier, parts_.ram, parts_.disks);
}

Cluster::~Cluster() = default;

io::Task<Result<std::unique_ptr<Cluster>>> Cluster::start(Parts parts) {
  std::unique_ptr<Cluster> made(new Cluster(std::move(parts)));
  Status started;
  if (made->parts_.tier != nullptr) started = co_await made->listen();
  if (started) started = co_await made->join();
  if (!started) {
    co_await made->stop();
    co_return std::unexpected(started.error());
  }
  co_return made;
}

io::Task<Result<io::Endpoint>> Cluster::listen_on(Listening& listening, io::Endpoint at,
                                                  std::shared_ptr<const io::TlsContext> tls) {
  std::unique_ptr<io::Listener> listener =
      co_await io::or_return(io::system_network().listen(std::move(at), io::ListenOptions()));
  listener = io::make_tls_listener(std::move(listener), std::move(tls));
  listening.server =
      std::make_unique<http::Server>(std::move(listener), listening.door, http::ServerOptions());
  listening.running.spawn(listening.server->run());
  co_return listening.server->local();
}

io::Task<Status> Cluster::listen() {
  const ClusterConfig& config = parts_.config.cluster;
  const peer::Identity identity = co_await io::or_return(load_identity(config));
  io::Endpoint at = co_await io::or_return(io::Endpoint::parse(config.peer_listen));
  for (io::Reactor* const reactor : parts_.reactors) {
    const peer::Door::Parts door{*parts_.tier, parts_.front, heat_, *inventory_};
    listening_.push_back(std::make_unique<Listening>(*reactor, door));
    // The first one gets the port when any was asked for; the others share it.
    at = co_await io::or_return(
        io::run_on(*reactor, listen_on(*listening_.back(), at, identity.server)));
  }
  address_ = config.advertise.empty() ? at.to_string() : config.advertise;
  log::info("peer_listening", {{"address", std::string_view(at.to_string())},
                               {"advertised", std::string_view(address_)}});
  co_return Status();
}

void Cluster::take_members(std::vector<cluster::Member> members) {
  const auto is_self = [this](const cluster::Member& member) {
    return member.name == parts_.config.cluster.name;
  };
  const auto self = std::ranges::find_if(members, is_self);
  const bool draining = self != members.end() && self->is_draining;
  if (parts_.tier != nullptr) parts_.tier->set_members(std::move(members));
  parts_.reactors.front()->post([this, here = std::weak_ptr(here_), draining] {
    if (here.expired() || std::exchange(is_draining_, draining) == draining) return;
    log::info(draining ? "cluster_drains_this_node" : "cluster_uses_this_node_again");
    parts_.on_draining(draining);
  });
}

io::Task<Status> Cluster::join() {
  MemberList::Options options = co_await io::or_return(member_options(parts_.config));
  node_ = co_await io::or_return(
      catalog::etcd::NodeDirectory::open(parts_.directory.path() + "/cluster"));
  options.node = node_->node();
  options.self.address = address_;
  options.on_change = [this](std::vector<cluster::Member> members) {
    take_members(std::move(members));
  };
  const auto join = [options = std::move(options)] { return MemberList::join(options); };
  Result<std::unique_ptr<MemberList>> joined =
      co_await io::or_return(io::blocking_pool().run(join));
  if (!joined) co_return std::unexpected(joined.error());
  members_ = std::move(*joined);
  log::info("cluster_joined", {{"name", std::string_view(parts_.config.cluster.name)},
                               {"members", uint64_t{members_->reading().members.size()}}});
  co_return Status();
}

io::Task<void> Cluster::stop_one(Listening& listening) {
  if (listening.server) listening.server->drain(kPeerGrace);
  co_await listening.running.join();
  listening.server.reset();
}

io::Task<void> Cluster::stop() {
  if (members_ != nullptr) {
    const auto leave = [list = members_.release()] { delete list; };
    static_cast<void>(co_await io::blocking_pool().run(leave));
  }
  for (const std::unique_ptr<Listening>& each : listening_) {
    co_await io::run_on(each->reactor, stop_one(*each));
  }
  listening_.clear();
}

ClusterReading Cluster::reading() const {
  ClusterReading reading;
  reading.name = parts_.config.cluster.name;
  if (members_ != nullptr) reading.members = members_->reading();
  if (parts_.tier == nullptr) return reading;
  reading.counters = &parts_.tier->counters();
  reading.kept = parts_.tier->keeper().reading();
  return reading;
}

peer::Inventory* Cluster::inventory() const {
  return inventory_.get();
}

io::Task<Status> Cluster::set_draining(std::string name, bool draining) {
  MemberList& members = *members_;
  const auto set = [&members, name, draining] { return members.set_draining(name, draining); };
  co_return co_await io::or_return(io::blocking_pool().run(set));
}

}  // namespace cairn::server
