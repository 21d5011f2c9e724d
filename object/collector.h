// Gives back what nobody refers to: bodies in the queue (rows g/), chunks without any edge (what a
// crash between data and commit leaves; swept once after a start, after a failure to drop one, and
// every kSweepEvery where other processes leave some), hooks of segments in such
// chunks, memories of completed uploads; and has the rewriter give back dead space inside chunks.
//
// A queued body waits until every reader that may have opened it is gone (read_epochs.h); where
// other processes read as well, until it has been seen in the queue for the garbage grace. Then its
// edges go in one commit, then its chunks, each re-verified by the store, then its row: a crash in
// between repeats the step, and each step is idempotent.
// Thread rule: any reactor; one pass at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "object/context.h"
#include "object/records.h"
#include "object/rewriter.h"

namespace cairn::object {

class Collector {
 public:
  static constexpr Duration kSweepEvery = seconds(6 * 3600);
  static constexpr int64_t kNotesPerGrace = 16;              // So often what there is is noted.
  static constexpr Duration kTryAgainEvery = seconds(3600);  // Bodies that could not be read.

  // `garbage_grace`: see object/shared_store.h.
  Collector(Context& context, Duration garbage_grace)
      : context_(context), rewriter_(context), garbage_grace_(garbage_grace) {}

  // One bounded pass; true when it changed anything and another pass may find more.
  io::Task<Result<bool>> pass();

 private:
  using Reference = std::pair<ChunkId, OwnerId>;
  // Queue rows up to `last_key` that were there in `version` of the catalog, to be dropped once
  // `epoch` is over. The key alone does not tell: it is of the time at which a commit was planned.
  struct Listed {
    uint64_t epoch = 0;
    std::string last_key;
    catalog::Version version = 0;
  };

  // In a shared catalog: what the queue held when it was looked at, told by the version of the
  // catalog; clocks of other processes, which are in the keys of rows, decide nothing.
  struct Noted {
    Instant at;
    catalog::Version version = 0;
  };

  io::Task<Result<bool>> collect_queue();
  io::Task<Result<bool>> collect_old();
  io::Task<Result<bool>> collect_rows(std::vector<catalog::Entry> rows);
  io::Task<Status> note_queue(Instant now);
  io::Task<Result<bool>> list_queue();
  // What a body in the queue has: edges, and rows of the body index.
  struct Holdings {
    std::vector<Reference> references;
    std::vector<std::string> row_keys;
  };
  io::Task<Result<Holdings>> holdings_of(const catalog::Entry& row);
  io::Task<Status> drop_holdings(Holdings holdings);
  // Chunks of dropped edges: those that others refer to, and those that are gone.
  struct Dropped {
    std::vector<ChunkId> kept;
    std::vector<ChunkId> gone;
  };
  io::Task<Result<Dropped>> drop_chunks(std::vector<Reference> references);
  io::Task<Status> drop_rows(std::vector<std::string> row_keys);
  io::Task<Result<bool>> sweep_orphans();
  io::Task<Result<bool>> sweep_hooks();
  io::Task<Result<bool>> forget_completed();

  Context& context_;
  Rewriter rewriter_;
  const Duration garbage_grace_;
  std::optional<Listed> listed_;
  std::deque<Noted> noted_;         // Oldest first.
  catalog::Version old_since_ = 0;  // Rows up to this version have waited long enough.
  // Rows that do not open, or whose manifests do not read: reported, and left until kTryAgainEvery.
  std::set<std::string> stuck_;
  Instant stuck_since_{};
  std::optional<ChunkId> sweep_after_;
  bool sweep_done_ = false;
  Instant swept_at_{};
  // Segment hooks: all after a start, then as many as dropped chunks call for.
  bool hooks_sweep_done_ = false;
  size_t hooks_due_count_ = 0;
  std::string completed_after_;
  std::string tokens_after_;  // Likewise, of rename tokens.
};

}  // namespace cairn::object
