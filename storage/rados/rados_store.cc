#include "storage/rados/rados_store.h"

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "base/encoding.h"
#include "base/log.h"
#include "storage/index_turns.h"
#include "storage/rados/marker.h"
#include "storage/rados/store_state.h"

namespace cairn::storage {
namespace {

Status check_options(const RadosStoreOptions& options) {
  if (options.place.pool.empty() || options.place.name_space.empty()) {
    return fail(Code::kInvalidArgument, "a Ceph home needs the name of a pool and a namespace");
  }
  if (options.place.op_timeout < seconds(1)) {
    return fail(Code::kInvalidArgument, "operations in a Ceph pool need a timeout, 1 s at least");
  }
  return {};
}

// Removing something failed because it is not as it was seen.
bool is_changed(int code) {
  return code == -ERANGE || code == -EOVERFLOW || code == -ECANCELED || code == -ENODATA;
}

}  // namespace

io::Task<Status> RadosStore::State::open() {
  pool = co_await io::or_return(RadosPool::connect(options.place));
  const RadosMarker marker = co_await io::or_return(
      settle_rados_marker(*pool, options.store_id, options.create, options.adopt, options.divide));
  store_id = marker.store_id;
  if (marker.is_divided) pool->divide();
  session = co_await io::or_return(
      RadosSession::begin(*pool, options.node_id, options.session_expiry, random));
  clearing = std::make_unique<HoldClearing>(*pool);
  beaten_at = io::Reactor::current().now();
  if (!marker.is_new) background.spawn(count_all());
  if (options.upkeep_interval > Duration{}) background.spawn(keep_up());
  co_return Status{};
}

// A start does not wait for a pass over a large pool.
io::Task<void> RadosStore::State::count_all() {
  const Result<uint64_t> counted = co_await count_chunks(*pool, background.stop_token());
  if (counted) count(static_cast<int64_t>(*counted));
}

io::Task<void> RadosStore::State::keep_up() {
  const io::StopToken stop = background.stop_token();
  bool failing = false;
  while (!stop.stop_requested()) {
    (void)co_await io::sleep_for(options.upkeep_interval, stop);
    if (stop.stop_requested()) break;
    const Status done = co_await upkeep();
    if (!done && !failing) {
      log::warning("storage.upkeep_failed", {{"message", std::string_view(done.error().message)}});
    }
    failing = !done;
  }
}

io::Task<Status> RadosStore::State::upkeep() {
  clearing->retry();
  const Instant now = io::Reactor::current().now();
  const Duration interval{
      std::min(RadosSession::kBeatInterval.nanoseconds, options.session_expiry.nanoseconds / 8)};
  if (now - beaten_at < interval) co_return Status{};
  beaten_at = now;
  co_await io::or_return(session->renew());
  Status expired = co_await session->expire_others();
  co_return expired;
}

io::Task<Status> RadosStore::State::close() {
  background.request_stop();
  co_await background.join();
  if (clearing != nullptr) co_await clearing->drain();
  if (session != nullptr && !options.leaves_session) co_await session->end();
  if (pool != nullptr) co_await pool->close();
  holds.clear();
  closed = true;
  co_return Status{};
}

// Makes the chunk, or holds the one that is there.
io::Task<Status> RadosStore::State::write(ChunkId id, SealedChunk chunk, OwnerId owner,
                                          uint64_t number) {
  ChunkDescription description{.chunk = id,
                               .generation = {},
                               .payload_bytes = chunk.payload.size(),
                               .payload_xxh3 = checksum_of(chunk.payload.view()),
                               .sealed_header = std::move(chunk.header)};
  random.fill(description.generation);
  for (size_t attempt = 0; attempt < kPutAttemptsMax; ++attempt) {
    const int made =
        co_await create_chunk(*pool, description, chunk.payload.view(), hold_of(number), owner);
    if (made >= 0) {
      count(1);
      StoreCounters::add(counters.puts_count);
      StoreCounters::add(counters.written_bytes, chunk.payload.size());
      co_return Status{};
    }
    if (made != -EEXIST) {
      clear_later(id, number);
      co_return std::unexpected(pool->error_of(made, "storing a chunk"));
    }
    const bool held = co_await io::or_return(set(id, owner, number));
    if (held) {
      StoreCounters::add(counters.puts_deduplicated);
      co_return Status{};
    }
  }
  co_return fail(Code::kUnavailable, "the chunk is written and dropped over and over");
}

// False when there is no such chunk.
io::Task<Result<bool>> RadosStore::State::set(ChunkId id, OwnerId owner, uint64_t number) {
  const int code = co_await set_hold(*pool, id, hold_of(number), owner);
  if (code >= 0) co_return true;
  if (code == -ENOENT) co_return false;
  // It may stand there all the same.
  clear_later(id, number);
  co_return std::unexpected(pool->error_of(code, "holding a chunk"));
}

// By a session of another node that is not over. Holds of this session are in the table, or are
// being taken away.
io::Task<Result<bool>> RadosStore::State::is_held_elsewhere(std::vector<HoldName> found) {
  for (const HoldName& hold : found) {
    if (hold.session == session->id()) continue;
    const bool over = co_await io::or_return(session->is_over(hold.session));
    if (!over) co_return true;
  }
  co_return false;
}

io::Task<Result<bool>> RadosStore::State::drop(ChunkId id, ReferenceSource& source) {
  bool may_be_gone = false;  // A removal of ours had no answer.
  for (size_t attempt = 0; attempt < kPutAttemptsMax; ++attempt) {
    if (holds.is_held(id)) co_return false;
    ChunkState seen = co_await look_at_chunk(*pool, id);
    if (seen.code == -ENOENT) {
      if (may_be_gone) count(-1);
      co_return may_be_gone;
    }
    if (seen.code < 0) {
      co_return std::unexpected(pool->error_of(seen.code, "dropping a chunk"));
    }
    const bool held = co_await io::or_return(is_held_elsewhere(seen.holds));
    if (held) co_return false;
    const bool referenced = co_await io::or_return(source.is_referenced(id));
    if (referenced) co_return false;
    const int removed = co_await remove_chunk(*pool, id, std::move(seen));
    if (removed >= 0) {
      count(-1);
      StoreCounters::add(counters.dropped_chunks);
      co_return true;
    }
    if (removed == -ENOENT || is_changed(removed)) continue;
    if (removed == -ETIMEDOUT && !std::exchange(may_be_gone, true)) continue;
    co_return std::unexpected(pool->error_of(removed, "dropping a chunk"));
  }
  // Others hold it and let it go all the time: it is in use.
  co_return false;
}

RadosStore::RadosStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
RadosStore::~RadosStore() {
  ASSERT(state_->closed);
}

io::Task<Result<std::unique_ptr<RadosStore>>> RadosStore::open(RadosStoreOptions options) {
  co_await io::or_return(check_options(options));
  std::unique_ptr<RadosStore> store(new RadosStore(std::make_unique<State>(std::move(options))));
  Status opened = co_await store->state_->open();
  if (!opened) {
    (void)co_await store->state_->close();
    co_return std::unexpected(opened.error());
  }
  co_return store;
}

void RadosStore::set_references(ReferenceSource* references) {
  state_->references.store(references);
}

void RadosStore::set_fence(std::function<io::Task<Status>(RandomId session)> fence) {
  state_->session->set_fence(std::move(fence));
}

const RandomId& RadosStore::store_id() const {
  return state_->store_id;
}

bool RadosStore::is_session_over() const {
  return state_->session->is_over();
}

const RandomId& RadosStore::session_id() const {
  return state_->session->id();
}

io::Task<Status> RadosStore::put(ChunkId id, SealedChunk chunk, OwnerId owner) {
  co_await io::or_return(check_chunk(chunk));
  for (size_t attempt = 0; attempt < kPutAttemptsMax; ++attempt) {
    co_await io::or_return(state_->session->check());
    HoldTurn turn = state_->holds.begin(id, owner);
    if (turn.kind == HoldTurn::Kind::kHeld) {
      StoreCounters::add(state_->counters.puts_deduplicated);
      co_return Status{};
    }
    if (turn.kind == HoldTurn::Kind::kWait) {
      (void)co_await turn.outcome->wait();
      continue;
    }
    Status done = co_await state_->write(id, std::move(chunk), owner, turn.number);
    const std::optional<uint64_t> unwanted = state_->holds.settle(id, done.has_value());
    if (unwanted) state_->clear_later(id, *unwanted);
    if (!done) StoreCounters::add(state_->counters.puts_failed);
    co_return done;
  }
  co_return fail(Code::kUnavailable, "others fail to store the chunk over and over");
}

io::Task<Result<bool>> RadosStore::link(ChunkId id, OwnerId owner) {
  for (size_t attempt = 0; attempt < kPutAttemptsMax; ++attempt) {
    co_await io::or_return(state_->session->check());
    HoldTurn turn = state_->holds.begin(id, owner);
    if (turn.kind == HoldTurn::Kind::kWait) {
      (void)co_await turn.outcome->wait();
      continue;
    }
    Result<bool> held = true;
    if (turn.kind == HoldTurn::Kind::kSet) {
      held = co_await state_->set(id, owner, turn.number);
      const std::optional<uint64_t> unwanted = state_->holds.settle(id, held && *held);
      if (unwanted) state_->clear_later(id, *unwanted);
    }
    if (held && *held) StoreCounters::add(state_->counters.links_count);
    co_return held;
  }
  co_return false;
}

io::Task<void> RadosStore::release(OwnerId owner, std::vector<ChunkId> ids) {
  for (const ChunkId& id : ids) {
    const std::optional<uint64_t> number = state_->holds.release(id, owner);
    if (number) state_->clear_later(id, *number);
  }
  co_return;
}

io::Task<Result<bool>> RadosStore::unlink(ChunkId id, OwnerId owner) {
  ReferenceSource* const source = state_->references.load();
  if (source == nullptr) {
    co_return fail(Code::kFailedPrecondition, "no reference source is set, so nothing is dropped");
  }
  const std::optional<uint64_t> number = state_->holds.release(id, owner);
  if (number) {
    // Before the look at what remains: of two nodes that let go, the later sees no hold.
    const int cleared = co_await clear_hold(*state_->pool, id, state_->hold_of(*number));
    if (cleared == -ENOENT) co_return false;
    if (cleared < 0) {
      state_->clear_later(id, *number);
      co_return std::unexpected(state_->pool->error_of(cleared, "dropping a chunk"));
    }
  }
  Result<bool> dropped = co_await state_->drop(id, *source);
  co_return dropped;
}

io::Task<Result<SealedRead>> RadosStore::read(ChunkId id, ByteRange range,
                                              ReadOptions /*options*/) {
  Result<ChunkPart> part = co_await read_chunk(*state_->pool, id, range);
  StoreCounters::add(state_->counters.reads_count);
  if (!part) {
    if (part.error().code == Code::kCorruption) {
      StoreCounters::add(state_->counters.checksum_failures);
      log::error("storage.record_damaged", {{"chunk", std::string_view(to_hex(id.bytes))},
                                            {"message", std::string_view(part.error().message)}});
    }
    co_return std::unexpected(part.error());
  }
  StoreCounters::add(state_->counters.read_bytes, part->payload.size());
  co_return SealedRead{std::move(part->description.sealed_header), std::move(part->payload),
                       part->description.payload_bytes};
}

io::Task<Status> RadosStore::verify(ChunkId id) {
  const Result<SealedChunk> whole = co_await read_whole(id);
  if (!whole) co_return std::unexpected(whole.error());
  co_return Status{};
}

io::Task<Result<SealedChunk>> RadosStore::read_whole(ChunkId id) {
  Result<ChunkPart> whole = co_await read_chunk(*state_->pool, id, {0, UINT64_MAX});
  if (whole && checksum_of(whole->payload.view()) != whole->description.payload_xxh3) {
    whole = fail(Code::kCorruption, "the payload of chunk " + to_hex(id.bytes) +
                                        " in the Ceph pool does not match its checksum");
  }
  if (whole) {
    co_return SealedChunk{std::move(whole->description.sealed_header), std::move(whole->payload)};
  }
  if (whole.error().code == Code::kCorruption) {
    StoreCounters::add(state_->counters.checksum_failures);
  }
  co_return std::unexpected(whole.error());
}

io::Task<Status> RadosStore::close() {
  ASSERT(!state_->closed);
  Status closed = co_await state_->close();
  co_return closed;
}

io::Task<Status> RadosStore::upkeep() {
  Status done = co_await state_->upkeep();
  co_return done;
}

StoreMetrics RadosStore::metrics() const {
  StoreMetrics metrics = state_->counters.read();
  metrics.upstream_down = state_->pool->is_down();
  return metrics;
}

}  // namespace cairn::storage
