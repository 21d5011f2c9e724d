#include "peer/keeper.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "cache/disk_limits.h"
#include "crypto/crc64.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "peer/limits.h"
#include "storage/limits.h"

namespace cairn::peer {

using cache::BlockKey;
using cache::FrameRange;
using cache::SealedRun;
using cache::SealedRunPointer;
using storage::SealedRead;

namespace {

cache::RamPolicyOptions policy_options(uint64_t capacity_bytes) {
  cache::RamPolicyOptions options;
  options.capacity_bytes = capacity_bytes;
  options.window_share = cache::window_share_of(capacity_bytes);
  return options;
}

// Most of a block is worth the whole: other nodes will want the rest of it.
FrameRange fetched_for(const FrameRange& frames) {
  if (frames.count() < cache::kWholeBlockFrames) return frames;
  const uint32_t first = cache::block_of(frames.first) * cache::kBlockFrames;
  return {first, std::min(first + cache::kBlockFrames, cache::kChunkFramesMax)};
}

std::vector<FrameRange> pieces_of(ByteRange range) {
  const uint64_t size = std::min(range.size_bytes, kPayloadBytesMax - range.offset_bytes);
  const uint32_t end = cache::frames_of(range.offset_bytes + size);
  std::vector<FrameRange> pieces;
  for (auto frame = static_cast<uint32_t>(range.offset_bytes / crypto::kFrameBytes); frame < end;) {
    const uint32_t next = std::min(end, (cache::block_of(frame) + 1) * cache::kBlockFrames);
    pieces.push_back({frame, next});
    frame = next;
  }
  return pieces;
}

io::Task<Result<Buffer>> acquire(size_t size_bytes) {
  io::BufferPool& pool = io::Reactor::current().buffers();
  Result<Buffer> buffer = pool.try_acquire(size_bytes);
  // Small reads do not wait for the pool (storage/limits.h says why).
  if (!buffer && size_bytes <= storage::kUnqueuedReadBytesMax)
    buffer = Buffer::allocate(size_bytes);
  if (!buffer) buffer = co_await pool.acquire(size_bytes, io::Until{});
  if (buffer) buffer->resize(size_bytes);
  co_return buffer;
}

}  // namespace

struct Keeper::Entry final : cache::RamNode {
  SealedRunPointer run;
  uint64_t checksum = 0;
};

Keeper::Keeper(uint64_t capacity_bytes, Counters& counters)
    : memory_(std::make_shared<cache::BlockMemory>(std::max(capacity_bytes, kKeptBytesMin))),
      counters_(counters),
      flights_{Flights(cache::kFlightAttemptsMax), Flights(cache::kFlightAttemptsMax)},
      policy_(policy_options(std::max(capacity_bytes, kKeptBytesMin))) {}

Keeper::~Keeper() = default;

void Keeper::drop_locked(cache::PlaceList& nodes, Departed& departed) {
  while (cache::RamNode* const node = nodes.pop_front()) {
    Entry& entry = static_cast<Entry&>(*node);
    const BlockKey block{entry.run->key.chunk, cache::block_of(entry.run->key.first_frame)};
    departed.push_back(std::move(entry.run));
    entries_.erase(block);
  }
}

Keeper::Kept Keeper::find_frames(const ChunkId& id, const FrameRange& frames,
                                 const storage::ReadOptions& options, Instant now) {
  Departed departed;  // Let go when the lock is free again.
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find({id, cache::block_of(frames.first)});
  if (found == entries_.end() || !found->second->run->covers(frames)) return {};
  Entry& entry = *found->second;
  Kept kept{entry.run, entry.checksum};
  cache::PlaceList left;
  const bool fresh = policy_.touch(entry, now, cache::hints_of(options), left);
  if (fresh && options.pin) static_cast<void>(policy_.pin(entry, left));
  drop_locked(left, departed);
  return fresh ? kept : Kept();
}

Keeper::Kept Keeper::find(const ChunkId& id, ByteRange range, const storage::ReadOptions& options,
                          Instant now) {
  const std::vector<FrameRange> pieces = pieces_of(range);
  if (pieces.size() != 1) return {};
  Kept kept = find_frames(id, pieces.front(), options, now);
  if (kept.run != nullptr) Counters::add(counters_.kept_hits);
  return kept;
}

uint64_t Keeper::forgets_count() const {
  const std::lock_guard lock(mutex_);
  return forgets_count_;
}

Buffer Keeper::allocate(size_t size_bytes) {
  Buffer bytes = memory_->try_allocate(size_bytes);
  for (int i = 0; i < kEvictionsPerRunMax && bytes.data() == nullptr; ++i) {
    Departed departed;
    {
      const std::lock_guard lock(mutex_);
      cache::RamNode* const node = policy_.evict_one();
      if (node == nullptr) break;
      cache::PlaceList left;
      left.push_back(*node);
      drop_locked(left, departed);
    }
    departed.clear();
    bytes = memory_->try_allocate(size_bytes);
  }
  return bytes;
}

SealedRunPointer Keeper::keep(const FlightKey& key, const SealedRead& fetched,
                              const storage::ReadOptions& options, uint64_t forgets_seen) {
  auto run = std::make_unique<SealedRun>();
  run->key = {key.chunk, key.frames.first};
  run->header = fetched.header;
  run->chunk_payload_bytes = fetched.payload_bytes;
  Buffer room = allocate(fetched.payload.size());
  const bool has_room = room.data() != nullptr && !fetched.payload.empty();
  if (!has_room) room = Buffer::allocate(fetched.payload.size());
  room.append(fetched.payload.view());
  run->data = std::move(room);
  const uint64_t charged_bytes = cache::BlockMemory::allocated_bytes(run->data.size());
  // The memory outlives its buffers.
  SealedRunPointer shared(run.release(),
                          [memory = memory_](const SealedRun* done) { delete done; });
  if (!has_room || options.no_cache) {
    Counters::add(counters_.not_kept);
    return shared;
  }
  const uint64_t checksum =
      crypto::crc64_nvme(crypto::crc64_nvme(0, shared->header), shared->data.view());
  Departed departed;
  const std::lock_guard lock(mutex_);
  if (forgets_count_ != forgets_seen) return shared;
  std::unique_ptr<Entry>& place = entries_[{key.chunk, cache::block_of(key.frames.first)}];
  cache::Hints hints = cache::hints_of(options);
  if (place != nullptr) {
    const bool is_pinned = place->place == cache::RamNode::Place::kPinned;
    // What is pinned gives way to what has all of it, and is then pinned with it.
    const FrameRange there{place->run->key.first_frame, place->run->end_frame()};
    if (is_pinned && !shared->covers(there)) return shared;
    hints.pin = hints.pin || is_pinned;
    policy_.erase(*place);
    departed.push_back(std::move(place->run));
  }
  place = std::make_unique<Entry>();
  place->run = shared;
  place->checksum = checksum;
  place->size_bytes = charged_bytes;
  Entry& entry = *place;
  cache::PlaceList left;
  policy_.insert(entry, io::Reactor::current().now(), hints, left);
  if (hints.pin && entry.resident()) static_cast<void>(policy_.pin(entry, left));
  drop_locked(left, departed);
  return shared;
}

io::Task<Result<SealedRunPointer>> Keeper::lead(Request request, Flights::Lead lead) {
  const FlightKey key = lead.key();
  const uint64_t forgets_seen = forgets_count();
  Counters::add(counters_.kept_misses);
  Result<SealedRead> fetched = co_await request.fetch(
      key.chunk, {key.frames.offset_bytes(), key.frames.size_bytes()}, request.options);
  if (!fetched) {
    // That a chunk is absent will not change by asking again.
    lead.fail(fetched.error(), fetched.error().code == Code::kNotFound);
    co_return std::unexpected(std::move(fetched.error()));
  }
  SealedRunPointer run = keep(key, *fetched, request.options, forgets_seen);
  lead.land([&run] { return run; });
  co_return run;
}

io::Task<Result<SealedRunPointer>> Keeper::obtain(Request request, FrameRange frames) {
  SealedRunPointer here =
      find_frames(request.id, frames, request.options, io::Reactor::current().now()).run;
  if (here != nullptr) {
    Counters::add(counters_.kept_hits);
    co_return here;
  }
  Flights& flights = flights_[static_cast<size_t>(request.way)];
  Flights::Turn turn = flights.join({request.id, fetched_for(frames)});
  if (turn.follower) {
    Flights::Landing landing = co_await turn.follower->wait();
    if (landing.error) co_return std::unexpected(std::move(*landing.error));
    if (landing.value != nullptr) {
      Counters::add(counters_.kept_shared);
      co_return std::move(landing.value);
    }
    Result<SealedRunPointer> led = co_await lead(request, std::move(*landing.lead));
    co_return led;
  }
  // Whoever led until now may have landed between the look and the turn.
  here = find_frames(request.id, frames, request.options, io::Reactor::current().now()).run;
  if (here != nullptr) {
    turn.lead->land([&here] { return here; });
    Counters::add(counters_.kept_hits);
    co_return here;
  }
  Result<SealedRunPointer> led = co_await lead(request, std::move(*turn.lead));
  co_return led;
}

io::Task<void> Keeper::obtain_into(Request request, FrameRange frames,
                                   Result<SealedRunPointer>* into) {
  Result<SealedRunPointer> run = co_await obtain(request, frames);
  *into = std::move(run);
}

io::Task<Result<SealedRead>> Keeper::read(ChunkId id, ByteRange range, storage::ReadOptions options,
                                          Way way, Fetch fetch) {
  ASSERT(range.size_bytes > 0 && range.offset_bytes < kPayloadBytesMax);
  const std::vector<FrameRange> pieces = pieces_of(range);
  const Request request{id, options, way, fetch};
  std::vector<Result<SealedRunPointer>> runs(pieces.size());
  io::Scope scope;
  for (size_t i = 0; i < pieces.size(); ++i) {
    scope.spawn(obtain_into(request, pieces[i], &runs[i]));
  }
  co_await scope.join();
  for (const Result<SealedRunPointer>& run : runs) {
    if (!run) co_return std::unexpected(run.error());
  }
  const SealedRun& first = **runs.front();
  for (const Result<SealedRunPointer>& run : runs) {
    if ((*run)->header == first.header) continue;
    // A chunk that was dropped and stored again: frames of the one sealing do not open under the
    // other's header.
    forget(id);
    co_return co_await fetch(id, range, options);
  }
  const uint64_t payload_bytes = first.chunk_payload_bytes;
  const uint64_t begin = std::min(range.offset_bytes, payload_bytes);
  const uint64_t size = std::min(range.size_bytes, payload_bytes - begin);
  Buffer out = co_await io::or_return(acquire(size));
  for (const Result<SealedRunPointer>& each : runs) {
    const SealedRun& run = **each;
    const uint64_t run_begin = run.key.first_frame * uint64_t{crypto::kFrameBytes};
    const uint64_t from = std::max(begin, run_begin);
    const uint64_t to = std::min(begin + size, run_begin + run.data.size());
    if (from >= to) continue;
    const BytesView part = run.data.view(from - run_begin, to - from);
    std::copy(part.begin(), part.end(), out.data() + (from - begin));
  }
  co_return SealedRead{first.header, std::move(out), payload_bytes};
}

bool Keeper::forget(const ChunkId& id) {
  Departed departed;
  const std::lock_guard lock(mutex_);
  ++forgets_count_;
  for (uint32_t block = 0; block <= cache::block_of(cache::kChunkFramesMax); ++block) {
    const auto found = entries_.find({id, block});
    if (found == entries_.end()) continue;
    policy_.erase(*found->second);
    departed.push_back(std::move(found->second->run));
    entries_.erase(found);
  }
  return !departed.empty();
}

cache::CachedBytes Keeper::held(const ChunkId& id) const {
  cache::CachedBytes held;
  const std::lock_guard lock(mutex_);
  for (uint32_t block = 0; block <= cache::block_of(cache::kChunkFramesMax); ++block) {
    const auto found = entries_.find({id, block});
    if (found == entries_.end()) continue;
    const uint64_t size_bytes = found->second->run->data.size();
    const bool is_pinned = found->second->place == cache::RamNode::Place::kPinned;
    held += {.cached = size_bytes, .pinned = is_pinned ? size_bytes : 0};
  }
  return held;
}

KeptReading Keeper::reading() const {
  const std::lock_guard lock(mutex_);
  return {.capacity_bytes = policy_.capacity_bytes(),
          .used_bytes = policy_.used_bytes(),
          .pinned_bytes = policy_.pinned_bytes(),
          .runs_count = entries_.size()};
}

}  // namespace cairn::peer
