#include "storage/rados/hold_table.h"

#include <algorithm>

#include "base/assert.h"

namespace cairn::storage {

HoldTurn HoldTable::begin(const ChunkId& id, const OwnerId& owner) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto [at, is_new] = shard.entries.try_emplace(id);
  Entry& entry = at->second;
  HoldTurn turn;
  if (is_new) {
    entry.number = next_number_.fetch_add(1, std::memory_order_relaxed);
    entry.owners.push_back(owner);
    turn.kind = HoldTurn::Kind::kSet;
    turn.number = entry.number;
  } else if (entry.stands) {
    if (std::ranges::find(entry.owners, owner) == entry.owners.end()) entry.owners.push_back(owner);
  } else {
    turn.kind = HoldTurn::Kind::kWait;
    turn.outcome = entry.waiters.emplace_back(io::Completion<bool>::make());
  }
  return turn;
}

std::optional<uint64_t> HoldTable::settle(const ChunkId& id, bool stands) {
  std::vector<io::Completion<bool>> waiters;
  std::optional<uint64_t> unwanted;
  {
    Shard& shard = shard_of(id);
    const std::lock_guard guard(shard.mutex);
    const auto at = shard.entries.find(id);
    ASSERT(at != shard.entries.end() && !at->second.stands);
    Entry& entry = at->second;
    waiters.swap(entry.waiters);
    entry.stands = stands;
    if (!stands || entry.owners.empty()) {
      if (stands) unwanted = entry.number;
      shard.entries.erase(at);
    }
  }
  for (const io::Completion<bool>& waiter : waiters) waiter.complete(stands);
  return unwanted;
}

std::optional<uint64_t> HoldTable::release(const ChunkId& id, const OwnerId& owner) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(id);
  if (at == shard.entries.end()) return std::nullopt;
  Entry& entry = at->second;
  if (std::erase(entry.owners, owner) == 0) return std::nullopt;
  if (!entry.owners.empty() || !entry.stands) return std::nullopt;
  const uint64_t number = entry.number;
  shard.entries.erase(at);
  return number;
}

HoldTurn HoldTable::condemn(const ChunkId& id) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  const auto [at, is_new] = shard.entries.try_emplace(id);
  Entry& entry = at->second;
  HoldTurn turn;
  if (is_new) {
    entry.is_condemned = true;
    turn.kind = HoldTurn::Kind::kSet;
  } else if (entry.is_condemned) {
    turn.kind = HoldTurn::Kind::kWait;
    turn.outcome = entry.waiters.emplace_back(io::Completion<bool>::make());
  }
  return turn;
}

bool HoldTable::is_held(const ChunkId& id) {
  Shard& shard = shard_of(id);
  const std::lock_guard guard(shard.mutex);
  return shard.entries.contains(id);
}

void HoldTable::clear() {
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    shard.entries.clear();
  }
}

}  // namespace cairn::storage
