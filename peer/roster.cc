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
  // An address that does not parse leads nowhere, and its chunks are read from the home.
  const Result<io::Endpoint> at = io::Endpoint::parse(member.address);
  peer->origin.is_https = true;
  if (at) {
    peer->origin.host = at->host;
    peer->origin.port = at->port;
  }
  return peer;
}

}  // namespace

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
