// DiskTier: a ChunkStore in front of another one, its home, that keeps sealed bytes of chunks which
// are read on a fast disk. Only reads differ from the home's: everything else is passed on.
//
// - A cached run that is torn, stale, rotten or of another sealing is a miss: never an error, never
//   wrong bytes. Every frame is checked when it is read.
// - One fetch per run at a time, for all connections and reactors.
// - A reader that found bytes wrong which the checks here found right says so by
//   ReadOptions::distrust: the tier forgets the chunk and asks the home.
// - Writing to the disk is waited for by nobody but who warms the tier (Urgency::kBackground); nor
//   is the disk needed: when it fails, the tier gets out of the way (device_health.h), and no
//   request fails for it.
// - A restart reads the footers of the regions and serves what they name.
// - unlink() that dropped a chunk erases its runs. put() writes through and admits nothing: what is
//   written is not what will be read. Runs that a power cut brings back after their chunk was
//   dropped are whole and of that chunk; put() erases them.
//
// Thread rule: any reactor after open(); close() on the reactor that opened it, which also writes.
// The home outlives the tier and is closed by its owner, after the tier.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "cache/block.h"
#include "cache/disk_metrics.h"
#include "io/file.h"
#include "storage/chunk_store.h"

namespace cairn::cache {

struct DiskTierOptions {
  std::string directory;
  uint64_t size_bytes = 0;              // Of disk, all included: 64 MiB to 8 TiB.
  uint64_t write_bytes_per_second = 0;  // What the device is allowed to wear; 0: no budget.
  double first_miss_chance = 0.15;      // Admitted without a budget; 1 admits every miss.
  storage::ChunkStore* home = nullptr;  // Outlives the tier.
  io::FileSystem* files = nullptr;      // Null: the operating system's.
  Random* random = nullptr;             // Null: the operating system's.
};

class DiskTier final : public storage::ChunkStore {
 public:
  // Fails with kInvalidArgument (the size), kUnavailable (another server has the directory) and
  // kUnsupported (a newer format). A disk that is full, broken or damaged is no failure: the tier
  // is open and does nothing, after one line in the log.
  static io::Task<Result<std::unique_ptr<DiskTier>>> open(DiskTierOptions options);
  ~DiskTier() override;
  DiskTier(const DiskTier&) = delete;
  DiskTier& operator=(const DiskTier&) = delete;

  io::Task<Status> put(storage::ChunkId id, storage::SealedChunk chunk,
                       storage::OwnerId owner) override;
  io::Task<Result<bool>> link(storage::ChunkId id, storage::OwnerId owner) override;
  io::Task<void> release(storage::OwnerId owner, std::vector<storage::ChunkId> ids) override;
  io::Task<Result<bool>> unlink(storage::ChunkId id, storage::OwnerId owner) override;
  using ChunkStore::read;
  io::Task<Result<storage::SealedRead>> read(storage::ChunkId id, ByteRange range,
                                             storage::ReadOptions options) override;
  // Of the home's copy.
  io::Task<Status> verify(storage::ChunkId id) override;
  io::Task<Result<std::vector<storage::ChunkStat>>> list(std::optional<storage::ChunkId> after,
                                                         size_t limit) override;
  io::Task<Result<storage::StoreUsage>> usage() override;
  // Writes what is queued, seals the open region, closes the file. The home stays open.
  // REQUIRES: no operation is in progress on any reactor.
  io::Task<Status> close() override;

  // Forgets what it has of the chunk, which stays at home. Readers of it go on.
  void evict_chunk(const storage::ChunkId& chunk) {
    if (has_tier()) forget(chunk);
  }
  // Its runs are like others again. How many were pinned.
  size_t unpin_chunk(const storage::ChunkId& chunk);
  // How much of a range of its payload is on the disk, and pinned.
  CachedBytes cached_bytes(const storage::ChunkId& chunk, ByteRange range) const;
  // What a tenant's runs may take of a full disk; slots are the owner's to hand out.
  void set_share(uint16_t tenant, uint64_t share_bytes);

  DiskTierMetrics metrics() const;

 private:
  struct State;
  explicit DiskTier(std::unique_ptr<State> state);
  bool has_tier() const;
  void forget(const storage::ChunkId& id);
  io::Task<Result<storage::SealedRead>> read_anew(storage::ChunkId id, ByteRange range,
                                                  storage::ReadOptions options);
  io::Task<Result<storage::SealedRead>> read_header(storage::ChunkId id, ByteRange range,
                                                    storage::ReadOptions options);

  std::unique_ptr<State> state_;
};

}  // namespace cairn::cache
