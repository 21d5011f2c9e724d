#include "peer/roster.h"

#include <utility>

#include "base/bytes.h"
#include "io/stream.h"

namespace cairn::peer {
namespace {

std::shared_ptr<Peer> find_peer(const Roster& roster, const cluster::Member& member) {
  for (const std::shared_ptr<Peer>& peer : roster.peers) {
    if (peer != nullptr && peer->name == member.name && peer->address == member.address) {
      return peer;
    }
  }
  return nullptr;
}

std::shared_ptr<Peer> make_peer(const cluster::Member& member) {
  auto peer = std::make_shared<Peer>();
  peer->name = member.name;
  peer->address = member.address;
  peer->origin = origin_of(member.address);
  return peer;
}

}  // namespace

http::Url origin_of(const std::string& address) {
  http::Url origin;
  origin.is_https = true;
  const Result<io::Endpoint> at = io::Endpoint::parse(address);
  if (!at) return origin;
  origin.host = at->host;
  origin.port = at->port;
  return origin;
}

void Peers::set(std::vector<cluster::Member> members) {
  const std::shared_ptr<const Roster> before = now();
  auto roster = std::make_shared<Roster>();
  roster->members = cluster::Membership(std::move(members));
  roster->self = roster->members.index_of(self_);
  for (cluster::NodeIndex node = 0; node < roster->members.owners().size(); ++node) {
    const cluster::Member& member = roster->members.member_of(node);
    std::shared_ptr<Peer> peer;
    if (member.name != self_) {
      peer = find_peer(*before, member);
      if (peer == nullptr) peer = make_peer(member);
    }
    roster->peers.push_back(std::move(peer));
  }
  const std::lock_guard lock(mutex_);
  now_ = std::move(roster);
}

cluster::ChunkKey placement_key(const std::array<uint8_t, 32>& id) {
  return load_le<uint64_t>(id.data());
}

}  // namespace cairn::peer
