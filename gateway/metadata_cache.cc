#include "gateway/metadata_cache.h"

#include <functional>
#include <utility>

namespace cairn::gateway {
namespace {

// Of a list node, a map node and the strings' own headers.
constexpr uint64_t kEntryOverheadBytes = 192;

}  // namespace

std::string MetadataCache::name_of(uint64_t link_number, std::string_view key,
                                   std::string_view version_id) {
  std::string name = std::to_string(link_number);
  // A key holds no NUL (s3/uri.h).
  name.append(1, '\0').append(key).append(1, '\0').append(version_id);
  return name;
}

size_t MetadataCache::slot_of(uint64_t bucket_id, std::string_view key) {
  return (std::hash<std::string_view>()(key) ^ (bucket_id * 0x9E3779B97F4A7C15u)) % kSlots;
}

MetadataCache::Shard& MetadataCache::shard_of(const std::string& name) {
  return shards_[(std::hash<std::string>()(name) >> 32) % kShards];
}

void MetadataCache::erase(Shard& shard, std::list<Entry>::iterator entry) {
  shard.bytes -= entry->bytes;
  used_bytes_.fetch_sub(entry->bytes, std::memory_order_relaxed);
  entries_count_.fetch_sub(1, std::memory_order_relaxed);
  shard.entries.erase(entry->name);
  shard.by_use.erase(entry);
}

std::optional<MetadataCache::Found> MetadataCache::find(const std::string& name) {
  Shard& shard = shard_of(name);
  const std::lock_guard guard(shard.mutex);
  const auto at = shard.entries.find(name);
  if (at == shard.entries.end()) return std::nullopt;
  const auto entry = at->second;
  if (entry->generation != generations_[entry->slot].load(std::memory_order_acquire)) {
    erase(shard, entry);
    return std::nullopt;
  }
  shard.by_use.splice(shard.by_use.begin(), shard.by_use, entry);
  return entry->found;
}

void MetadataCache::store(const std::string& name, uint64_t bucket_id, std::string_view key,
                          uint64_t generation, Found found) {
  const size_t slot = slot_of(bucket_id, key);
  Entry made{name, std::move(found), slot, generation, 0};
  made.bytes = kEntryOverheadBytes + name.size() + made.found.facts->memory_bytes();
  Shard& shard = shard_of(name);
  const std::lock_guard guard(shard.mutex);
  if (generation != generations_[slot].load(std::memory_order_acquire)) return;
  if (const auto at = shard.entries.find(name); at != shard.entries.end()) {
    // Answers may overtake each other: the later question counts.
    if (at->second->generation == generation && at->second->found.asked > made.found.asked) return;
    erase(shard, at->second);
  }
  shard.bytes += made.bytes;
  used_bytes_.fetch_add(made.bytes, std::memory_order_relaxed);
  entries_count_.fetch_add(1, std::memory_order_relaxed);
  shard.by_use.push_front(std::move(made));
  shard.entries.emplace(shard.by_use.front().name, shard.by_use.begin());
  while (shard.bytes > bytes_max_ / kShards && !shard.by_use.empty()) {
    erase(shard, std::prev(shard.by_use.end()));
  }
}

void MetadataCache::forget(uint64_t bucket_id, std::string_view key) {
  generations_[slot_of(bucket_id, key)].fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace cairn::gateway
