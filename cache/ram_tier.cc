#include "cache/ram_tier.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "cache/ram_policy.h"

namespace cairn::cache {
namespace {

// A shard of this size or more keeps its lock short and its memory whole; more of them than this
// gain nothing on the machines that we know.
constexpr uint64_t kShardBytesMin = 256 * MiB;
constexpr size_t kShardsMax = 64;

// Blocks that go when a new one finds no run of memory that is long enough.
constexpr int kEvictionsPerBlockMax = 16;

constexpr uint32_t kFramesPerChunkMax = crypto::kChunkBytesMax / crypto::kFrameBytes;

}  // namespace

// A part of the tier with its own memory, policy and lock. All blocks of a chunk are in one.
class RamTier::Shard {
 public:
  explicit Shard(const RamPolicyOptions& options)
      : memory_(std::make_shared<BlockMemory>(options.capacity_bytes)), policy_(options) {}

  RamBlockPointer find(const BlockKey& key, size_t size_bytes, const Hints& hints, Instant now);
  Turn begin(const BlockKey& key, size_t size_bytes, const Hints& hints, Instant now);
  RamBlockPointer allocate(size_t size_bytes);
  void publish(const BlockKey& key, const RamBlockPointer& block, const Hints& hints, Instant now);
  void abandon(const BlockKey& key, uint64_t flight, const Error& error);
  size_t erase_chunk(const ChunkId& chunk);
  size_t unpin_chunk(const ChunkId& chunk);
  CachedBytes cached_bytes(const ChunkId& chunk, ByteRange range) const;
  void set_share(uint16_t tenant, uint64_t share_bytes);
  void add_to(RamTierCounters& counters) const;

 private:
  struct Entry final : RamNode {
    BlockKey key;
    RamBlockPointer block;
    bool ahead = false;  // Nobody has asked for it yet.
  };
  // A longer block than it is of may land it before its own reader comes; then there may be another
  // one of the same key when he does.
  struct Flight {
    uint64_t number = 0;
    size_t size_bytes = 0;
    std::vector<Outcome> waiters;
  };
  using Flights = std::unordered_map<BlockKey, Flight, BlockKeyHash>;
  // Blocks that left the table; they are let go when the lock is free again.
  using Departed = std::vector<RamBlockPointer>;

  RamBlockPointer find_locked(const BlockKey& key, size_t size_bytes, const Hints& hints,
                              Instant now, Departed& departed);
  void insert_locked(const BlockKey& key, const RamBlockPointer& block, const Hints& hints,
                     bool is_ahead, Instant now, Departed& departed);
  void pin_locked(Entry& entry, Departed& departed);
  void drop_locked(PlaceList& nodes, Departed& departed);
  std::vector<Outcome> land_locked(Flights::iterator flight);

  const std::shared_ptr<BlockMemory> memory_;
  mutable std::mutex mutex_;
  RamPolicy policy_;
  std::unordered_map<BlockKey, Entry, BlockKeyHash> entries_;
  Flights flights_;
  uint64_t flights_count_ = 0;  // Of all that there were.
  RamTierCounters counters_;
};

void RamTier::Shard::drop_locked(PlaceList& nodes, Departed& departed) {
  while (RamNode* const node = nodes.pop_front()) {
    Entry& entry = static_cast<Entry&>(*node);
    if (node->departure != Departure::kRefused) ++counters_.evictions;
    ++counters_.departures[static_cast<size_t>(node->departure)];
    if (entry.ahead) counters_.ahead_wasted_bytes += entry.block->allocated_bytes();
    counters_.used_bytes -= entry.block->allocated_bytes();
    departed.push_back(std::move(entry.block));
    entries_.erase(BlockKey(entry.key));
  }
}

RamBlockPointer RamTier::Shard::find_locked(const BlockKey& key, size_t size_bytes,
                                            const Hints& hints, Instant now, Departed& departed) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.block->size_bytes() < size_bytes) return nullptr;
  RamBlockPointer block = found->second.block;
  PlaceList left;
  const bool fresh = policy_.touch(found->second, now, hints, left);
  drop_locked(left, departed);
  if (!fresh) return nullptr;
  if (hints.pin) pin_locked(found->second, departed);
  if (!hints.ahead && std::exchange(found->second.ahead, false)) {
    counters_.ahead_used_bytes += block->allocated_bytes();
  }
  ++counters_.hits;
  counters_.hit_bytes += size_bytes;
  return block;
}

void RamTier::Shard::pin_locked(Entry& entry, Departed& departed) {
  PlaceList left;
  if (!policy_.pin(entry, left)) ++counters_.pins_refused;
  drop_locked(left, departed);
}

RamBlockPointer RamTier::Shard::find(const BlockKey& key, size_t size_bytes, const Hints& hints,
                                     Instant now) {
  Departed departed;
  const std::lock_guard lock(mutex_);
  return find_locked(key, size_bytes, hints, now, departed);
}

RamTier::Turn RamTier::Shard::begin(const BlockKey& key, size_t size_bytes, const Hints& hints,
                                    Instant now) {
  Departed departed;
  Turn turn;
  const std::lock_guard lock(mutex_);
  turn.block = find_locked(key, size_bytes, hints, now, departed);
  if (turn.block != nullptr) return turn;
  const auto [flight, is_first] =
      flights_.try_emplace(key, Flight{flights_count_ + 1, size_bytes, {}});
  if (!is_first && flight->second.size_bytes >= size_bytes) {
    ++counters_.shared;
    counters_.shared_bytes += size_bytes;
    turn.outcome = flight->second.waiters.emplace_back(Outcome::make());
    return turn;
  }
  // A longer run than the one under way is read by itself.
  ++counters_.misses;
  counters_.missed_bytes += size_bytes;
  if (is_first) turn.flight = ++flights_count_;
  return turn;
}

RamBlockPointer RamTier::Shard::allocate(size_t size_bytes) {
  Departed departed;
  Buffer bytes = memory_->try_allocate(size_bytes);
  for (int i = 0; i < kEvictionsPerBlockMax && bytes.data() == nullptr; ++i) {
    {
      const std::lock_guard lock(mutex_);
      RamNode* const node = policy_.evict_one();
      if (node == nullptr) break;
      PlaceList left;
      left.push_back(*node);
      drop_locked(left, departed);
    }
    departed.clear();
    bytes = memory_->try_allocate(size_bytes);
  }
  const bool is_of_tier = bytes.data() != nullptr;
  if (!is_of_tier) bytes = Buffer::allocate(size_bytes);
  bytes.resize(size_bytes);
  return std::make_shared<RamBlock>(std::move(bytes), is_of_tier ? memory_ : nullptr);
}

void RamTier::Shard::insert_locked(const BlockKey& key, const RamBlockPointer& block,
                                   const Hints& hints, bool is_ahead, Instant now,
                                   Departed& departed) {
  if (!block->is_of_tier()) {
    ++counters_.not_kept;
    return;
  }
  const auto [at, is_new] = entries_.try_emplace(key);
  Entry& entry = at->second;
  Hints kept = hints;
  if (!is_new) {
    if (entry.block->size_bytes() >= block->size_bytes()) {
      if (hints.pin) pin_locked(entry, departed);
      return;
    }
    kept.pin = kept.pin || entry.place == RamNode::Place::kPinned;
    policy_.erase(entry);
    counters_.used_bytes -= entry.block->allocated_bytes();
    departed.push_back(std::move(entry.block));
  }
  entry.key = key;
  entry.block = block;
  entry.size_bytes = block->allocated_bytes();
  entry.ahead = is_ahead;
  if (is_ahead) counters_.ahead_bytes += entry.size_bytes;
  counters_.used_bytes += entry.size_bytes;
  PlaceList left;
  policy_.insert(entry, now, kept, left);
  if (kept.pin && entry.place != RamNode::Place::kPinned) ++counters_.pins_refused;
  drop_locked(left, departed);
}

std::vector<RamTier::Outcome> RamTier::Shard::land_locked(Flights::iterator flight) {
  std::vector<Outcome> waiters = std::move(flight->second.waiters);
  flights_.erase(flight);
  return waiters;
}

void RamTier::Shard::publish(const BlockKey& key, const RamBlockPointer& block, const Hints& hints,
                             Instant now) {
  Departed departed;
  std::vector<Outcome> waiters;
  {
    const std::lock_guard lock(mutex_);
    const auto flight = flights_.find(key);
    const bool is_enough =
        flight != flights_.end() && flight->second.size_bytes <= block->size_bytes();
    if (is_enough) waiters = land_locked(flight);
    if (hints.ahead && !waiters.empty()) {
      counters_.ahead_bytes += block->allocated_bytes();
      counters_.ahead_used_bytes += block->allocated_bytes();
    }
    insert_locked(key, block, hints, hints.ahead && waiters.empty(), now, departed);
  }
  for (const Outcome& waiter : waiters) waiter.complete(block);
}

void RamTier::Shard::abandon(const BlockKey& key, uint64_t flight, const Error& error) {
  std::vector<Outcome> waiters;
  {
    const std::lock_guard lock(mutex_);
    const auto found = flights_.find(key);
    if (found == flights_.end() || found->second.number != flight) return;
    waiters = land_locked(found);
  }
  for (const Outcome& waiter : waiters) waiter.complete(std::unexpected(error));
}

size_t RamTier::Shard::erase_chunk(const ChunkId& chunk) {
  Departed departed;
  const std::lock_guard lock(mutex_);
  if (entries_.empty()) return 0;
  for (uint32_t frame = 0; frame < kFramesPerChunkMax; ++frame) {
    const auto found = entries_.find(BlockKey{chunk, frame});
    if (found == entries_.end()) continue;
    policy_.erase(found->second);
    if (found->second.ahead) {
      counters_.ahead_wasted_bytes += found->second.block->allocated_bytes();
    }
    counters_.used_bytes -= found->second.block->allocated_bytes();
    departed.push_back(std::move(found->second.block));
    entries_.erase(found);
  }
  return departed.size();
}

size_t RamTier::Shard::unpin_chunk(const ChunkId& chunk) {
  Departed departed;
  size_t count = 0;
  const std::lock_guard lock(mutex_);
  if (policy_.pinned_bytes() == 0) return 0;
  for (uint32_t frame = 0; frame < kFramesPerChunkMax; ++frame) {
    const auto found = entries_.find(BlockKey{chunk, frame});
    if (found == entries_.end() || found->second.place != RamNode::Place::kPinned) continue;
    PlaceList left;
    policy_.unpin(found->second, left);
    drop_locked(left, departed);
    ++count;
  }
  return count;
}

CachedBytes RamTier::Shard::cached_bytes(const ChunkId& chunk, ByteRange range) const {
  CachedBytes bytes;
  const uint64_t end = range.offset_bytes + range.size_bytes;
  uint64_t counted = range.offset_bytes;  // Blocks may overlap.
  const std::lock_guard lock(mutex_);
  if (entries_.empty()) return bytes;
  for (uint32_t frame = 0; frame < kFramesPerChunkMax; ++frame) {
    const auto found = entries_.find(BlockKey{chunk, frame});
    if (found == entries_.end()) continue;
    const uint64_t first = frame * uint64_t{crypto::kFrameBytes};
    const uint64_t begin = std::max(counted, first);
    const uint64_t until = std::min(end, first + found->second.block->size_bytes());
    if (begin >= until) continue;
    bytes.cached += until - begin;
    if (found->second.place == RamNode::Place::kPinned) bytes.pinned += until - begin;
    counted = until;
  }
  return bytes;
}

void RamTier::Shard::set_share(uint16_t tenant, uint64_t share_bytes) {
  const std::lock_guard lock(mutex_);
  policy_.shares().set_share(tenant, share_bytes);
}

void RamTier::Shard::add_to(RamTierCounters& counters) const {
  const std::lock_guard lock(mutex_);
  counters.hits += counters_.hits;
  counters.hit_bytes += counters_.hit_bytes;
  counters.misses += counters_.misses;
  counters.shared += counters_.shared;
  counters.shared_bytes += counters_.shared_bytes;
  counters.missed_bytes += counters_.missed_bytes;
  counters.not_kept += counters_.not_kept;
  counters.evictions += counters_.evictions;
  for (size_t i = 0; i < kDeparturesCount; ++i) counters.departures[i] += counters_.departures[i];
  counters.ahead_bytes += counters_.ahead_bytes;
  counters.ahead_used_bytes += counters_.ahead_used_bytes;
  counters.ahead_wasted_bytes += counters_.ahead_wasted_bytes;
  counters.pinned_bytes += policy_.pinned_bytes();
  counters.pins_refused += counters_.pins_refused;
  counters.used_bytes += counters_.used_bytes;
  counters.blocks_count += entries_.size();
  counters.is_locked = counters.is_locked && memory_->is_locked();
}

RamTier::RamTier(RamTierOptions options) : capacity_bytes_(options.capacity_bytes) {
  const size_t count = std::clamp<uint64_t>(options.capacity_bytes / kShardBytesMin, 1, kShardsMax);
  const uint64_t shard_bytes = round_up(options.capacity_bytes / count, io::BuddyArena::kSizeBytes);
  RamPolicyOptions policy;
  policy.capacity_bytes = shard_bytes;
  policy.window_share = window_share_of(capacity_bytes_);
  policy.filter.gap = options.reference_gap;
  for (size_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>(policy));
}

RamTier::~RamTier() = default;

uint64_t RamTier::window_bytes() const {
  return static_cast<uint64_t>(static_cast<double>(capacity_bytes_) *
                               window_share_of(capacity_bytes_));
}

RamTier::Shard& RamTier::shard_of(const ChunkId& chunk) const {
  return *shards_[fingerprint_of({chunk, 0}) % shards_.size()];
}

RamTier::Turn RamTier::begin(const BlockKey& key, size_t size_bytes, const Hints& hints,
                             Instant now) {
  return shard_of(key.chunk).begin(key, size_bytes, hints, now);
}

RamBlockPointer RamTier::find(const BlockKey& key, size_t size_bytes, const Hints& hints,
                              Instant now) {
  return shard_of(key.chunk).find(key, size_bytes, hints, now);
}

RamBlockPointer RamTier::allocate(const BlockKey& key, size_t size_bytes) {
  return shard_of(key.chunk).allocate(size_bytes);
}

void RamTier::publish(const BlockKey& key, const RamBlockPointer& block, const Hints& hints,
                      Instant now) {
  shard_of(key.chunk).publish(key, block, hints, now);
}

void RamTier::abandon(const BlockKey& key, uint64_t flight, const Error& error) {
  shard_of(key.chunk).abandon(key, flight, error);
}

size_t RamTier::erase_chunk(const ChunkId& chunk) {
  return shard_of(chunk).erase_chunk(chunk);
}

size_t RamTier::unpin_chunk(const ChunkId& chunk) {
  return shard_of(chunk).unpin_chunk(chunk);
}

CachedBytes RamTier::cached_bytes(const ChunkId& chunk, ByteRange range) const {
  return shard_of(chunk).cached_bytes(chunk, range);
}

void RamTier::set_share(uint16_t tenant, uint64_t share_bytes) {
  for (const auto& shard : shards_) shard->set_share(tenant, share_bytes / shards_.size());
}

RamTierCounters RamTier::counters() const {
  RamTierCounters counters;
  counters.capacity_bytes = capacity_bytes_;
  for (const auto& shard : shards_) shard->add_to(counters);
  return counters;
}

}  // namespace cairn::cache
