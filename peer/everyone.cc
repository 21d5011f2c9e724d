#include "peer/everyone.h"

#include <utility>

#include "io/reactor.h"
#include "io/scope.h"
#include "io/sync.h"
#include "peer/limits.h"
#include "peer/peer_tier.h"

namespace cairn::peer {
namespace {

using storage::ChunkId;

struct Addressee {
  std::string name;
  http::Url origin;
};

std::vector<Addressee> all_others(PeerTier& tier) {
  const std::shared_ptr<const Roster> roster = tier.peers().now();
  std::vector<Addressee> others;
  for (const cluster::Member& member : roster->members.members()) {
    if (member.name == tier.peers().self() || member.address.empty()) continue;
    others.push_back({member.name, origin_of(member.address)});
  }
  return others;
}

// What is asked of each, and how many at a time.
struct Round {
  PeerTier& tier;
  std::string_view path;
  std::string body;
  io::Semaphore turns{kNodesAskedAtOnce};
};

io::Task<void> ask_one(Round& round, const Addressee& whom, Result<std::string>& into) {
  Result<std::string> told = co_await ask_control(round.tier.lane(), whom.origin, round.path,
                                                  round.tier.peers().self(), round.body);
  into = std::move(told);
  round.turns.release();
}

template <typename Answer, typename Decode>
io::Task<AllTold<Answer>> ask_all(PeerTier& tier, std::string_view path, std::string body,
                                  Decode decode) {
  const std::vector<Addressee> others = all_others(tier);
  std::vector<Result<std::string>> bodies(others.size());
  Round round{.tier = tier, .path = path, .body = std::move(body)};
  io::Scope scope;
  for (size_t i = 0; i < others.size(); ++i) {
    co_await round.turns.acquire();
    scope.spawn(ask_one(round, others[i], bodies[i]));
  }
  co_await scope.join();
  AllTold<Answer> told;
  for (size_t i = 0; i < others.size(); ++i) {
    Result<Answer> answer =
        fail(Code::kUnavailable, "its answer does not parse: another version of Cairn?");
    if (!bodies[i]) {
      answer = std::unexpected(bodies[i].error());
    } else if (std::optional<Answer> decoded = decode(*bodies[i])) {
      answer = std::move(*decoded);
    }
    told.push_back({others[i].name, std::move(answer)});
  }
  co_return told;
}

}  // namespace

io::Task<Result<std::string>> ask_control(Lane& lane, http::Url origin, std::string_view path,
                                          std::string self, std::string body) {
  const io::Until until{lane.reactor.now() + kControlMax, {}};
  http::ClientRequest request;
  request.url = std::move(origin);
  request.url.target = path;
  request.fields.emplace_back(kFromField, std::move(self));
  if (!body.empty()) request.method = "POST";
  request.body = as_bytes(body);
  request.retry_safe = true;
  http::ClientResponse response =
      co_await io::or_return(lane.client.send(std::move(request), until));
  if (response.status() == 404) {
    co_return fail(Code::kUnavailable, "it does not know the question: an older Cairn");
  }
  if (response.status() != 200) {
    co_return fail(Code::kUnavailable,
                   "the node answers with status " + std::to_string(response.status()));
  }
  Result<std::string> told = co_await response.receive_all(kControlBytesMax);
  co_return told;
}

io::Task<AllTold<std::vector<Holding>>> look_up_everywhere(PeerTier& tier,
                                                           std::vector<ChunkId> ids) {
  const auto decode = [count = ids.size()](std::string_view body) {
    return decode_holdings(body, count);
  };
  return ask_all<std::vector<Holding>>(tier, kLookupPath, encode_chunks(ids), decode);
}

io::Task<AllTold<uint64_t>> drop_everywhere(PeerTier& tier, std::vector<ChunkId> ids) {
  return ask_all<uint64_t>(tier, kDropPath, encode_chunks(ids), decode_dropped);
}

io::Task<AllTold<NodeStats>> stats_of_all(PeerTier& tier) {
  return ask_all<NodeStats>(tier, kStatsPath, {}, decode_stats);
}

}  // namespace cairn::peer
