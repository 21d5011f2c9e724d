#include "peer/peer_tier.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "cluster/load_bound.h"
#include "io/reactor.h"
#include "peer/control.h"
#include "peer/everyone.h"
#include "peer/limits.h"

namespace cairn::peer {

using storage::OwnerId;
using storage::SealedRead;

PeerTier::PeerTier(PeerTierOptions options)
    : options_(std::move(options)),
      home_(*options_.home),
      keeper_(options_.kept_bytes, counters_),
      peers_(options_.self) {}

PeerTier::~PeerTier() {
  ASSERT(lanes_.empty());
}

io::Task<Status> PeerTier::put(ChunkId id, storage::SealedChunk chunk, OwnerId owner) {
  return home_.put(id, std::move(chunk), owner);
}

io::Task<Result<bool>> PeerTier::link(ChunkId id, OwnerId owner) {
  return home_.link(id, owner);
}

io::Task<void> PeerTier::release(OwnerId owner, std::vector<ChunkId> ids) {
  return home_.release(owner, std::move(ids));
}

io::Task<Result<bool>> PeerTier::unlink(ChunkId id, OwnerId owner) {
  const Result<bool> dropped = co_await home_.unlink(id, owner);
  if (dropped && *dropped) keeper_.forget(id);
  co_return dropped;
}

io::Task<Status> PeerTier::verify(ChunkId id) {
  return home_.verify(id);
}

io::Task<Result<std::vector<storage::ChunkStat>>> PeerTier::list(std::optional<ChunkId> after,
                                                                 size_t limit) {
  return home_.list(after, limit);
}

io::Task<Result<storage::StoreUsage>> PeerTier::usage() {
  return home_.usage();
}

Lane& PeerTier::lane() {
  io::Reactor& reactor = io::Reactor::current();
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Lane>& lane = lanes_[reactor.index()];
  if (lane == nullptr) {
    io::Network& network = options_.network != nullptr ? *options_.network : io::system_network();
    lane = std::make_unique<Lane>(reactor, std::make_unique<Connector>(network, options_.tls));
  }
  return *lane;
}

namespace {

io::Task<void> close_lane(Lane& lane) {
  co_await lane.strays.join();
  co_await lane.client.close();
}

}  // namespace

io::Task<Status> PeerTier::close() {
  for (auto& [number, lane] : lanes_) co_await io::run_on(lane->reactor, close_lane(*lane));
  lanes_.clear();
  co_return Status();
}

size_t PeerTier::hinted_owners(cluster::ChunkKey key, Instant now) const {
  const std::lock_guard lock(mutex_);
  const HotHint& hint = hints_[key % kHotHints];
  return hint.key == key && now < hint.until ? hint.owners_count : 1;
}

void PeerTier::hint(cluster::ChunkKey key, size_t owners_count, Instant now) {
  const std::lock_guard lock(mutex_);
  HotHint& hint = hints_[key % kHotHints];
  // One that is not hot takes no place of one that is.
  if (owners_count <= 1 && hint.key != key) return;
  hint = {key, owners_count, now + kHotHintFor};
}

PeerTier::Route PeerTier::route(ChunkId id, uint64_t size_bytes, Instant now) {
  const std::shared_ptr<const Roster> roster = peers_.now();
  const cluster::Placement& owners = roster->members.owners();
  const size_t others_count = owners.size() - (roster->self ? 1 : 0);
  if (owners.size() == 0 || others_count == 0) return {.peer = nullptr, .is_alone = true};
  const cluster::ChunkKey key = placement_key(id.bytes);
  const size_t owners_count = hinted_owners(key, now);
  if (owners_count <= 1) return {.peer = roster->peers[owners.first(key)]};
  std::vector<cluster::NodeIndex> preferred = owners.preferred(key, owners_count);
  const auto own = std::ranges::find_if(
      preferred, [&](cluster::NodeIndex node) { return roster->peers[node] == nullptr; });
  if (own != preferred.end()) return {.peer = nullptr, .is_copy = own != preferred.begin()};
  // Every reader begins with another one of them, and passes over those with too much to do.
  const cluster::NodeIndex first = preferred.front();
  const size_t turn = cluster::mix(cluster::hash_name(peers_.self()), key) % preferred.size();
  std::ranges::rotate(preferred, preferred.begin() + static_cast<ptrdiff_t>(turn));
  std::vector<double> loads_bytes(owners.size());
  double sum_bytes = 0;
  for (const cluster::NodeIndex node : preferred) {
    loads_bytes[node] = static_cast<double>(roster->peers[node]->in_flight_bytes.load());
    sum_bytes += loads_bytes[node];
  }
  const double mean_bytes = sum_bytes / static_cast<double>(preferred.size());
  const cluster::NodeIndex chosen = preferred[cluster::choose_owner(
      preferred, loads_bytes, mean_bytes, static_cast<double>(size_bytes))];
  return {.peer = roster->peers[chosen], .is_copy = chosen != first};
}

std::shared_ptr<Peer> PeerTier::first_owner(ChunkId id) const {
  const std::shared_ptr<const Roster> roster = peers_.now();
  const cluster::Placement& owners = roster->members.owners();
  if (owners.size() == 0) return nullptr;
  return roster->peers[owners.first(placement_key(id.bytes))];
}

bool PeerTier::may_ask(const Peer& peer, Instant now) const {
  return peer.in_flight_count.load(std::memory_order_relaxed) < kInFlightPerPeerMax &&
         !peer.breaker.refuses(now);
}

io::Task<Result<SealedRead>> PeerTier::ask(std::shared_ptr<Peer> peer, Question question,
                                           storage::ReadOptions options) {
  Lane& on = lane();
  const Instant now = on.reactor.now();
  if (!may_ask(*peer, now) || !peer->breaker.admit(now)) {
    Counters::add(counters_.passed_by);
    Counters::add(counters_.home_reads);
    co_return co_await home_.read(question.chunk, question.range, options);
  }
  uint64_t* const cached_bytes = options.cached_bytes;
  Told told = co_await ask_or_read_home(
      Asking{on, std::move(peer), home_, counters_, peers_.self(), options_.patience}, question,
      options);
  if (told.owners_count) {
    hint(placement_key(question.chunk.bytes), *told.owners_count, on.reactor.now());
    if (cached_bytes != nullptr && told.read) *cached_bytes += told.read->payload.size();
  }
  co_return std::move(told.read);
}

io::Task<Result<SealedRead>> PeerTier::read_own(ChunkId id, ByteRange range,
                                                storage::ReadOptions options) {
  options.cached_bytes = nullptr;  // What is shared is of several readers.
  Counters::add(counters_.own_reads);
  const auto fetch = [this](ChunkId chunk, ByteRange of, storage::ReadOptions how) {
    return home_.read(chunk, of, how);
  };
  Result<SealedRead> read = co_await keeper_.read(id, range, options, Keeper::Way::kHome, fetch);
  if (read || read.error().code != Code::kNotFound) co_return read;
  // Absent when another reader asked; it may have been put before this read began.
  co_return co_await home_.read(id, range, options);
}

io::Task<Result<SealedRead>> PeerTier::read_copy(ChunkId id, ByteRange range,
                                                 storage::ReadOptions options) {
  const std::shared_ptr<Peer> first = first_owner(id);
  options.from_peer = true;
  if (first == nullptr) co_return co_await read_own(id, range, options);
  options.cached_bytes = nullptr;
  const auto fetch = [this, first](ChunkId chunk, ByteRange of, storage::ReadOptions how) {
    return ask(first, Question{.chunk = chunk, .range = of, .urgency = how.urgency}, how);
  };
  co_return co_await keeper_.read(id, range, options, Keeper::Way::kOwner, fetch);
}

namespace {

io::Task<void> ask_to_drop(Lane& lane, http::Url origin, std::string self, ChunkId id) {
  static_cast<void>(co_await ask_control(lane, std::move(origin), kDropPath, std::move(self),
                                         encode_chunks({&id, 1})));
  --lane.tellings_count;
}

}  // namespace

void PeerTier::tell_owner(ChunkId id) {
  const std::shared_ptr<Peer> owner = first_owner(id);
  Lane& on = lane();
  if (owner == nullptr || on.tellings_count >= kTellingsMax) return;
  ++on.tellings_count;
  Counters::add(counters_.damage_told);
  on.strays.spawn(ask_to_drop(on, owner->origin, peers_.self(), id));
}

io::Task<Result<SealedRead>> PeerTier::read(ChunkId id, ByteRange range,
                                            storage::ReadOptions options) {
  if (options.distrust > 0) {
    Counters::add(counters_.distrusted);
    keeper_.forget(id);
    tell_owner(id);
    co_return co_await home_.read(id, range, options);
  }
  if (options.no_cache || range.size_bytes == 0 || range.offset_bytes >= kPayloadBytesMax) {
    co_return co_await home_.read(id, range, options);
  }
  range.size_bytes = std::min(range.size_bytes, kPayloadBytesMax - range.offset_bytes);
  if (options.from_peer) co_return co_await read_own(id, range, options);
  const Route to = route(id, range.size_bytes, io::Reactor::current().now());
  if (to.is_alone) {
    Counters::add(counters_.own_reads);
    co_return co_await home_.read(id, range, options);
  }
  if (to.peer == nullptr && to.is_copy) co_return co_await read_copy(id, range, options);
  if (to.peer == nullptr) co_return co_await read_own(id, range, options);
  const Question question{.chunk = id,
                          .range = range,
                          .is_copy = to.is_copy,
                          .pin = options.pin,
                          .urgency = options.urgency};
  co_return co_await ask(to.peer, question, options);
}

io::Task<Status> PeerTier::warm(ChunkId id, ByteRange range, bool pin) {
  storage::ReadOptions options;
  options.pin = pin;
  options.urgency = storage::Urgency::kBackground;
  const std::shared_ptr<Peer> owner = first_owner(id);
  if (owner == nullptr) {
    const Result<SealedRead> read = co_await read_own(id, range, options);
    if (!read) co_return std::unexpected(read.error());
    co_return Status();
  }
  const Question question{.chunk = id,
                          .range = range,
                          .pin = pin,
                          .warm = true,
                          .urgency = storage::Urgency::kBackground};
  const Result<SealedRead> read = co_await ask(owner, question, options);
  if (!read) co_return std::unexpected(read.error());
  co_return Status();
}

}  // namespace cairn::peer
