// SharedBucketStore: sealed chunks in a bucket of any S3 endpoint that the nodes of a cluster
// share. An object per chunk (chunk_object.h); what is where, and who needs it, is in the nodes'
// ChunkDirectory. Why it is so: docs/decisions/0018.
//
// - put: write the object under a new generation, then publish it with this node's hold; where
//   another node was first, hold its copy and remove ours.
// - link: hold the chunk, if the directory knows it. The owners of a node share one hold.
// - release: the hold goes in the background.
// - unlink: one step takes the chunk out of the directory, unless another session holds it or
//   anything refers to it, and puts its object into the trash; then the object is deleted, then the
//   trash row goes. What a crash leaves is carried on by the node that leads.
//
// Nothing is removed on the strength of an answer that did not come: an object whose publication is
// in doubt stays, and the sweep finds it when it is an orphan (shared_bucket_sweep.h).
// Reads, hedges, the breaker and what is checked are S3Store's.
// Thread rule: any reactor. open() and close() on one reactor, which does the background work.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "io/stream.h"
#include "storage/chunk_directory.h"
#include "storage/chunk_store.h"
#include "storage/metrics.h"
#include "storage/upstream.h"
#include "storage/whole_reader.h"

namespace cairn::storage {

struct SharedBucketOptions {
  UpstreamPlace place;
  RandomId store_id{};                           // Of the cluster; what FORMAT upstream must name.
  bool create = false;                           // FORMAT is written when there is none.
  ChunkDirectory* directory = nullptr;           // Outlives the store, which ends its session.
  ReferenceSource* references = nullptr;         // Outlives the store; see set_references().
  io::Network* network = nullptr;                // Null: the operating system's.
  Random* random = nullptr;                      // Null: the operating system's.
  Duration upkeep_interval = seconds(5);         // Between passes of the background work; 0 = none.
  Duration sweep_interval = seconds(12 * 3600);  // Between sweeps by the node that leads; 0 = none.
  // As if this process had been killed: close() leaves the session and its holds.
  bool leaves_session = false;
};

// How a sweep is to go, and what it found and did.
struct SweepRules {
  double share_max = 0.1;  // More than this share of the bucket is not taken for orphans.
  bool dry_run = true;
  Duration age_min = seconds(24 * 3600);  // By the upstream's clock.
  double objects_per_second_max = 2000;   // Looked at.
};
struct SweepReport {
  uint64_t objects_count = 0;
  uint64_t strangers_count = 0;  // Objects whose names are not of this store; left alone.
  uint64_t young_count = 0;      // Unknown, and not old enough or seen for the first time.
  uint64_t orphans_count = 0;
  uint64_t orphan_bytes = 0;
  uint64_t condemned_count = 0;   // 0 in a dry run.
  uint64_t dangling_count = 0;    // Chunks that are known and have no object.
  std::vector<ChunkId> dangling;  // The first of them.
};

class SharedBucketStore final : public ChunkStore, public WholeReader {
 public:
  // As S3Store::open().
  static io::Task<Result<std::unique_ptr<SharedBucketStore>>> open(SharedBucketOptions options);
  ~SharedBucketStore() override;
  SharedBucketStore(const SharedBucketStore&) = delete;
  SharedBucketStore& operator=(const SharedBucketStore&) = delete;

  // The source asked by unlink(), which fails with kFailedPrecondition while there is none. It only
  // spares commits that would fail: the directory looks at the references itself.
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
  // What the directory had when it was counted last, hourly, and what this node changed since.
  // Capacity and what is available are not known of an upstream and told as 0.
  io::Task<Result<StoreUsage>> usage() override;
  // REQUIRES: no operation is in progress on any reactor.
  io::Task<Status> close() override;

  // One pass of the background work, on the reactor of open().
  io::Task<Status> upkeep();
  // Compares bucket and directory, on the reactor of open(), one sweep at a time. An unknown object
  // that is old enough and was unknown to the sweep before as well is an orphan.
  // kFailedPrecondition, and nothing is condemned, when there are more than `share_max` of them and
  // more than kSweepFreeObjects.
  static constexpr uint64_t kSweepFreeObjects = 16;
  static constexpr size_t kDanglingToldMax = 1000;
  io::Task<Result<SweepReport>> sweep(SweepRules rules);
  StoreMetrics metrics() const;
  // Objects that this node has yet to delete, and holds that it has yet to clear.
  size_t pending_count() const;

 private:
  struct State;
  explicit SharedBucketStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn::storage
