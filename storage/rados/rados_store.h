// RadosStore: sealed chunks as objects of a Ceph pool, shared by any number of nodes.
//
// A chunk is one object, written once, by one operation: its sealed payload (segment table
// included) is the content, its sealed header and checksum an attribute. Edges are not kept here:
// the catalog has them. What is here are holds, one attribute per node that needs the chunk right
// now, so that nodes see each other's writers (docs/decisions/0016):
// - put: make the object with the node's hold; when it is there already, link;
// - link: put the node's hold to the object, if it exists;
// - release: take the hold away, in the background;
// - unlink: take the hold away, read what holds remain and the object's version, ask for
// references,
//   and remove the object if it still has that version. Every hold that comes changes the version,
//   so nothing that happens between the question and the removal is lost.
// Holds bear their session's name and do not count when the session is over (session.h).
//
// The chunks of each tenant but the root tenant are in a namespace of their own, which their ids
// tell (crypto/chunk_tenant.h); a store that was made before there were such ids keeps all in one.
// Pools may be replicated or erasure coded: nothing here needs omap or overwrites.
//
// After kUnavailable an operation may have happened all the same: a put may have left its chunk,
// which is whole, and may be put again; a hold of unknown outcome is taken away in the background.
// Thread rule: any reactor. open() and close() on one reactor, which does the background work.
#pragma once

#include <functional>
#include <memory>

#include "base/random.h"
#include "storage/chunk_store.h"
#include "storage/log_format.h"
#include "storage/metrics.h"
#include "storage/whole_reader.h"

namespace cairn::storage {

// Where chunks are kept, and as whom.
struct RadosPlace {
  std::string pool;
  // Control objects are in the one with ".control" behind it, tenants in those with "/<number>".
  std::string name_space = "cairn";
  std::string config_path;   // Of ceph.conf; empty = where Ceph looks for it.
  std::string keyring_path;  // Empty = what the configuration says.
  std::string user = "client.admin";
  // How long an operation, or the first connection, may take. Whole seconds, as librados has it.
  Duration op_timeout = seconds(20);
};

struct RadosStoreOptions {
  RadosPlace place;
  RandomId store_id{};  // What the marker in the pool must name; nodes of a cluster share it.
  RandomId node_id{};   // Of this node: no two running stores may have the same.
  bool create = false;  // The marker is written when there is none.
  // The store that is there is taken, whatever its id: RadosStore::store_id() says which it is.
  bool adopt = false;
  bool divide = true;                     // A store that is made has a namespace for each tenant.
  ReferenceSource* references = nullptr;  // Outlives the store; see set_references().
  Random* random = nullptr;               // Null: the operating system's.
  Duration upkeep_interval = seconds(5);  // Between passes of the background work; 0 = none.
  Duration session_expiry = seconds(24 * 3600);
  // As if this process had been killed: close() leaves the session and its holds in the pool.
  bool leaves_session = false;
};

// What a sweep found and did.
struct RadosSweepReport {
  uint64_t chunks_count = 0;
  uint64_t orphans_count = 0;  // Named by no reference.
  uint64_t orphan_bytes = 0;
  uint64_t dropped_count = 0;  // 0 in a dry run.
};

class RadosStore final : public ChunkStore, public WholeReader {
 public:
  // kInvalidArgument (options), kUnsupported (no librados), kPermissionDenied, kNotFound (no such
  // pool, or no marker and not `create`), kFailedPrecondition (another store lives there),
  // kUnavailable; the messages say what to do.
  static io::Task<Result<std::unique_ptr<RadosStore>>> open(RadosStoreOptions options);
  ~RadosStore() override;
  RadosStore(const RadosStore&) = delete;
  RadosStore& operator=(const RadosStore&) = delete;

  // The source asked by unlink(), which fails with kFailedPrecondition while there is none. Where
  // nodes share the catalog its answers must be linearizable: they must know every commit that was
  // acknowledged to any node before the question.
  void set_references(ReferenceSource* references);
  // Awaited before the session of a node that was silent for too long is ended, so that what it
  // still sends to a shared catalog fails. A failure leaves the session as it is. Set once, on the
  // reactor of open().
  void set_fence(std::function<io::Task<Status>(RandomId session)> fence);
  const RandomId& store_id() const;
  const RandomId& session_id() const;
  // Others have ended it: this process has to be started again.
  bool is_session_over() const;

  io::Task<Status> put(ChunkId id, SealedChunk chunk, OwnerId owner) override;
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override;
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override;
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override;
  using ChunkStore::read;
  io::Task<Result<SealedRead>> read(ChunkId id, ByteRange range, ReadOptions options) override;
  io::Task<Status> verify(ChunkId id) override;
  io::Task<Result<SealedChunk>> read_whole(ChunkId id) override;
  // A page may miss what others put since the listing began.
  io::Task<Result<std::vector<ChunkStat>>> list(std::optional<ChunkId> after,
                                                size_t limit) override;
  // The number of chunks is what a pass over the pool counted, in the background after open(), and
  // what this node changed since: others' changes and those during the pass blur it. Bytes are
  // the pool's own statistics, which come some seconds late and count the pool as a whole.
  io::Task<Result<StoreUsage>> usage() override;
  // REQUIRES: no operation is in progress on any reactor.
  io::Task<Status> close() override;

  // Looks at all chunks, then drops those that no reference names and no node holds, each after one
  // more look. kFailedPrecondition, and nothing is dropped, when more than `share_max` (0..1) of
  // all chunks would go: then the catalog is more likely to be wrong than the pool. The brake does
  // not stop a sweep of kSweepFreeChunks or fewer. A dry run only reports.
  static constexpr uint64_t kSweepFreeChunks = 16;
  io::Task<Result<RadosSweepReport>> sweep(double share_max, bool dry_run);

  // One pass of the background work, on the reactor of open().
  io::Task<Status> upkeep();
  StoreMetrics metrics() const;

 private:
  struct State;
  explicit RadosStore(std::unique_ptr<State> state);
  io::Task<Status> drop_orphan(ChunkId id, RadosSweepReport& report);
  std::unique_ptr<State> state_;
};

}  // namespace cairn::storage
