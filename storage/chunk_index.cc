#include "storage/chunk_index.h"

#include <algorithm>

#include "base/assert.h"
#include "storage/pack.h"

namespace cairn::storage {
namespace {

// Completions run other reactors' code, so they are fulfilled outside the lock.
void complete_all(const std::vector<PutTurn::Outcome>& waiters, const Status& status) {
  for (const PutTurn::Outcome& waiter : waiters) waiter.complete(status);
}

}  // namespace

template <typename Place>
void BasicChunkIndex<Place>::add_holder(Entry& entry, const OwnerId& owner) {
  if (std::ranges::find(entry.holders, owner) == entry.holders.end()) {
    entry.holders.push_back(owner);
  }
}

template <typename Place>
PutTurn BasicChunkIndex<Place>::begin_put(const ChunkId& id, const OwnerId& owner) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto [at, fresh] = shard.entries.try_emplace(id);
  Entry& entry = at->second;
  if (fresh) {
    entry.holders.push_back(owner);
    return {PutTurn::Kind::kWrite, std::nullopt};
  }
  if (entry.state == State::kLive) {
    add_holder(entry, owner);
    return {PutTurn::Kind::kPresent, std::nullopt};
  }
  Outcome outcome = Outcome::make();
  entry.waiters.push_back(outcome);
  return {PutTurn::Kind::kWait, std::move(outcome)};
}

template <typename Place>
void BasicChunkIndex<Place>::publish(const ChunkId& id, Place location) {
  std::vector<Outcome> waiters;
  {
    Shard& shard = shard_of(id);
    const std::lock_guard guard(shard.mutex);
    Entry& entry = shard.entries.at(id);
    ASSERT(entry.state == State::kWriting);
    usage_of(id).live_bytes += location.stored_bytes();
    ++usage_of(id).chunks_count;
    location.add_live();
    entry.location = std::move(location);
    entry.state = State::kLive;
    waiters.swap(entry.waiters);
  }
  complete_all(waiters, {});
}

template <typename Place>
void BasicChunkIndex<Place>::abandon(const ChunkId& id, const Error& error) {
  std::vector<Outcome> waiters;
  {
    Shard& shard = shard_of(id);
    const std::lock_guard guard(shard.mutex);
    const auto at = shard.entries.find(id);
    ASSERT(at != shard.entries.end() && at->second.state == State::kWriting);
    waiters.swap(at->second.waiters);
    shard.entries.erase(at);
  }
  complete_all(waiters, std::unexpected(error));
}

template <typename Place>
bool BasicChunkIndex<Place>::hold(const ChunkId& id, const OwnerId& owner) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end() || at->second.state != State::kLive) return false;
  add_holder(at->second, owner);
  return true;
}

template <typename Place>
void BasicChunkIndex<Place>::release(const ChunkId& id, const OwnerId& owner) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at != shard.entries.end()) std::erase(at->second.holders, owner);
}

template <typename Place>
bool BasicChunkIndex<Place>::condemn(const ChunkId& id, const OwnerId& owner) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end() || at->second.state != State::kLive) return false;
  std::erase(at->second.holders, owner);
  if (!at->second.holders.empty()) return false;
  at->second.state = State::kCondemned;
  return true;
}

template <typename Place>
Place BasicChunkIndex<Place>::erase(const ChunkId& id) {
  std::vector<Outcome> waiters;
  Place location;
  {
    Shard& shard = shard_of(id);
    const std::lock_guard guard(shard.mutex);
    const auto at = shard.entries.find(id);
    ASSERT(at != shard.entries.end() && at->second.state == State::kCondemned);
    location = std::move(at->second.location);
    location.acquire();
    waiters.swap(at->second.waiters);
    shard.entries.erase(at);
    // A later put of the id has another salt, so the old header must not serve it.
    for (CachedHeader& cached : shard.headers) {
      if (cached.id == id) cached.header.clear();
    }
    usage_of(id).live_bytes -= location.stored_bytes();
    --usage_of(id).chunks_count;
  }
  complete_all(waiters, {});
  return location;
}

template <typename Place>
void BasicChunkIndex<Place>::pardon(const ChunkId& id) {
  std::vector<Outcome> waiters;
  {
    Shard& shard = shard_of(id);
    const std::lock_guard guard(shard.mutex);
    Entry& entry = shard.entries.at(id);
    ASSERT(entry.state == State::kCondemned);
    entry.state = State::kLive;
    waiters.swap(entry.waiters);
  }
  complete_all(waiters, {});
}

template <typename Place>
std::optional<Place> BasicChunkIndex<Place>::find(const ChunkId& id) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end() || at->second.state == State::kWriting) return std::nullopt;
  at->second.location.acquire();
  return at->second.location;
}

template <typename Place>
bool BasicChunkIndex<Place>::is_at(const ChunkId& id, const Place& location) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  return at != shard.entries.end() && at->second.location.same_place(location);
}

template <typename Place>
bool BasicChunkIndex<Place>::insert_recovered(const ChunkId& id, Place location) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto [at, fresh] = shard.entries.try_emplace(id);
  if (!fresh) return false;
  usage_of(id).live_bytes += location.stored_bytes();
  ++usage_of(id).chunks_count;
  location.add_live();
  at->second.location = std::move(location);
  at->second.state = State::kLive;
  return true;
}

template <typename Place>
Place BasicChunkIndex<Place>::exchange(const ChunkId& id, Place location) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  Entry& entry = shard.entries.at(id);
  usage_of(id).live_bytes += location.stored_bytes();
  usage_of(id).live_bytes -= entry.location.stored_bytes();
  location.add_live();
  return std::exchange(entry.location, std::move(location));
}

template <typename Place>
bool BasicChunkIndex<Place>::relocate(const ChunkId& id, const Place& from, Place location) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end() || !at->second.location.same_place(from)) return false;
  usage_of(id).live_bytes += location.stored_bytes();
  usage_of(id).live_bytes -= from.stored_bytes();
  location.add_live();
  at->second.location = std::move(location);
  return true;
}

template <typename Place>
std::vector<ChunkStat> BasicChunkIndex<Place>::list(const std::optional<ChunkId>& after,
                                                    size_t limit) {
  std::vector<ChunkStat> stats;
  const size_t first = after ? static_cast<size_t>(after->bytes[0] >> 2) : 0;
  for (size_t index = first; index < shards_.size() && stats.size() < limit; ++index) {
    Shard& shard = shards_[index];
    const std::lock_guard guard(shard.mutex);
    auto at = after ? shard.entries.upper_bound(*after) : shard.entries.begin();
    for (; at != shard.entries.end() && stats.size() < limit; ++at) {
      if (at->second.state == State::kWriting) continue;
      const Place& location = at->second.location;
      stats.push_back({at->first, location.header_bytes, location.payload_bytes});
    }
  }
  return stats;
}

template <typename Place>
std::vector<FooterEntry> BasicChunkIndex<Place>::entries_of(const void* container) {
  std::vector<FooterEntry> entries;
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    for (const auto& [id, entry] : shard.entries) {
      if (entry.state == State::kWriting || entry.location.container() != container) continue;
      entries.push_back({id, entry.location.offset_bytes, entry.location.payload_bytes,
                         entry.location.header_bytes});
    }
  }
  std::ranges::sort(entries, {}, &FooterEntry::offset_bytes);
  return entries;
}

template <typename Place>
void BasicChunkIndex<Place>::add_entries_of_shard(size_t shard, EntriesByContainer& into) {
  const std::lock_guard guard(shards_[shard].mutex);
  for (const auto& [id, entry] : shards_[shard].entries) {
    if (entry.state == State::kWriting) continue;
    const Place& at = entry.location;
    const auto rows = into.find(at.container());
    if (rows == into.end()) continue;
    rows->second.push_back({id, at.offset_bytes, at.payload_bytes, at.header_bytes});
  }
}

template <typename Place>
uint64_t BasicChunkIndex<Place>::live_bytes() const {
  uint64_t sum = 0;
  for (const Usage& usage : usage_) sum += usage.live_bytes.load(std::memory_order_relaxed);
  return sum;
}
template <typename Place>
uint64_t BasicChunkIndex<Place>::chunks_count() const {
  uint64_t sum = 0;
  for (const Usage& usage : usage_) sum += usage.chunks_count.load(std::memory_order_relaxed);
  return sum;
}
template <typename Place>
std::vector<PlacementUsage> BasicChunkIndex<Place>::usage_by_placement() const {
  std::vector<PlacementUsage> all;
  for (size_t placement = 0; placement < usage_.size(); ++placement) {
    const uint64_t count = usage_[placement].chunks_count.load(std::memory_order_relaxed);
    const uint64_t bytes = usage_[placement].live_bytes.load(std::memory_order_relaxed);
    if (count > 0) all.push_back({static_cast<uint8_t>(placement), bytes, count});
  }
  return all;
}

template <typename Place>
std::optional<Bytes> BasicChunkIndex<Place>::cached_header(const ChunkId& id) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  for (const CachedHeader& cached : shard.headers) {
    if (!cached.header.empty() && cached.id == id) return cached.header;
  }
  return std::nullopt;
}

template <typename Place>
void BasicChunkIndex<Place>::cache_header(const ChunkId& id, const Place& location,
                                          const Bytes& header) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end() || !at->second.location.same_place(location)) return;
  for (CachedHeader& cached : shard.headers) {
    if (cached.id == id && !cached.header.empty()) return;
  }
  shard.headers[shard.next_header_slot] = {id, header};
  shard.next_header_slot = (shard.next_header_slot + 1) % shard.headers.size();
}

template <typename Place>
void BasicChunkIndex<Place>::clear() {
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    shard.entries.clear();
  }
}

template class BasicChunkIndex<Location>;
template class BasicChunkIndex<PackPlace>;

}  // namespace cairn::storage
