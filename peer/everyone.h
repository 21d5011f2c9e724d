// Questions of control to the other nodes of the cluster (control.h), to all at once.
//
// A node that does not answer within kControlMax is told of as such; nobody waits for it longer.
// Thread rule: any reactor; the tier outlives the calls.
#pragma once

#include <string>
#include <vector>

#include "peer/asking.h"
#include "peer/control.h"
#include "peer/roster.h"

namespace cairn::peer {

class PeerTier;

// What one node answered.
template <typename Answer>
struct NodeTold {
  std::string node;
  Result<Answer> answer;
};
template <typename Answer>
using AllTold = std::vector<NodeTold<Answer>>;

// One question: a POST of `body` when there is one, a GET otherwise. kUnavailable for any status
// but 200.
io::Task<Result<std::string>> ask_control(Lane& lane, http::Url origin, std::string_view path,
                                          std::string self, std::string body);

// Of all other members that have a cache, draining ones too, by name.
// REQUIRES: ids.size() <= kChunksPerQuestionMax.
io::Task<AllTold<std::vector<Holding>>> look_up_everywhere(PeerTier& tier,
                                                           std::vector<storage::ChunkId> ids);
io::Task<AllTold<uint64_t>> drop_everywhere(PeerTier& tier, std::vector<storage::ChunkId> ids);
io::Task<AllTold<NodeStats>> stats_of_all(PeerTier& tier);

}  // namespace cairn::peer
