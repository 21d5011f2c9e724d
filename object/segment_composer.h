// SegmentComposer: makes the manifest of a body out of chunks as they were cut, and stores what is
// new of them.
//
// A chunk that is stored as a whole is referenced. Of any other, known segments are referenced
// where that leaves long runs (segment_runs.h); new ones of several such chunks are gathered into
// one new chunk, so that an edit here and there does not leave small chunks. A chunk without known
// segments is stored as it was cut.
//
// Every chunk that the manifest names is held for the owner before it is named; settle() or
// abandon() ends the holds. Owns at most one chunk that is being gathered, in memory of the pool:
// who waits for such memory while a composer may have some says so (wants_memory()).
// Used on one reactor. REQUIRES: settle() or abandon() is awaited before destruction, after every
// other call completed.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/sync.h"
#include "io/task.h"
#include "object/records.h"
#include "object/segment_runs.h"
#include "object/segment_seal.h"
#include "storage/placement.h"

namespace cairn::object {

class Context;
struct Core;

class SegmentComposer {
 public:
  // `shares_segments`, `placement`: see BodySink::Options.
  SegmentComposer(Context& context, std::shared_ptr<const crypto::TenantKeys> keys, OwnerId owner,
                  bool shares_segments,
                  storage::PlacementId placement = storage::kDefaultPlacement);
  SegmentComposer(const SegmentComposer&) = delete;
  SegmentComposer& operator=(const SegmentComposer&) = delete;
  ~SegmentComposer();

  // The next chunk of the body, whose hashes the core's batcher has or will have. Completes when it
  // is durable, or gathered for a later one. Calls take turns in the order in which they began.
  io::Task<Status> add(std::unique_ptr<CutChunk> chunk);
  // Stores what is being gathered now and, until called with false, all that follows.
  io::Task<Status> wants_memory(bool wanted);

  // Stores the rest; where everything lies. REQUIRES: every add completed without an error.
  io::Task<Result<std::vector<Extent>>> finish();
  // Rows for the commit (segment_index.h). REQUIRES: finish() completed.
  const std::vector<catalog::Put>& hooks() const { return hooks_; }

  io::Task<void> settle();
  io::Task<void> abandon();

 private:
  // A chunk that this body brings, as the store will know it.
  struct NewChunk {
    ChunkId id;
    uint32_t size_bytes = 0;
  };
  // One that is to be stored.
  struct Due {
    std::unique_ptr<CutChunk> chunk;
    uint32_t number = 0;  // In new_chunks_.
    ChunkId id;
  };
  struct Piece {
    Extent extent;
    std::optional<uint32_t> new_chunk;
  };
  struct FirstBytes {
    size_t operator()(const crypto::Sha256Value& hash) const;
  };

  io::Task<Status> take(std::unique_ptr<CutChunk> chunk, std::vector<Due>& due);
  io::Task<Result<std::vector<std::optional<KnownSegment>>>> find_known(
      std::vector<SegmentName> names);
  io::Task<Status> hold_shared(std::vector<std::optional<KnownSegment>>& known);
  io::Task<Result<bool>> hold(ChunkId id);
  void keep_whole(std::unique_ptr<CutChunk> chunk, ChunkId id, std::vector<Due>& due);
  void weave(std::unique_ptr<CutChunk> chunk, const std::vector<std::optional<KnownSegment>>& known,
             std::vector<Due>& due);
  void gather(std::unique_ptr<CutChunk> chunk,
              const std::vector<std::optional<KnownSegment>>& known, std::vector<Due>& due);
  void end_gathering(std::vector<Due>& due);
  void note_new(uint32_t number, const std::vector<SegmentName>& segments, size_t from);
  io::Task<Status> put_all(std::vector<Due> due);
  io::Task<Status> put(Due due);
  io::Task<Status> seal_and_put(CutChunk& chunk, ChunkId id);
  ChunkId id_of(const std::vector<SegmentName>& segments) const;

  Context& context_;
  Core& core_;
  const std::shared_ptr<const crypto::TenantKeys> keys_;
  const OwnerId owner_;
  const bool shares_segments_;
  const storage::PlacementId placement_;

  io::Mutex turns_;
  std::vector<Piece> pieces_;  // The body so far, in order.
  std::vector<NewChunk> new_chunks_;
  // Segments of the latest new chunks, which the index may not know yet.
  std::unordered_map<crypto::Sha256Value, KnownSegment, FirstBytes> own_segments_;
  std::unique_ptr<CutChunk> gathered_;
  uint32_t gathered_number_ = 0;  // In new_chunks_.
  uint64_t gathered_bytes_ = 0;
  bool memory_wanted_ = false;

  std::set<ChunkId> held_;  // For the owner, in the store.
  std::vector<catalog::Put> hooks_;
  bool done_ = false;
};

}  // namespace cairn::object
