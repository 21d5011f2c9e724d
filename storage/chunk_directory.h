// ChunkDirectory: which object of a shared bucket has a chunk, and which nodes need it right now.
// What SharedBucketStore keeps outside of its bucket; object/shared_directory.h puts it into the
// catalog that the nodes share.
//
// A directory belongs to one session, a run of one node. The session's holds count as long as it
// does; when it was ended by others, nothing that it sends is taken any more: publish() and hold()
// of an ended session fail with kFailedPrecondition, whenever they arrive.
//
// After kUnavailable and kIo a change may have happened, or may happen later: nothing may be
// removed on the strength of such an answer. Thread rule: any reactor.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "storage/chunk_store.h"
#include "storage/log_format.h"

namespace cairn::storage {

// Where a chunk is. A generation is the random name of one writing of it, used once.
struct DirectoryRow {
  RandomId generation{};
  uint64_t payload_bytes = 0;
  uint32_t header_bytes = 0;
  friend bool operator==(const DirectoryRow&, const DirectoryRow&) = default;
};
struct DirectoryEntry {
  ChunkId id;
  DirectoryRow row;
};
// An object that no chunk is in any more, and that is to be deleted.
struct TrashEntry {
  ChunkId id;
  RandomId generation{};
};
// A hold of this session; its number is never used twice.
struct HoldRef {
  ChunkId id;
  uint64_t number = 0;
};

enum class Freshness : uint8_t {
  kRecent,  // May miss what other nodes did a moment ago; sees what this one did.
  kNow,     // Sees all that was acknowledged to anybody.
};

// What became of a drop.
struct DropOutcome {
  enum class Kind : uint8_t {
    kDropped,  // `row` is trash now.
    kAbsent,
    kReferenced,
    kHeld,  // By another session: it may be worth another try.
  };
  Kind kind = Kind::kAbsent;
  DirectoryRow row{};
};

// What a session's regular work found.
struct SessionReport {
  bool leads = false;                // Of all sessions: work that one node should do is this one's.
  std::vector<ChunkId> abandoned{};  // Had holds of sessions that have ended; cleared.
};

class ChunkDirectory {
 public:
  virtual ~ChunkDirectory() = default;

  // kUnavailable once it is known that others have ended the session.
  virtual Status check() const = 0;

  virtual io::Task<Result<std::optional<DirectoryRow>>> find(ChunkId id, Freshness freshness) = 0;
  // Up to `limit` chunks with id > `after`, ascending.
  virtual io::Task<Result<std::vector<DirectoryEntry>>> list(std::optional<ChunkId> after,
                                                             size_t limit) = 0;

  // Makes the chunk known, held. False when it is known already, or the generation was condemned.
  virtual io::Task<Result<bool>> publish(ChunkId id, DirectoryRow row, uint64_t hold) = 0;
  // False when the chunk is not known.
  virtual io::Task<Result<bool>> hold(ChunkId id, uint64_t hold) = 0;
  virtual io::Task<Status> clear(std::vector<HoldRef> holds) = 0;
  // Takes the chunk out, in one step with making sure that no other session holds it and that
  // nothing refers to it. REQUIRES: no hold of this session is being set meanwhile.
  virtual io::Task<Result<DropOutcome>> drop(ChunkId id) = 0;

  // Puts an object that was found in the bucket into the trash; false when a chunk is in it.
  virtual io::Task<Result<bool>> condemn(ChunkId id, RandomId generation) = 0;
  virtual io::Task<Result<bool>> is_trash(RandomId generation) = 0;
  // Up to `limit` with generation > `after`, ascending.
  virtual io::Task<Result<std::vector<TrashEntry>>> trash(std::optional<RandomId> after,
                                                          size_t limit) = 0;
  // Their objects are deleted.
  virtual io::Task<Status> forget(std::vector<RandomId> generations) = 0;

  // The session's work of every `beat()`: renews it, ends silent ones, clears holds of ended ones.
  virtual io::Task<Result<SessionReport>> keep_session() = 0;
  virtual Duration beat() const = 0;
  // The session and its holds end. Nothing may be called after it.
  virtual io::Task<void> end_session() = 0;
};

}  // namespace cairn::storage
