#include "storage/shared_bucket_store.h"

#include <utility>

#include "base/assert.h"
#include "base/encoding.h"
#include "base/log.h"
#include "storage/index_turns.h"
#include "storage/shared_bucket_state.h"
#include "storage/store_marker.h"

namespace cairn::storage {
namespace {

constexpr unsigned kDamagedRepeats = 1;  // How often a damaged answer is asked for again.

Error not_found(const ChunkId& id) {
  return {Code::kNotFound, "chunk " + to_hex(id.bytes) + " is not stored"};
}

// The directory's answer may have got lost on the way.
bool is_in_doubt(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kIo;
}

}  // namespace

// Of the current reactor.
Result<SharedBucketStore::State::Lane*> SharedBucketStore::State::lane() {
  io::Reactor& current = io::Reactor::current();
  const std::lock_guard guard(mutex);
  std::unique_ptr<Lane>& lane = lanes[current.index()];
  if (lane == nullptr) {
    Result<std::unique_ptr<Upstream>> upstream =
        Upstream::create(options.place, breaker, counters, network, random);
    if (!upstream) return std::unexpected(upstream.error());
    lane = std::make_unique<Lane>(current, std::move(*upstream));
  }
  return lane.get();
}

io::Task<Status> SharedBucketStore::State::open() {
  Lane* const own = co_await io::or_return(lane());
  co_await io::or_return(settle_marker(*own->upstream, options.place, options.store_id,
                                       BucketLayout::kChunkObjects, options.create));
  background_upstream =
      co_await io::or_return(Upstream::create(options.place, breaker, counters, network, random));
  background_upstream->stop_with(background.stop_token());
  const SessionReport session = co_await io::or_return(directory.keep_session());
  leads = session.leads;
  beaten_at = tended_at = counted_at = io::Reactor::current().now();
  co_await io::or_return(count());
  if (options.upkeep_interval > Duration{}) background.spawn(keep_up());
  if (options.sweep_interval > Duration{}) background.spawn(sweep_regularly());
  co_return Status{};
}

io::Task<Status> SharedBucketStore::State::close() {
  background.request_stop();
  co_await background.join();
  if (background_upstream != nullptr && !options.leaves_session) {
    // What fails now is found by the leader, and by the end of the session.
    (void)co_await clear_holds();
    co_await directory.end_session();
  }
  if (background_upstream != nullptr) co_await background_upstream->close();
  for (auto& [number, lane] : lanes) {
    co_await io::run_on(lane->reactor, lane->upstream->close());
  }
  holds.clear();
  closed = true;
  co_return Status{};
}

io::Task<Status> SharedBucketStore::State::upload(Lane& lane, ChunkObjectBody& body) {
  co_await lane.puts.acquire();
  const Result<std::string> etag = co_await lane.upstream->put(body);
  lane.puts.release();
  if (!etag) co_return std::unexpected(etag.error());
  co_return Status{};
}

// False when the directory refused: others have published the chunk.
io::Task<Result<bool>> SharedBucketStore::State::publish(ChunkId id, DirectoryRow row,
                                                         uint64_t number) {
  Result<bool> published = co_await directory.publish(id, row, number);
  if (published || !is_in_doubt(published.error())) co_return published;
  // The answer is lost; it is asked for. The hold stands where the row does: they came together.
  const Result<std::optional<DirectoryRow>> now = co_await directory.find(id, Freshness::kNow);
  if (now && *now && (*now)->generation == row.generation) co_return true;
  clear_later(id, number);
  co_return published;
}

// Makes the chunk, or holds the one that is there.
io::Task<Status> SharedBucketStore::State::write(ChunkId id, SealedChunk chunk, uint64_t number) {
  const bool there = co_await io::or_return(set(id, number));
  if (there) {
    StoreCounters::add(counters.puts_deduplicated);
    co_return Status{};
  }
  Lane* const own = co_await io::or_return(lane());
  co_await io::or_return(own->upstream->check_available());
  DirectoryRow row{.generation = {},
                   .payload_bytes = chunk.payload.size(),
                   .header_bytes = static_cast<uint32_t>(chunk.header.size())};
  random.fill(row.generation);
  ChunkObjectBody body(id, row.generation, std::move(chunk), own->upstream->wants_sha256());
  co_await io::or_return(upload(*own, body));
  for (size_t attempt = 0; attempt < kDropAttemptsMax; ++attempt) {
    const bool published = co_await io::or_return(publish(id, row, number));
    if (published) {
      chunks_count.fetch_add(1, std::memory_order_relaxed);
      payload_bytes.fetch_add(static_cast<int64_t>(row.payload_bytes), std::memory_order_relaxed);
      StoreCounters::add(counters.puts_count);
      StoreCounters::add(counters.written_bytes, body.object_bytes());
      co_return Status{};
    }
    const Result<bool> held = co_await set(id, number);
    if (!held || *held) delete_later(id, row.generation, false);
    if (!held) co_return std::unexpected(held.error());
    if (*held) {
      StoreCounters::add(counters.puts_deduplicated);
      co_return Status{};
    }
  }
  delete_later(id, row.generation, false);
  co_return fail(Code::kUnavailable, "the chunk is written and dropped over and over");
}

// False when there is no such chunk.
io::Task<Result<bool>> SharedBucketStore::State::set(ChunkId id, uint64_t number) {
  const std::optional<DirectoryRow> known =
      co_await io::or_return(directory.find(id, Freshness::kRecent));
  if (!known) co_return false;
  Result<bool> held = co_await directory.hold(id, number);
  // It may stand there all the same.
  if (!held) clear_later(id, number);
  co_return held;
}

io::Task<Result<bool>> SharedBucketStore::State::drop(ChunkId id, ReferenceSource& source) {
  const bool referenced = co_await io::or_return(source.is_referenced(id));
  if (referenced) co_return false;
  const DropOutcome outcome = co_await io::or_return(directory.drop(id));
  if (outcome.kind == DropOutcome::Kind::kHeld) drop_later(id);
  if (outcome.kind != DropOutcome::Kind::kDropped) co_return false;
  chunks_count.fetch_sub(1, std::memory_order_relaxed);
  payload_bytes.fetch_sub(static_cast<int64_t>(outcome.row.payload_bytes),
                          std::memory_order_relaxed);
  StoreCounters::add(counters.dropped_chunks);
  delete_later(id, outcome.row.generation, true);
  co_return true;
}

io::Task<Result<SealedRead>> SharedBucketStore::State::read_generation(
    Lane& lane, ChunkId id, DirectoryRow row, ByteRange range, Urgency urgency, bool use_cache,
    bool may_be_gone) {
  const ByteRange part = clamp_to_payload(range, row.payload_bytes);
  for (unsigned repeat = 0;; ++repeat) {
    std::optional<Bytes> known;
    if (use_cache) known = headers.find(row.generation);
    const bool was_known = known.has_value();
    Result<SealedRead> got =
        co_await fetch_record(*lane.upstream, counters, chunk_object_place(id, row, may_be_gone),
                              part, urgency, std::move(known));
    if (got && !was_known) headers.keep(row.generation, got->header);
    if (got || got.error().code != Code::kCorruption || repeat == kDamagedRepeats) co_return got;
  }
}

// A node that looks at what it knew a moment ago may look for an object that was dropped since, of
// a chunk that was written anew. Only of what is known right now a missing object is a loss.
io::Task<Result<SealedRead>> SharedBucketStore::State::read_part(ChunkId id, ByteRange range,
                                                                 Urgency urgency, bool use_cache) {
  Lane* const own = co_await io::or_return(lane());
  std::optional<DirectoryRow> row = co_await io::or_return(directory.find(id, Freshness::kRecent));
  if (row) {
    Result<SealedRead> got =
        co_await read_generation(*own, id, *row, range, urgency, use_cache, true);
    if (got || got.error().code != Code::kNotFound) co_return got;
  }
  row = co_await io::or_return(directory.find(id, Freshness::kNow));
  if (!row) co_return std::unexpected(not_found(id));
  Result<SealedRead> got =
      co_await read_generation(*own, id, *row, range, urgency, use_cache, false);
  if (got || got.error().code != Code::kNotFound) co_return got;
  const std::optional<DirectoryRow> after =
      co_await io::or_return(directory.find(id, Freshness::kNow));
  if (!after || after->generation != row->generation) co_return std::unexpected(not_found(id));
  co_return fail(Code::kCorruption, got.error().message);
}

void SharedBucketStore::State::tell_damage(const ChunkId& id, const Error& error) {
  if (error.code != Code::kCorruption) return;
  StoreCounters::add(counters.checksum_failures);
  log::error("storage.record_damaged", {{"chunk", std::string_view(to_hex(id.bytes))},
                                        {"message", std::string_view(error.message)}});
}

SharedBucketStore::SharedBucketStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
SharedBucketStore::~SharedBucketStore() {
  ASSERT(state_->closed);
}

io::Task<Result<std::unique_ptr<SharedBucketStore>>> SharedBucketStore::open(
    SharedBucketOptions options) {
  ASSERT(options.directory != nullptr);
  co_await io::or_return(check_upstream_place(options.place));
  std::unique_ptr<SharedBucketStore> store(
      new SharedBucketStore(std::make_unique<State>(std::move(options))));
  Status opened = co_await store->state_->open();
  if (!opened) {
    (void)co_await store->state_->close();
    co_return std::unexpected(opened.error());
  }
  co_return store;
}

void SharedBucketStore::set_references(ReferenceSource* references) {
  state_->references.store(references);
}

io::Task<Status> SharedBucketStore::put(ChunkId id, SealedChunk chunk, OwnerId owner) {
  co_await io::or_return(check_chunk(chunk));
  for (size_t attempt = 0; attempt < kHoldAttemptsMax; ++attempt) {
    co_await io::or_return(state_->directory.check());
    HoldTurn turn = state_->holds.begin(id, owner);
    if (turn.kind == HoldTurn::Kind::kHeld) {
      StoreCounters::add(state_->counters.puts_deduplicated);
      co_return Status{};
    }
    if (turn.kind == HoldTurn::Kind::kWait) {
      (void)co_await turn.outcome->wait();
      continue;
    }
    Status done = co_await state_->write(id, std::move(chunk), turn.number);
    const std::optional<uint64_t> unwanted = state_->holds.settle(id, done.has_value());
    if (unwanted) state_->clear_later(id, *unwanted);
    if (!done) StoreCounters::add(state_->counters.puts_failed);
    co_return done;
  }
  co_return fail(Code::kUnavailable, "others fail to store the chunk over and over");
}

io::Task<Result<bool>> SharedBucketStore::link(ChunkId id, OwnerId owner) {
  for (size_t attempt = 0; attempt < kHoldAttemptsMax; ++attempt) {
    co_await io::or_return(state_->directory.check());
    HoldTurn turn = state_->holds.begin(id, owner);
    if (turn.kind == HoldTurn::Kind::kWait) {
      (void)co_await turn.outcome->wait();
      continue;
    }
    Result<bool> held = true;
    if (turn.kind == HoldTurn::Kind::kSet) {
      held = co_await state_->set(id, turn.number);
      const std::optional<uint64_t> unwanted = state_->holds.settle(id, held && *held);
      if (unwanted) state_->clear_later(id, *unwanted);
    }
    if (held && *held) StoreCounters::add(state_->counters.links_count);
    co_return held;
  }
  co_return false;
}

io::Task<void> SharedBucketStore::release(OwnerId owner, std::vector<ChunkId> ids) {
  for (const ChunkId& id : ids) {
    const std::optional<uint64_t> number = state_->holds.release(id, owner);
    if (number) state_->clear_later(id, *number);
  }
  co_return;
}

io::Task<Result<bool>> SharedBucketStore::unlink(ChunkId id, OwnerId owner) {
  ReferenceSource* const source = state_->references.load();
  if (source == nullptr) {
    co_return fail(Code::kFailedPrecondition, "no reference source is set, so nothing is dropped");
  }
  const std::optional<uint64_t> number = state_->holds.release(id, owner);
  if (number) state_->clear_later(id, *number);
  while (true) {
    // Holds of this session do not hinder the directory, so none may be set meanwhile.
    HoldTurn turn = state_->holds.condemn(id);
    if (turn.kind == HoldTurn::Kind::kHeld) co_return false;
    if (turn.kind == HoldTurn::Kind::kSet) break;
    // What the other one looked at may have changed since.
    (void)co_await turn.outcome->wait();
  }
  Result<bool> dropped = co_await state_->drop(id, *source);
  (void)state_->holds.settle(id, false);
  co_return dropped;
}

io::Task<Result<SealedRead>> SharedBucketStore::read(ChunkId id, ByteRange range,
                                                     ReadOptions options) {
  Result<SealedRead> got = co_await state_->read_part(id, range, options.urgency, true);
  StoreCounters::add(state_->counters.reads_count);
  if (!got) state_->tell_damage(id, got.error());
  co_return got;
}

io::Task<Status> SharedBucketStore::verify(ChunkId id) {
  const Result<SealedChunk> whole = co_await read_whole(id);
  if (whole) co_return Status{};
  co_return std::unexpected(whole.error());
}

io::Task<Result<SealedChunk>> SharedBucketStore::read_whole(ChunkId id) {
  Result<SealedRead> whole =
      co_await state_->read_part(id, {0, UINT64_MAX}, Urgency::kBackground, false);
  if (!whole) {
    state_->tell_damage(id, whole.error());
    co_return std::unexpected(whole.error());
  }
  co_return SealedChunk{std::move(whole->header), std::move(whole->payload)};
}

io::Task<Result<std::vector<ChunkStat>>> SharedBucketStore::list(std::optional<ChunkId> after,
                                                                 size_t limit) {
  const std::vector<DirectoryEntry> page =
      co_await io::or_return(state_->directory.list(after, limit));
  std::vector<ChunkStat> stats;
  stats.reserve(page.size());
  for (const DirectoryEntry& entry : page) {
    stats.push_back({entry.id, entry.row.header_bytes, entry.row.payload_bytes});
  }
  co_return stats;
}

io::Task<Result<StoreUsage>> SharedBucketStore::usage() {
  const int64_t chunks = std::max<int64_t>(state_->chunks_count.load(), 0);
  const int64_t bytes = std::max<int64_t>(state_->payload_bytes.load(), 0);
  const uint64_t live = static_cast<uint64_t>(bytes) + static_cast<uint64_t>(chunks) * kBlockBytes;
  co_return StoreUsage{.live_bytes = live,
                       .allocated_bytes = live,
                       .capacity_bytes = 0,
                       .available_bytes = 0,
                       .chunks_count = static_cast<uint64_t>(chunks)};
}

io::Task<Status> SharedBucketStore::close() {
  ASSERT(!state_->closed);
  Status closed = co_await state_->close();
  co_return closed;
}

io::Task<Status> SharedBucketStore::upkeep() {
  Status done = co_await state_->upkeep();
  co_return done;
}

io::Task<Result<SweepReport>> SharedBucketStore::sweep(SweepRules rules) {
  Result<SweepReport> report = co_await state_->sweep(rules);
  co_return report;
}

StoreMetrics SharedBucketStore::metrics() const {
  StoreMetrics metrics = state_->counters.read();
  metrics.upstream_down = state_->breaker.is_open();
  return metrics;
}

size_t SharedBucketStore::pending_count() const {
  const std::lock_guard guard(state_->mutex);
  const State::Pending& pending = state_->pending;
  return pending.holds.size() + pending.trash.size() + pending.unborn.size() + pending.drops.size();
}

}  // namespace cairn::storage
