// Copies all that a server has into a catalog and a home that a cluster shares, while it serves.
//
// A pass compares the rows of both catalogs in key order and makes the target's equal; after each
// page the source's newer changes are applied, in their order. A chunk is copied, sealed as it is,
// before the row that refers to it is written. The place in the pass and in the changes stands in
// the target (migration_state.h) and moves in the commit of the rows that it tells of, so a
// migration that is cut goes on there; where the source's history no longer reaches back, a new
// pass begins. When nothing is behind, all rows are compared once more with a snapshot of the
// source, and chunks of some of them byte by byte. At the end the source's commits are refused, the
// rest is applied, and the target is declared whole.
//
// Rows that stay behind: the anchor of the audit log, which stays with its directory. The target
// is served by nobody until it is whole (refuse_while_migrating()).
// Thread rule: one reactor; progress() on it too. The ends outlive it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "catalog/gated_catalog.h"
#include "io/stop.h"
#include "io/sync.h"
#include "server/migration_state.h"
#include "storage/chunk_store.h"

namespace cairn::server {

struct MigrationEnds {
  catalog::GatedCatalog& from;
  storage::ChunkStore& chunks_from;
  catalog::Catalog& to;
  storage::ChunkStore& chunks_to;
};

struct MigrationProgress {
  enum class Phase : unsigned char { kComparing, kFollowing, kChecking, kReady, kSwitching, kDone };
  Phase phase = Phase::kComparing;
  uint64_t rows_seen = 0;     // Of the source, in this process's passes.
  uint64_t rows_written = 0;  // Put or deleted in the target.
  uint64_t chunks_copied = 0;
  uint64_t chunk_bytes = 0;
  uint64_t chunks_present = 0;  // That the target had.
  uint64_t passes = 0;
  uint64_t rows_checked = 0;
  uint64_t chunks_checked = 0;
  uint64_t changes_behind = 0;  // Versions of the source, about.
  Duration paused{};            // For how long the source refused commits.
};

class Migration {
 public:
  explicit Migration(const MigrationEnds& ends, Random& random = system_random());

  // Goes on where the target's state says, or begins. kFailedPrecondition when the target holds
  // something else than this source's migration, or one that is done.
  io::Task<Status> begin();
  // Runs until `stop`, an error, or the end that finish() asked for. What was done stays.
  io::Task<Status> run(io::StopToken stop);
  // run() switches over as soon as all was checked. `before_done` makes durable on the source's
  // side that it takes no writes any more; it is called while commits are refused.
  void finish(std::function<Status()> before_done);
  const MigrationProgress& progress() const { return progress_; }

 private:
  struct Changes {
    std::map<std::string, std::optional<std::string>> rows;  // nullopt: deleted.
  };
  io::Task<Status> compare_page();
  io::Task<Status> follow(std::optional<catalog::Version> up_to = std::nullopt);
  io::Task<Result<bool>> follow_page(std::optional<catalog::Version> up_to);
  io::Task<Status> follow_all();
  io::Task<Status> restart_pass();
  io::Task<Status> apply(Changes changes, MigrationState after);
  io::Task<Status> copy_chunks(std::vector<storage::ChunkId> ids);
  io::Task<void> copy_some(std::vector<storage::ChunkId>& ids, size_t& next, Status& outcome);
  io::Task<Status> copy_chunk(storage::ChunkId id);
  io::Task<Status> check();
  io::Task<Status> check_rows(const catalog::Snapshot& snapshot,
                              std::vector<storage::ChunkId>& samples);
  io::Task<Status> check_chunk(storage::ChunkId id);
  io::Task<Status> switch_over();
  io::Task<Status> note_distance();

  const MigrationEnds ends_;
  Random& random_;
  const storage::OwnerId owner_;  // Of the holds that chunks have until their rows are committed.
  MigrationState state_;
  MigrationProgress progress_;
  std::function<Status()> before_done_;
  bool checked_ = false;
};

// Rows that are a server's own, or the target's, and are not copied.
bool stays_behind(std::string_view row);

// kUnavailable while a migration into this catalog is under way.
io::Task<Status> refuse_while_migrating(catalog::Catalog& catalog);

}  // namespace cairn::server
