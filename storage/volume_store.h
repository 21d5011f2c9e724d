// VolumeStore: sealed chunks in append-only log files on local directories (docs/format.md).
//
// Self-contained: the index (chunk id -> volume, log file, offset, lengths) is in memory and
// rebuilt at open from the log files. Holds are in memory as well; what must survive a restart are
// the durable edges, which ReferenceSource answers for.
//
// Thread rule: any reactor; each reactor appends to log files of its own, the index is sharded.
// Invariants:
// - a put completes only after the fdatasync that followed its write;
// - a record is never overwritten; a dropped one becomes a hole, which is its durable tombstone,
// and
//   its header block becomes a hole before its payload does;
// - after a failed write or flush a log file gets no further write and no further flush.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/file.h"
#include "storage/chunk_store.h"
#include "storage/metrics.h"
#include "storage/whole_reader.h"

namespace cairn::storage {

struct VolumeStoreOptions {
  std::vector<std::string> directories;   // At least one; one per disk.
  ReferenceSource* references = nullptr;  // Outlives the store; see set_references().
  io::FileSystem* files = nullptr;        // Null: the operating system's.
  Random* random = nullptr;               // Null: the operating system's. For ids of files.
  uint64_t log_file_bytes = 1 * GiB;      // Of a full log file; smaller ones when space is short.
  uint64_t reserve_bytes = 256 * MiB;     // Kept free on every file system.
};

class VolumeStore final : public ChunkStore, public WholeReader {
 public:
  // Creates the volumes where the directories are empty, otherwise recovers. Fails with
  // kInvalidArgument (options), kUnavailable (a directory is locked by another process, or a volume
  // of the store is missing), kUnsupported (a newer format), kCorruption (a damaged volume), kIo;
  // every message names the directory.
  static io::Task<Result<std::unique_ptr<VolumeStore>>> open(VolumeStoreOptions options);
  ~VolumeStore() override;
  VolumeStore(const VolumeStore&) = delete;
  VolumeStore& operator=(const VolumeStore&) = delete;

  // The source asked by unlink(), which fails with kFailedPrecondition while there is none: a store
  // that cannot ask never drops.
  void set_references(ReferenceSource* references);

  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override;
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override;
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override;
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override;
  using ChunkStore::read;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override;
  io::Task<Status> verify(ChunkId id) override;
  io::Task<Result<SealedChunk>> read_whole(ChunkId id) override;
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override;
  io::Task<Result<StoreUsage>> usage() override;
  // REQUIRES: no operation is in progress on any reactor.
  io::Task<Status> close() override;

  StoreMetrics metrics() const;

 private:
  struct State;
  explicit VolumeStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn::storage
