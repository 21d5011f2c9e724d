#include "server/cluster_config.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "cluster/membership.h"
#include "io/stream.h"
#include "peer/limits.h"

namespace cairn::server {
namespace {

constexpr std::pair<std::string_view, std::string_view> kKeys[] = {
    {"join", "join"},
    {"name", "node-name"},
    {"zone", "zone"},
    {"capacity", "node-capacity"},
    {"peer-listen", "peer-listen"},
    {"advertise", "advertise"},
    {"peer-ca", "peer-ca"},
    {"peer-cert", "peer-cert"},
    {"peer-key", "peer-key"},
    {"peer-memory", "peer-memory"},
    {"peer-patience-ms", "peer-patience-ms"}};

bool is_any_address(const io::Endpoint& at) {
  return at.host.empty() || at.host == "0.0.0.0" || at.host == "::";
}

Status complete_peers(ClusterConfig& config) {
  if (config.peer_ca.empty() || config.peer_cert.empty() || config.peer_key.empty()) {
    return fail(Code::kInvalidArgument,
                "peer-listen needs peer-ca, peer-cert and peer-key: nodes know each other by "
                "certificates that one authority signed, and listen to nobody else");
  }
  const Result<io::Endpoint> at = io::Endpoint::parse(config.peer_listen);
  if (!at) return std::unexpected(at.error().with_context("peer-listen"));
  if (config.advertise.empty() && is_any_address(*at)) {
    return fail(Code::kInvalidArgument,
                "advertise: say at which address other nodes find this one, such as "
                "10.0.0.7:9100; peer-listen is any address");
  }
  if (config.advertise.empty()) return {};
  const Result<io::Endpoint> told = io::Endpoint::parse(config.advertise);
  if (!told) return std::unexpected(told.error().with_context("advertise"));
  if (is_any_address(*told) || told->port == 0) {
    return fail(Code::kInvalidArgument, "advertise: expected HOST:PORT of this node");
  }
  return {};
}

}  // namespace

std::optional<std::string_view> cluster_setting(std::string_view key) {
  for (const auto& [in_file, setting] : kKeys) {
    if (in_file == key) return setting;
  }
  return std::nullopt;
}

Status complete_cluster(ClusterConfig& config) {
  if (!config.is_set()) {
    if (config.peer_listen.empty()) return {};
    return fail(Code::kInvalidArgument,
                "peer-listen without join: other nodes find this one by the cluster it joins");
  }
  if (config.name.empty()) {
    std::array<char, cluster::kMemberNameBytesMax + 1> host{};
    if (::gethostname(host.data(), host.size() - 1) == 0) config.name = host.data();
  }
  if (!cluster::is_member_name(config.name)) {
    return fail(Code::kInvalidArgument,
                "node-name: expected 1 to 128 letters, digits, '.', '-' and '_', not '" +
                    config.name + "'");
  }
  if (!config.zone.empty() && !cluster::is_member_name(config.zone)) {
    return fail(Code::kInvalidArgument, "zone: expected letters, digits, '.', '-' and '_'");
  }
  if (config.peer_memory_bytes < peer::kKeptBytesMin) {
    return fail(Code::kInvalidArgument, "peer-memory: needs at least 16MiB");
  }
  return config.peer_listen.empty() ? Status() : complete_peers(config);
}

}  // namespace cairn::server
