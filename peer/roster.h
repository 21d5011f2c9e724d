// The other nodes as this one knows them: where they are, how they did, what they have to do.
//
// A roster is made anew whenever the membership changes; what is known of a node goes from one to
// the next as long as its name and its address stay.
// Thread rule: any.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cluster/membership.h"
#include "http/url.h"
#include "storage/upstream_breaker.h"

namespace cairn::peer {

// Another node.
struct Peer {
  std::string name;
  std::string address;
  http::Url origin;
  storage::UpstreamBreaker breaker = {};
  std::atomic<uint32_t> in_flight_count{0};  // Of this node's requests to it.
  std::atomic<uint64_t> in_flight_bytes{0};
};

struct Roster {
  cluster::Membership members;
  std::vector<std::shared_ptr<Peer>> peers;  // By the index of the owner; null for this node.
  std::optional<cluster::NodeIndex> self;    // None while this node is no owner.
};

class Peers {
 public:
  // `self`: the name of this node.
  explicit Peers(std::string self) : self_(std::move(self)), now_(std::make_shared<Roster>()) {}

  const std::string& self() const { return self_; }
  std::shared_ptr<const Roster> now() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void set(std::vector<cluster::Member> members);

 private:
  const std::string self_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Roster> now_;
};

// Of a member; an address that does not parse leads nowhere, and its chunks are read from the home.
http::Url origin_of(const std::string& address);

// Where a chunk is placed by.
cluster::ChunkKey placement_key(const std::array<uint8_t, 32>& id);

}  // namespace cairn::peer
