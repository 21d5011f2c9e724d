// A ChunkStore in front of the home, below the cache tiers: chunks of objects that are in other
// servers' buckets are fetched there and sealed as they come, all others are the home's.
//
// What comes is checked before it is sealed: status, ETag, range, length, the size of the whole. A
// fetch that is not what was asked for is an error and is cached by nobody. Every fetch is sealed
// under a salt of its own (crypto/partial_sealing.h): an upstream that gives two contents under one
// ETag never sees two plaintexts under one key and nonce. Chunks are one block of the caches long,
// so that no read of theirs spans two fetches.
//
// Failures: kFailedPrecondition when the object is another one now or gone (RemoteObject::failure()
// tells which), kUnavailable for an upstream that does not answer or answers wrong,
// kPermissionDenied.
// Thread rule: any reactor. The home outlives it and is closed by its owner.
#pragma once

#include <atomic>

#include "base/random.h"
#include "crypto/key_ring.h"
#include "gateway/remote_object.h"
#include "storage/chunk_store.h"

namespace cairn::gateway {

class ChunkSource final : public storage::ChunkStore {
 public:
  ChunkSource(storage::ChunkStore& home, const RemoteObjects& objects, Random& random)
      : home_(home), objects_(objects), random_(random) {}
  // Before the first read of a chunk that is elsewhere.
  void set_keys(const crypto::KeyRing& keys) { keys_ = &keys; }

  using storage::ChunkStore::read;
  io::Task<Status> put(storage::ChunkId id, storage::SealedChunk chunk,
                       storage::OwnerId owner) override {
    return home_.put(id, std::move(chunk), owner);
  }
  io::Task<Result<bool>> link(storage::ChunkId id, storage::OwnerId owner) override {
    return home_.link(id, owner);
  }
  io::Task<void> release(storage::OwnerId owner, std::vector<storage::ChunkId> ids) override {
    return home_.release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(storage::ChunkId id, storage::OwnerId owner) override {
    return home_.unlink(id, owner);
  }
  io::Task<Result<storage::SealedRead>> read(storage::ChunkId id, ByteRange range,
                                             storage::ReadOptions options) override;
  io::Task<Status> verify(storage::ChunkId id) override { return home_.verify(id); }
  io::Task<Result<std::vector<storage::ChunkStat>>> list(std::optional<storage::ChunkId> after,
                                                         size_t limit) override {
    return home_.list(after, limit);
  }
  io::Task<Result<storage::StoreUsage>> usage() override { return home_.usage(); }
  io::Task<Status> close() override { co_return Status(); }

 private:
  io::Task<Result<storage::SealedRead>> fetch(RemoteObjectPointer object, uint64_t number,
                                              storage::ChunkId id, ByteRange range);

  storage::ChunkStore& home_;
  const RemoteObjects& objects_;
  Random& random_;
  std::atomic<const crypto::KeyRing*> keys_{nullptr};
};

}  // namespace cairn::gateway
