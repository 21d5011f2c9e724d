// One question to another node, with the home beside it when the node is late.
//
// The node is believed as long as something comes from it: the head of its answer, the marks of an
// owner that reads, the bytes. When nothing does for the caller's patience the home is asked as
// well, and whoever answers first is used; the other one ends by itself later, on the lane. An
// answer that is an error, or does not hold (wire.h), is the home's turn at once.
//
// Thread rule: one reactor. What is referred to outlives the lane's strays.
#pragma once

#include <memory>

#include "http/client.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "peer/metrics.h"
#include "peer/roster.h"
#include "peer/wire.h"
#include "storage/chunk_store.h"
#include "storage/hedge_policy.h"

namespace cairn::peer {

// What the questions of one reactor share.
struct Lane {
  Lane(io::Reactor& on, std::unique_ptr<http::Connector> with);
  io::Reactor& reactor;
  const std::unique_ptr<http::Connector> connector;
  http::Client client;
  storage::HedgePolicy policy;  // Learns how quick answers begin.
  io::Scope strays;             // Requests and reads that nobody waits for any more.
  size_t tellings_count = 0;    // Of damaged chunks, under way.
};

struct Asking {
  Lane& lane;
  std::shared_ptr<Peer> peer;
  storage::ChunkStore& home;
  Counters& counters;
  std::string self;
  Duration patience;
};

struct Told {
  Result<storage::SealedRead> read;
  // On how many nodes the chunk is kept, when the node said so.
  std::optional<size_t> owners_count;
};

io::Task<Told> ask_or_read_home(Asking asking, Question question, storage::ReadOptions options);

}  // namespace cairn::peer
