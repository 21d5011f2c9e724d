#include "storage/chunk_index.h"

#include <algorithm>

#include "base/assert.h"

namespace cairn::storage {
namespace {

uint64_t bytes_of(const Location& location) {
  return record_bytes(location.payload_bytes);
}

// Completions run other reactors' code, so they are fulfilled outside the lock.
void complete_all(const std::vector<ChunkIndex::Outcome>& waiters, const Status& status) {
  for (const ChunkIndex::Outcome& waiter : waiters) waiter.complete(status);
}

}  // namespace

void ChunkIndex::add_holder(Entry& entry, const OwnerId& owner) {
  if (std::ranges::find(entry.holders, owner) == entry.holders.end()) {
    entry.holders.push_back(owner);
  }
}

ChunkIndex::PutTurn ChunkIndex::begin_put(const ChunkId& id, const OwnerId& owner) {
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

void ChunkIndex::publish(const ChunkId& id, Location location) {
  std::vector<Outcome> waiters;
  {
    Shard& shard = shard_of(id);
    const std::lock_guard guard(shard.mutex);
    Entry& entry = shard.entries.at(id);
    ASSERT(entry.state == State::kWriting);
    live_bytes_ += bytes_of(location);
    ++chunks_count_;
    location.log->add_live();
    entry.location = std::move(location);
    entry.state = State::kLive;
    waiters.swap(entry.waiters);
  }
  complete_all(waiters, {});
}

void ChunkIndex::abandon(const ChunkId& id, const Error& error) {
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

bool ChunkIndex::hold(const ChunkId& id, const OwnerId& owner) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end() || at->second.state != State::kLive) return false;
  add_holder(at->second, owner);
  return true;
}

void ChunkIndex::release(const ChunkId& id, const OwnerId& owner) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at != shard.entries.end()) std::erase(at->second.holders, owner);
}

bool ChunkIndex::condemn(const ChunkId& id, const OwnerId& owner) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end() || at->second.state != State::kLive) return false;
  std::erase(at->second.holders, owner);
  if (!at->second.holders.empty()) return false;
  at->second.state = State::kCondemned;
  return true;
}

Location ChunkIndex::erase(const ChunkId& id) {
  std::vector<Outcome> waiters;
  Location location;
  {
    Shard& shard = shard_of(id);
    const std::lock_guard guard(shard.mutex);
    const auto at = shard.entries.find(id);
    ASSERT(at != shard.entries.end() && at->second.state == State::kCondemned);
    location = std::move(at->second.location);
    location.log->acquire();
    waiters.swap(at->second.waiters);
    shard.entries.erase(at);
    // A later put of the id has another salt, so the old header must not serve it.
    for (CachedHeader& cached : shard.headers) {
      if (cached.id == id) cached.header.clear();
    }
    live_bytes_ -= bytes_of(location);
    --chunks_count_;
  }
  complete_all(waiters, {});
  return location;
}

void ChunkIndex::pardon(const ChunkId& id) {
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

std::optional<Location> ChunkIndex::find(const ChunkId& id) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end() || at->second.state == State::kWriting) return std::nullopt;
  at->second.location.log->acquire();
  return at->second.location;
}

bool ChunkIndex::is_at(const ChunkId& id, const Location& location) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  return at != shard.entries.end() && at->second.location.same_place(location);
}

bool ChunkIndex::insert_recovered(const ChunkId& id, Location location) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto [at, fresh] = shard.entries.try_emplace(id);
  if (!fresh) return false;
  live_bytes_ += bytes_of(location);
  ++chunks_count_;
  location.log->add_live();
  at->second.location = std::move(location);
  at->second.state = State::kLive;
  return true;
}

Location ChunkIndex::exchange(const ChunkId& id, Location location) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  Entry& entry = shard.entries.at(id);
  live_bytes_ += bytes_of(location);
  live_bytes_ -= bytes_of(entry.location);
  location.log->add_live();
  return std::exchange(entry.location, std::move(location));
}

std::vector<ChunkStat> ChunkIndex::list(const std::optional<ChunkId>& after, size_t limit) {
  std::vector<ChunkStat> stats;
  const size_t first = after ? static_cast<size_t>(after->bytes[0] >> 2) : 0;
  for (size_t index = first; index < shards_.size() && stats.size() < limit; ++index) {
    Shard& shard = shards_[index];
    const std::lock_guard guard(shard.mutex);
    auto at = after ? shard.entries.upper_bound(*after) : shard.entries.begin();
    for (; at != shard.entries.end() && stats.size() < limit; ++at) {
      if (at->second.state == State::kWriting) continue;
      const Location& location = at->second.location;
      stats.push_back({at->first, location.header_bytes, location.payload_bytes});
    }
  }
  return stats;
}

std::vector<FooterEntry> ChunkIndex::entries_of(const LogFile& log) {
  std::vector<FooterEntry> entries;
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    for (const auto& [id, entry] : shard.entries) {
      if (entry.state == State::kWriting || entry.location.log.get() != &log) continue;
      entries.push_back({id, entry.location.offset_bytes, entry.location.payload_bytes,
                         entry.location.header_bytes});
    }
  }
  std::ranges::sort(entries, {}, &FooterEntry::offset_bytes);
  return entries;
}

uint64_t ChunkIndex::live_bytes() const {
  return live_bytes_.load(std::memory_order_relaxed);
}
uint64_t ChunkIndex::chunks_count() const {
  return chunks_count_.load(std::memory_order_relaxed);
}

std::optional<Bytes> ChunkIndex::cached_header(const ChunkId& id) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  for (const CachedHeader& cached : shard.headers) {
    if (!cached.header.empty() && cached.id == id) return cached.header;
  }
  return std::nullopt;
}

void ChunkIndex::cache_header(const ChunkId& id, const Location& location, const Bytes& header) {
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

void ChunkIndex::clear() {
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    shard.entries.clear();
  }
}

}  // namespace cairn::storage
