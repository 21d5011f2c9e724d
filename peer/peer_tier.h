// PeerTier: a ChunkStore between a node's own tiers and the home, that asks the chunk's owner in
// the cluster first. Only reads differ from the home's.
//
// - A chunk of another node: that node is asked (asking.h), and the home when it does not answer.
// - A chunk of this node: from the keeper, which reads the home once for all nodes that ask.
// - A hot chunk has several owners: the first one says how many (cluster/hot_chunks.h). A later
//   owner that does not have it takes it from the first one, never from the home.
// - What another node asks for is never asked of a third, but for that one step.
// Nothing depends on the other nodes: whatever they do, a read ends as the home's would.
//
// Thread rule: any reactor; close() on one. The home outlives the tier and is closed by its owner,
// after the tier.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "peer/asking.h"
#include "peer/identity.h"
#include "peer/keeper.h"
#include "peer/roster.h"
#include "storage/chunk_store.h"

namespace cairn::peer {

struct PeerTierOptions {
  storage::ChunkStore* home = nullptr;        // Outlives the tier.
  std::string self;                           // The name of this node.
  std::shared_ptr<const io::TlsContext> tls;  // For questions.
  io::Network* network = nullptr;             // Null: the operating system's.
  uint64_t kept_bytes = kKeptBytesDefault;
  Duration patience = kPatience;
};

class PeerTier final : public storage::ChunkStore {
 public:
  explicit PeerTier(PeerTierOptions options);
  ~PeerTier() override;
  PeerTier(const PeerTier&) = delete;
  PeerTier& operator=(const PeerTier&) = delete;

  io::Task<Status> put(ChunkId id, storage::SealedChunk chunk, storage::OwnerId owner) override;
  io::Task<Result<bool>> link(ChunkId id, storage::OwnerId owner) override;
  io::Task<void> release(storage::OwnerId owner, std::vector<ChunkId> ids) override;
  io::Task<Result<bool>> unlink(ChunkId id, storage::OwnerId owner) override;
  using ChunkStore::read;
  io::Task<Result<storage::SealedRead>> read(ChunkId id, ByteRange range,
                                             storage::ReadOptions options) override;
  io::Task<Status> verify(ChunkId id) override;
  io::Task<Result<std::vector<storage::ChunkStat>>> list(std::optional<ChunkId> after,
                                                         size_t limit) override;
  io::Task<Result<storage::StoreUsage>> usage() override;
  // Waits for what nobody waits for any more. The home stays open.
  // REQUIRES: no operation is in progress on any reactor.
  io::Task<Status> close() override;

  // For a later owner of a hot chunk: from what is kept, or from the first owner.
  io::Task<Result<storage::SealedRead>> read_copy(ChunkId id, ByteRange range,
                                                  storage::ReadOptions options);
  // Has the chunk's owner fetch a range of it and keep it. Not an error where it could not.
  io::Task<Status> warm(ChunkId id, ByteRange range, bool pin);

  // [any thread] The members as they are now.
  void set_members(std::vector<cluster::Member> members) { peers_.set(std::move(members)); }
  const Peers& peers() const { return peers_; }
  Keeper& keeper() { return keeper_; }
  Counters& counters() { return counters_; }
  // What questions of this reactor share.
  Lane& lane();

 private:
  struct HotHint {
    cluster::ChunkKey key = 0;
    size_t owners_count = 1;
    Instant until;
  };
  // Whom to ask: null for this node. `is_copy`: it is not the first owner.
  struct Route {
    std::shared_ptr<Peer> peer;
    bool is_copy = false;
    bool is_alone = false;  // There is nobody else: the home, and nothing is kept.
  };
  Route route(ChunkId id, uint64_t size_bytes, Instant now);
  std::shared_ptr<Peer> first_owner(ChunkId id) const;
  io::Task<Result<storage::SealedRead>> read_own(ChunkId id, ByteRange range,
                                                 storage::ReadOptions options);
  io::Task<Result<storage::SealedRead>> ask(std::shared_ptr<Peer> peer, Question question,
                                            storage::ReadOptions options);
  bool may_ask(const Peer& peer, Instant now) const;
  size_t hinted_owners(cluster::ChunkKey key, Instant now) const;
  void hint(cluster::ChunkKey key, size_t owners_count, Instant now);
  // The chunk's owner may have given the bytes that did not verify: it forgets them.
  void tell_owner(ChunkId id);

  const PeerTierOptions options_;
  storage::ChunkStore& home_;
  Counters counters_;
  Keeper keeper_;
  Peers peers_;
  mutable std::mutex mutex_;  // Guards the rest.
  std::array<HotHint, kHotHints> hints_{};
  std::map<int, std::unique_ptr<Lane>> lanes_;  // By reactor.
};

}  // namespace cairn::peer
