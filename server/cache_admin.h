// `cairn cache`: warms, pins, drops and looks up what the cache tiers hold of objects.
//
// The commands' parameters are those of the query: bucket, prefix (keys that begin so; empty =
// all), range (FIRST-LAST of every object), pin=1, all=1. Warming reads through the tiers in the
// background's order of urgency, few objects at a time, and ends when the caller goes away.
// Thread rule: one reactor.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cache/ram_tier.h"
#include "io/sync.h"
#include "io/task.h"
#include "object/objects.h"
#include "peer/peer_tier.h"
#include "server/disk_tiers.h"
#include "server/pin_list.h"
#include "storage/chunk_store.h"

namespace cairn::server {

class CacheAdmin {
 public:
  // Objects that are warmed side by side.
  static constexpr size_t kObjectsAtOnce = 4;

  // What a command did, and how far it is: a line of JSON. A failure ends the command.
  using Progress = std::function<io::Task<Status>(std::string line)>;

  // All outlive it; `ram` may be null, and so may `peers`: the other nodes of a cluster, which
  // forget what is dropped here.
  CacheAdmin(object::Objects& objects, cache::RamTier* ram, DiskTiers& disks,
             storage::ChunkStore& chunks, PinList& pins, peer::PeerTier* peers)
      : objects_(objects), ram_(ram), disks_(disks), chunks_(chunks), pins_(pins), peers_(peers) {}

  // JSON. kInvalidArgument says which parameter is wrong; kNotFound when no object is meant, and
  // kFailedPrecondition when there are no tiers.
  io::Task<Result<std::string>> warm(std::string query, Progress progress);
  io::Task<Result<std::string>> status(std::string query);
  io::Task<Result<std::string>> drop(std::string query);
  io::Task<Result<std::string>> unpin(std::string query);
  // After a start: what is pinned is warmed again, until `stop`.
  io::Task<void> restore_pins(io::StopToken stop);

 private:
  struct Walk;
  struct Warming;
  struct Held;
  Status require_tiers() const;
  io::Task<Result<std::unique_ptr<object::ObjectReader>>> next_object(Walk& walk);
  io::Task<Result<Held>> held(CacheSelection of);
  io::Task<Status> warm_all(Warming& warming);
  io::Task<void> warm_some(Warming& warming);
  io::Task<Status> warm_one(Warming& warming, object::ObjectReader& reader);
  io::Task<void> settle_disks();
  io::Task<Result<size_t>> for_each_chunk(CacheSelection of,
                                          std::function<io::Task<void>(storage::ChunkId)> what);
  void evict(const storage::ChunkId& chunk);
  struct Dropping;
  // Here, and at the other nodes once a question is full of them.
  io::Task<void> drop_chunk(Dropping& dropping, storage::ChunkId chunk);
  io::Task<void> drop_elsewhere(Dropping& dropping);

  object::Objects& objects_;
  cache::RamTier* const ram_;
  DiskTiers& disks_;
  storage::ChunkStore& chunks_;
  PinList& pins_;
  peer::PeerTier* const peers_;
};

// One of cache-status, cache-drop and cache-unpin; kNotFound for another one.
io::Task<Result<std::string>> run_cache_command(CacheAdmin& admin, std::string name,
                                                std::string query);

}  // namespace cairn::server
