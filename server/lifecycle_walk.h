// One bucket's versions and uploads, held against its lifecycle rules, a few at a time.
//
// Nothing is removed that changed since it was looked at: an expiration asks for the very version
// that the rules were applied to (If-Match and the time of its writing). Locked versions are
// refused by object/ and stay. What a rule means is s3/lifecycle_rules.h.
//
// Versions that are to be moved to another storage class gather, and are moved one a step when the
// snapshot of the catalog that the listing holds is given back: moving a large one takes its time.
// One that only a customer's key opens stays where it is.
// Thread rule: one reactor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "io/stop.h"
#include "io/task.h"
#include "object/event_queue.h"
#include "object/objects.h"
#include "s3/lifecycle_rules.h"

namespace cairn::server {

struct LifecycleCounters {
  uint64_t passes = 0;
  uint64_t versions_examined = 0;
  uint64_t versions_removed = 0;  // Markers that came among them.
  uint64_t uploads_aborted = 0;
  uint64_t locked = 0;    // Due, but locked.
  uint64_t changed = 0;   // Due, but changed meanwhile.
  uint64_t failures = 0;  // Steps that failed; they are repeated in the next pass.
  uint64_t transitions = 0;
  uint64_t transition_bytes = 0;     // Moved to where their class is kept.
  uint64_t transitions_skipped = 0;  // The key of the version is not here.
};

// Told after each removal: what ("LifecycleExpiration:Delete", ...), key, version.
using LifecycleListener =
    std::function<void(const object::BucketInfo& bucket, std::string_view event,
                       std::string_view key, std::string_view version_id)>;

struct LifecycleEnvironment {
  object::Objects* objects = nullptr;
  object::EventQueue* events = nullptr;  // Null = no events.
  LifecycleListener listener;            // May be empty.
  LifecycleCounters* counters = nullptr;
  int64_t day_ms = s3::kLifecycleDayMs;
  // Of bytes that are moved: what the rewriter takes of a disk as well (object/limits.h).
  uint64_t transition_bytes_per_second = 64 * MiB;
};

class LifecycleWalk {
 public:
  // A step is a piece of a listing: so long the reactor is kept from requests.
  static constexpr size_t kVersionsPerStep = 8;
  // What is due gathers for commits of about so many removals, but waits for no more than
  // kVersionsPerCursor versions.
  static constexpr size_t kRemovalsPerCommit = 32;
  // Versions that are looked at as of one moment; then the listing begins anew behind them.
  static constexpr size_t kVersionsPerCursor = 256;
  // A walk gives up moving when so many moves failed: the target is full or away.
  static constexpr size_t kFailedMovesMax = 8;

  // Begins behind `after` (a key; empty = at the first). `environment` outlives it.
  LifecycleWalk(const LifecycleEnvironment& environment, object::BucketInfo bucket,
                s3::LifecycleRules rules, std::string after, io::StopToken stop = {});

  // Looks at the next versions, and now and then removes what was due among those before, or moves
  // one of them. True while there is more to do.
  io::Task<Result<bool>> step(WallTime now);
  // Keys up to here need not be looked at again.
  const std::string& position() const { return moves_.empty() ? position_ : moves_position_; }
  // How much of the last step went into changes, which wait for the disk most of the time.
  Duration removal_time() const { return removal_time_; }

 private:
  // A version and what the listing told of its place among its key's.
  struct Candidate {
    object::ObjectInfo info;
    WallTime noncurrent_since;
    uint64_t newer_noncurrent_count = 0;
    bool is_only = false;  // Of its key, which is known once the next version was seen.
  };
  // A version that is due in another class.
  struct Move {
    object::ObjectInfo info;
    std::string storage_class;
  };
  io::Task<Result<bool>> step_versions(WallTime now);
  io::Task<Result<bool>> step_move(WallTime now);
  io::Task<Result<bool>> step_uploads(WallTime now);
  io::Task<Status> open_cursor();
  // Makes `next` the version whose successor is not seen yet. True when `before` is the one that
  // was it, whose place among its key's versions is known now.
  bool replace_pending(object::ObjectInfo next, Candidate& before);
  io::Task<Status> judge(Candidate candidate, WallTime now);
  void note_move(const object::ObjectInfo& info, const s3::LifecycleVersion& version, WallTime now);
  void count_failed_move(const object::ObjectInfo& info, const Error& error);
  bool needs_tags(const object::ObjectInfo& info) const;
  io::Task<Status> remove_due(WallTime now);
  io::Task<Status> remove_listed(WallTime now);

  const LifecycleEnvironment& environment_;
  const object::BucketInfo bucket_;
  const s3::LifecycleRules rules_;
  const s3::TransitionMinimum minimum_;
  const io::StopToken stop_;
  std::string position_;

  // Versions: where the listing goes on, and the version whose successor is not seen yet.
  std::unique_ptr<object::VersionCursor> cursor_;
  size_t cursor_left_ = 0;  // Versions that it may still be asked for.
  std::string key_marker_;
  std::string version_marker_;
  std::optional<Candidate> pending_;
  std::vector<object::RemoveRequest> due_;
  Duration removal_time_;
  bool versions_done_ = false;

  // Moves, and where the walk was when the first of them was found.
  std::vector<Move> moves_;
  std::string moves_position_;
  size_t failed_moves_ = 0;

  // Uploads, after the versions.
  bool in_uploads_ = false;
  std::string upload_key_marker_;
  std::string upload_id_marker_;
};

}  // namespace cairn::server
