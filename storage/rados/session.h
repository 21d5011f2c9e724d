// RadosSession: a run of a store on a node, under whose name its holds stand in the pool.
//
// All sessions are attributes of one control object, with a beat that their nodes renew. A session
// that is not there is over, and its holds count no more. It ends when its node closes the store,
// when the same node begins another one (the old process is known to be gone), or when another
// node saw the same beat for as long as `expiry`, by its own monotonic clock: wall clocks decide
// nothing. A node that could not renew for half of that takes no new holds until it has; one whose
// session was ended takes none until it is started again.
//
// A catalog commit that a paused node sends after its session was ended is the catalog's to refuse:
// where nodes share one, the fence makes sure of that before a session ends.
// Thread rule: check() and is_over() any reactor; the rest on one.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "base/random.h"
#include "storage/rados/format.h"
#include "storage/rados/pool.h"

namespace cairn::storage {

class RadosSession {
 public:
  static constexpr Duration kBeatInterval = seconds(30);
  static constexpr Duration kExpiryDefault = seconds(24 * 3600);
  static constexpr size_t kOverKnownMax = 65536;

  // Ends what is left of the node's earlier sessions. REQUIRES: no other process uses `node`.
  static io::Task<Result<std::unique_ptr<RadosSession>>> begin(RadosPool& pool, RandomId node,
                                                               Duration expiry, Random& random);
  const SessionId& id() const { return id_; }
  // Whether this node may take holds; kUnavailable.
  Status check() const;
  // Others have given this node up: it has to be started again.
  bool is_over() const { return ended_by_others_.load(std::memory_order_relaxed); }
  // Whether the holds of a session count no more.
  io::Task<Result<bool>> is_over(SessionId session);

  io::Task<Status> renew();
  using Fence = std::function<io::Task<Status>(SessionId session)>;
  void set_fence(Fence fence) { fence_ = std::move(fence); }
  // Ends the sessions that have been seen without a new beat for too long.
  io::Task<Status> expire_others();
  io::Task<void> end();

 private:
  struct Seen {
    Bytes beat;
    Instant since;
  };
  RadosSession(RadosPool& pool, SessionId id, Duration expiry)
      : pool_(pool), id_(id), expiry_(expiry) {}
  io::Task<Result<std::map<SessionId, Bytes>>> load();
  io::Task<Status> explain_refusal();

  RadosPool& pool_;
  const SessionId id_;
  const Duration expiry_;
  Fence fence_;
  uint64_t beat_ = 0;
  std::map<SessionId, Seen> seen_;
  std::atomic<int64_t> renewed_at_ns_{0};
  std::atomic<bool> ended_by_others_{false};
  std::mutex mutex_;  // Guards `over_`.
  std::set<SessionId> over_;
};

}  // namespace cairn::storage
