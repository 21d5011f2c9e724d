// A version of an object at the upstream as the chunk store sees it: a run of chunks whose names
// follow from what the version is, so that all caches work on them as on any others.
//
// The name of an object version is an HMAC under the tenant's key over bucket, place, key, version,
// ETag and size: other content has other names, and is never mixed up with it. A chunk's id holds
// the name and the chunk's number; its last byte is a placement that no home has.
// Thread rule: any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "crypto/key_ring.h"
#include "gateway/facts.h"
#include "gateway/limits.h"
#include "gateway/link.h"
#include "storage/placement.h"

namespace cairn::gateway {

// The placement of what is in other servers' buckets.
inline constexpr storage::PlacementId kElsewherePlacement = 0xFF;
static_assert(storage::kPlacementsMax < kElsewherePlacement);

using RemoteName = std::array<uint8_t, 16>;

struct RemoteObject {
  RemoteName name{};
  std::shared_ptr<Link> link;
  std::string key;         // At the upstream.
  std::string version_id;  // As a client asked for it; empty = the current one, by its ETag.
  std::string etag;
  uint64_t size_bytes = 0;

  // Where its ranges are asked for: set by the first who reads, and then left.
  std::atomic<RangeRuns*> runs{nullptr};

  storage::ChunkId chunk_id(uint64_t number) const;
  uint32_t chunk_bytes(uint64_t number) const;
  // The last answer that was no success, for who has to tell a client why.
  void note_failure(const transfer::Failure& failure);
  std::optional<transfer::Failure> failure() const;

  // Ranges that readers will ask for to their end.
  void want(ByteRange range);
  void forget_want(ByteRange range);
  // Up to where somebody wants what begins at `offset_bytes`, in whole frames; 0: nobody does.
  uint64_t wanted_end(uint64_t offset_bytes) const;
  // Runs of requests (range_runs.h), on their reactor: the length of the one that ended at
  // `offset_bytes` lately, or 0.
  uint64_t run_before(uint64_t offset_bytes) const;
  void note_run(uint64_t end_bytes, uint64_t run_bytes);
  // A run was left by its readers: for a while no more is asked for than they wait for.
  void note_left_run(Instant now) { left_run_at_ = now; }
  bool left_run_lately(Instant now) const {
    return left_run_at_ != Instant{} && now - left_run_at_ < kSlowReaderMemory;
  }

 private:
  struct EndedRun {
    uint64_t end_bytes = 0;
    uint64_t size_bytes = 0;
  };
  mutable std::mutex mutex_;
  std::optional<transfer::Failure> failure_;
  std::vector<ByteRange> wanted_;
  std::array<EndedRun, kRunsRemembered> ended_runs_{};
  size_t next_ended_run_ = 0;
  Instant left_run_at_;
};
using RemoteObjectPointer = std::shared_ptr<RemoteObject>;

// The name that the object's members come to.
RemoteName remote_name(const crypto::TenantKeys& keys, const RemoteObject& object);

struct RemoteChunk {
  RemoteName name{};
  uint64_t number = 0;
};
// nullopt for ids of chunks that are at home.
std::optional<RemoteChunk> parse_chunk_id(const storage::ChunkId& id);

// The versions that are being read, by name. One object for all who read the same.
class RemoteObjects {
 public:
  // `object`, or the one of its name that is there already.
  RemoteObjectPointer share(std::unique_ptr<RemoteObject> object);
  // Null when nobody reads it.
  RemoteObjectPointer find(const RemoteName& name) const;

 private:
  struct NameHash {
    size_t operator()(const RemoteName& name) const;
  };
  struct Table {
    mutable std::mutex mutex;
    std::unordered_map<RemoteName, std::weak_ptr<RemoteObject>, NameHash> objects;
  };
  // Outlived by nothing that it names: deleters hold it too.
  const std::shared_ptr<Table> table_ = std::make_shared<Table>();
};

}  // namespace cairn::gateway
