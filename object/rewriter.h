// Gives back the dead space of chunks of which only some segments are referred to.
//
// The collector writes a row m/ for a chunk that lost an edge and stays. A survey goes through
// these rows, finds out what of new ones is live (chunk_use.h) and writes that down. When the dead
// bytes of all known chunks come to more than the limit, the chunks with the least live share go
// first (greedy cleaning as in Rosenblum and Ousterhout's LFS, SOSP 1991: the copies cost least
// where little lives) until they come to less: their live segments are copied (segment_move.h),
// then each version is moved (version_move.h), and then the row goes. Each step leaves a state in
// which every version has its edges, so that a crash in between only leaves rows, which the next
// survey meets, and chunks without edges, which the collector's sweep finds.
//
// Rows and measures are hints that tell what to look at; what is live is found out again before it
// is copied, and a chunk is dropped by the collector only, when its last edge is gone.
// Thread rule: any reactor, under the collector's lock.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "object/chunk_use.h"
#include "object/context.h"
#include "object/segment_move.h"

namespace cairn::object {

class Rewriter {
 public:
  explicit Rewriter(Context& context) : context_(context) {}

  // One bounded pass; true when another one may find more to do.
  io::Task<Result<bool>> pass();
  // The collector took edges from chunks: writes rows for those that stay, and drops the rows of
  // those that are gone.
  io::Task<Status> note(std::vector<ChunkId> kept, std::vector<ChunkId> dropped);

 private:
  struct Victim {
    ChunkId chunk;
    uint32_t chunk_bytes = 0;
    uint32_t live_bytes = 0;
    uint32_t dead_bytes() const { return chunk_bytes - live_bytes; }
  };
  // Chunks of one tenant and one placement that are rewritten together.
  struct Group {
    std::map<ChunkId, ChunkUse> chunks;
    std::vector<VersionUse> versions;
  };
  struct Outcome {
    std::set<ChunkId> used;       // New chunks that a version refers to.
    std::set<ChunkId> unsettled;  // Old and new ones that some version has not moved between.
  };

  bool is_due() const;
  io::Task<Result<bool>> survey();
  io::Task<Result<std::optional<ChunkId>>> measure(std::vector<ChunkId> chunks);
  void count(const Victim& seen);
  io::Task<Status> choose_victims();
  io::Task<Status> rewrite_some();
  std::vector<ChunkId> next_victims();
  io::Task<Status> rewrite(TenantId tenant, Group group);
  io::Task<Status> move_all(const Group& group, const MoveTable& table, Outcome& outcome);
  io::Task<Status> settle(OwnerId holder, const Group& group, const MoveTable& table,
                          const Outcome& outcome);
  void give_up(const Group& group, const Error& error);

  Context& context_;
  bool due_ = true;  // After a start: rows of before.
  bool any_rows_ = true;
  Instant surveyed_;
  size_t rows_count_ = 0;  // Of the last survey.

  // The survey that runs.
  bool is_surveying_ = false;
  std::string after_;  // The last row that it has seen.
  uint64_t dead_bytes_ = 0;
  std::vector<Victim> seen_;

  std::vector<Victim> victims_;  // The next ones last.
  int64_t excess_bytes_ = 0;     // Dead bytes that are to be given back.
  std::set<ChunkId> spared_;     // Damaged ones.
};

// Value of a row m/: what was found out; unset in a row that nobody has looked at.
struct MeasuredChunk {
  uint32_t chunk_bytes = 0;
  uint32_t live_bytes = 0;
};
std::string encode_measured(const MeasuredChunk& measured);
std::optional<MeasuredChunk> parse_measured(std::string_view value);

}  // namespace cairn::object
