#include "storage/s3_store.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "base/assert.h"
#include "base/encoding.h"
#include "base/log.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "storage/index_turns.h"
#include "storage/pack_janitor.h"
#include "storage/pack_recovery.h"
#include "storage/pack_snapshot_file.h"
#include "storage/store_marker.h"

namespace cairn::storage {
namespace {

Error not_found(const ChunkId& id) {
  return {Code::kNotFound, "chunk " + to_hex(id.bytes) + " is not stored"};
}

Status check_options(const S3StoreOptions& options) {
  if (Status place = check_upstream_place(options.place); !place) return place;
  if (options.pack_bytes_max < kPackBytesMin || options.pack_bytes_max > kPackBytesMax) {
    return fail(Code::kInvalidArgument, "packs are of 16 to 64 MiB");
  }
  return {};
}

// What one reactor uses.
struct Lane {
  io::Reactor& reactor;
  std::unique_ptr<Upstream> upstream;
  std::unique_ptr<PackWriter> writer;
};

}  // namespace

struct S3Store::State {
  explicit State(S3StoreOptions with)
      : options(std::move(with)),
        references(options.references),
        files(options.files != nullptr ? *options.files : io::system_file_system()),
        network(options.network != nullptr ? *options.network : io::system_network()),
        random(options.random != nullptr ? *options.random : system_random()),
        context{index,
                packs,
                counters,
                random,
                options.store_id,
                options.pack_bytes_max,
                options.gather_delay} {}

  Result<Lane*> lane();
  io::Task<Status> open();
  io::Task<void> keep_up();
  io::Task<Status> save_snapshot();
  io::Task<Status> close();

  const S3StoreOptions options;
  std::atomic<ReferenceSource*> references;
  io::FileSystem& files;
  io::Network& network;
  Random& random;
  StoreCounters counters;
  PackIndex index;
  PackSet packs;
  UpstreamBreaker breaker;
  PackContext context;

  std::mutex mutex;                            // Guards the map; never held across a wait.
  std::map<int, std::unique_ptr<Lane>> lanes;  // By index of the reactor.

  // Of the reactor that opened the store.
  PackRecovery recovery;
  std::unique_ptr<Upstream> background_upstream;
  std::unique_ptr<PackJanitor> janitor;
  io::Scope background;
  uint64_t saved_changes_count = 0;
  Instant saved_at;
  bool closed = false;
};

// Of the current reactor.
Result<Lane*> S3Store::State::lane() {
  io::Reactor& reactor = io::Reactor::current();
  const std::lock_guard guard(mutex);
  std::unique_ptr<Lane>& lane = lanes[reactor.index()];
  if (lane == nullptr) {
    Result<std::unique_ptr<Upstream>> upstream =
        Upstream::create(options.place, breaker, counters, network, random);
    if (!upstream) return std::unexpected(upstream.error());
    auto writer = std::make_unique<PackWriter>(context, **upstream);
    lane = std::make_unique<Lane>(reactor, std::move(*upstream), std::move(writer));
  }
  return lane.get();
}

io::Task<Status> S3Store::State::open() {
  Lane* const own = co_await io::or_return(lane());
  co_await io::or_return(settle_marker(*own->upstream, options.place, options.store_id,
                                       BucketLayout::kPacks, options.create));
  Snapshot snapshot = co_await io::or_return(load_snapshot(files, options.snapshot_path));
  recovery = co_await io::or_return(recover_packs(context, *own->upstream, std::move(snapshot)));
  // With connections of its own, and calls that end when the store is closed.
  background_upstream =
      co_await io::or_return(Upstream::create(options.place, breaker, counters, network, random));
  background_upstream->stop_with(background.stop_token());
  janitor = std::make_unique<PackJanitor>(context, *background_upstream);
  saved_at = io::Reactor::current().now();
  if (options.upkeep_interval > Duration{}) background.spawn(keep_up());
  co_return Status{};
}

io::Task<void> S3Store::State::keep_up() {
  const io::StopToken stop = background.stop_token();
  bool failing = false;
  while (!stop.stop_requested()) {
    (void)co_await io::sleep_for(options.upkeep_interval, stop);
    if (stop.stop_requested()) break;
    const Result<bool> done = co_await janitor->pass();
    if (!done && !failing) {
      log::warning("storage.upkeep_failed", {{"message", std::string_view(done.error().message)}});
    }
    failing = !done;
    const Instant now = io::Reactor::current().now();
    if (now < saved_at + kSnapshotInterval) continue;
    saved_at = now;
    const Status saved = co_await save_snapshot();
    if (!saved) {
      log::warning("storage.snapshot_failed",
                   {{"message", std::string_view(saved.error().message)}});
    }
  }
}

io::Task<Status> S3Store::State::save_snapshot() {
  const uint64_t changes_count = packs.changes_count();
  if (options.snapshot_path.empty() || changes_count == saved_changes_count) co_return Status{};
  const Snapshot snapshot = co_await take_snapshot(context);
  co_await io::or_return(store_snapshot(files, options.snapshot_path, encode_snapshot(snapshot)));
  saved_changes_count = changes_count;
  co_return Status{};
}

io::Task<Status> S3Store::State::close() {
  background.request_stop();
  co_await background.join();
  Status saved;
  if (janitor != nullptr) saved = co_await save_snapshot();
  if (background_upstream != nullptr) co_await background_upstream->close();
  for (auto& [number, lane] : lanes) {
    co_await io::run_on(lane->reactor, lane->upstream->close());
  }
  index.clear();
  closed = true;
  co_return saved;
}

S3Store::S3Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
S3Store::~S3Store() {
  ASSERT(state_->closed);
}

io::Task<Result<std::unique_ptr<S3Store>>> S3Store::open(S3StoreOptions options) {
  co_await io::or_return(check_options(options));
  std::unique_ptr<S3Store> store(new S3Store(std::make_unique<State>(std::move(options))));
  Status opened = co_await store->state_->open();
  if (!opened) {
    (void)co_await store->state_->close();
    co_return std::unexpected(opened.error());
  }
  co_return store;
}

void S3Store::set_references(ReferenceSource* references) {
  state_->references.store(references);
}

io::Task<Status> S3Store::put(ChunkId id, SealedChunk chunk, OwnerId owner) {
  co_await io::or_return(check_chunk(chunk));
  Lane* const lane = co_await io::or_return(state_->lane());
  const auto write = [lane, &id, &chunk] { return lane->writer->append(id, std::move(chunk)); };
  Status done = co_await put_in_turn(state_->index, state_->counters, id, owner, write);
  co_return done;
}

io::Task<Result<bool>> S3Store::link(ChunkId id, OwnerId owner) {
  const bool held = state_->index.hold(id, owner);
  if (held) StoreCounters::add(state_->counters.links_count);
  co_return held;
}

io::Task<void> S3Store::release(OwnerId owner, std::vector<ChunkId> ids) {
  for (const ChunkId& id : ids) state_->index.release(id, owner);
  co_return;
}

io::Task<Result<bool>> S3Store::unlink(ChunkId id, OwnerId owner) {
  const std::optional<PackPlace> place = co_await io::or_return(
      take_unreferenced<PackPlace>(state_->index, state_->references.load(), id, owner));
  if (!place) co_return false;
  state_->packs.drop_live(place->pack, place->stored_bytes());
  place->pack->release();
  StoreCounters::add(state_->counters.dropped_chunks);
  co_return true;
}

io::Task<Result<SealedRead>> S3Store::read(ChunkId id, ByteRange range, ReadOptions options) {
  Lane* const lane = co_await io::or_return(state_->lane());
  const std::optional<PackPlace> place = state_->index.find(id);
  if (!place) co_return std::unexpected(not_found(id));
  Result<SealedRead> result =
      co_await read_packed(state_->context, *lane->upstream, id, *place, range, options);
  place->pack->release();
  StoreCounters::add(state_->counters.reads_count);
  if (!result && result.error().code == Code::kCorruption) {
    StoreCounters::add(state_->counters.checksum_failures);
    log::error("storage.record_damaged", {{"chunk", std::string_view(to_hex(id.bytes))},
                                          {"pack", std::string_view(place->pack->name())},
                                          {"message", std::string_view(result.error().message)}});
  }
  co_return result;
}

io::Task<Status> S3Store::verify(ChunkId id) {
  const Result<SealedChunk> whole = co_await read_whole(id);
  if (whole) co_return Status{};
  co_return std::unexpected(whole.error());
}

io::Task<Result<SealedChunk>> S3Store::read_whole(ChunkId id) {
  Lane* const lane = co_await io::or_return(state_->lane());
  const std::optional<PackPlace> place = state_->index.find(id);
  if (!place) co_return std::unexpected(not_found(id));
  Result<SealedChunk> whole =
      co_await storage::read_whole(state_->context, *lane->upstream, id, *place);
  place->pack->release();
  if (!whole && whole.error().code == Code::kCorruption) {
    StoreCounters::add(state_->counters.checksum_failures);
  }
  co_return whole;
}

io::Task<Result<std::vector<ChunkStat>>> S3Store::list(std::optional<ChunkId> after, size_t limit) {
  co_return state_->index.list(after, limit);
}

io::Task<Result<StoreUsage>> S3Store::usage() {
  co_return StoreUsage{.live_bytes = state_->index.live_bytes(),
                       .allocated_bytes = state_->packs.stored_bytes(),
                       .capacity_bytes = 0,
                       .available_bytes = 0,
                       .chunks_count = state_->index.chunks_count(),
                       .by_placement = state_->index.usage_by_placement()};
}

io::Task<Status> S3Store::close() {
  ASSERT(!state_->closed);
  Status closed = co_await state_->close();
  co_return closed;
}

io::Task<Result<bool>> S3Store::upkeep() {
  Result<bool> more = co_await state_->janitor->pass();
  co_return more;
}

const PackRecovery& S3Store::recovery() const {
  return state_->recovery;
}

StoreMetrics S3Store::metrics() const {
  StoreMetrics metrics = state_->counters.read();
  metrics.upstream_down = state_->breaker.is_open();
  return metrics;
}

}  // namespace cairn::storage
