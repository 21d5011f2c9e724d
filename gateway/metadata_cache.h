// What is known of the upstream's objects, in memory: bounded, by link, key and version. Settings
// that changed make a new link (links.h): what the old one was told says nothing of what it leads
// to.
//
// An entry says when it was asked for, on the monotonic clock: a wall clock that jumps makes
// nothing live longer. Whoever changes an object forgets it after the upstream has answered and
// before its own client is: an answer that was on its way meanwhile is not kept (store() refuses
// what was asked for before the last forget()).
//
// Thread rule: any thread; sharded, each shard under a lock for a few map operations.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "gateway/facts.h"
#include "gateway/limits.h"

namespace cairn::gateway {

class MetadataCache {
 public:
  explicit MetadataCache(uint64_t bytes_max = kMetadataBytesMax) : bytes_max_(bytes_max) {}
  MetadataCache(const MetadataCache&) = delete;
  MetadataCache& operator=(const MetadataCache&) = delete;

  // The name of an entry.
  static std::string name_of(uint64_t link_number, std::string_view key,
                             std::string_view version_id);

  struct Found {
    FactsPointer facts;
    Instant asked;  // When the answer was asked for: no later than it was true.
  };
  std::optional<Found> find(const std::string& name);
  // What to give store() for an answer that is asked for from now on.
  uint64_t generation(uint64_t bucket_id, std::string_view key) const {
    return generations_[slot_of(bucket_id, key)].load(std::memory_order_acquire);
  }
  // Kept unless the key was forgotten since `generation` was read.
  void store(const std::string& name, uint64_t bucket_id, std::string_view key, uint64_t generation,
             Found found);
  // All versions of the key.
  void forget(uint64_t bucket_id, std::string_view key);

  uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  uint64_t entries_count() const { return entries_count_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kSlots = 4096;
  struct Entry {
    std::string name;
    Found found;
    size_t slot = 0;
    uint64_t generation = 0;
    uint64_t bytes = 0;
  };
  struct Shard {
    std::mutex mutex;
    std::list<Entry> by_use;  // The latest first.
    std::unordered_map<std::string_view, std::list<Entry>::iterator> entries;
    uint64_t bytes = 0;
  };
  static size_t slot_of(uint64_t bucket_id, std::string_view key);
  Shard& shard_of(const std::string& name);
  void erase(Shard& shard, std::list<Entry>::iterator entry);

  const uint64_t bytes_max_;
  std::array<Shard, kShards> shards_;
  // Keys that share a slot are forgotten together, which costs a question each.
  std::array<std::atomic<uint64_t>, kSlots> generations_{};
  std::atomic<uint64_t> used_bytes_{0};
  std::atomic<uint64_t> entries_count_{0};
};

}  // namespace cairn::gateway
