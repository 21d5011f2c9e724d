// S3Store: sealed chunks in packs of at most 64 MiB in a bucket of any S3 endpoint, with keys of
// its own: the upstream sees ciphertext only.
//
// The index is in memory, rebuilt at open from a listing and the packs' footers, or from a local
// snapshot where that knows a pack. Holds are in memory as well; what must survive a restart are
// the durable edges, which ReferenceSource answers for. A drop is not written down: a start brings
// dropped chunks of packs that still exist back, unreferenced, and a sweep drops them again.
//
// The bucket's prefix belongs to one store: its object FORMAT names the store, and a store with
// another name does not open there. Two processes with the same data directory exclude each other
// by the directory's lock.
//
// Invariants:
// - a put completes only after the upstream acknowledged its pack;
// - no object is overwritten; one is removed only when nothing in it is live or being read, and a
//   rewritten chunk's new pack is durable before;
// - what the upstream answers is checked against what was written, or it is an error.
// Thread rule: any reactor; each gathers packs and talks to the upstream by itself. open() and
// close() on one reactor, which does the background work.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "io/file.h"
#include "io/stream.h"
#include "storage/chunk_store.h"
#include "storage/limits.h"
#include "storage/log_format.h"
#include "storage/metrics.h"
#include "storage/pack_recovery.h"
#include "storage/upstream.h"
#include "storage/whole_reader.h"

namespace cairn::storage {

struct S3StoreOptions {
  UpstreamPlace place;
  RandomId store_id{};                    // Of this store; what FORMAT upstream must name.
  bool create = false;                    // FORMAT is written when there is none.
  ReferenceSource* references = nullptr;  // Outlives the store; see set_references().
  std::string snapshot_path;              // Empty = none is kept.
  io::FileSystem* files = nullptr;        // Null: the operating system's. For the snapshot.
  io::Network* network = nullptr;         // Null: the operating system's.
  Random* random = nullptr;               // Null: the operating system's. For ids of packs.
  uint64_t pack_bytes_max = kPackBytesMax;
  Duration gather_delay = kGatherDelay;
  Duration upkeep_interval = seconds(5);  // Between passes of the background work; 0 = none.
};

class S3Store final : public ChunkStore, public WholeReader {
 public:
  // kInvalidArgument (options), kPermissionDenied (the upstream refuses the keys), kNotFound (no
  // such bucket, or no FORMAT and not `create`), kFailedPrecondition (another store lives there),
  // kUnavailable; the messages say what to do.
  static io::Task<Result<std::unique_ptr<S3Store>>> open(S3StoreOptions options);
  ~S3Store() override;
  S3Store(const S3Store&) = delete;
  S3Store& operator=(const S3Store&) = delete;

  // The source asked by unlink(), which fails with kFailedPrecondition while there is none.
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
  // Capacity and what is available are not known of an upstream and told as 0.
  io::Task<Result<StoreUsage>> usage() override;
  // REQUIRES: no operation is in progress on any reactor.
  io::Task<Status> close() override;

  // One pass of the background work, on the reactor of open(); true when there may be more to do.
  io::Task<Result<bool>> upkeep();
  StoreMetrics metrics() const;
  const PackRecovery& recovery() const;

 private:
  struct State;
  explicit S3Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn::storage
