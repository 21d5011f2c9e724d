// DirectorySession: a run of a node, under whose name its holds in a ChunkDirectory stand.
//
// A session is a row with a beat that its node renews. It ends when its node closes the store, when
// the same node begins another one (the old process is known to be gone), or when another node saw
// the same beat through so many renewals of its own: wall clocks decide nothing, and time in which
// the catalog answered nobody does not count.
//
// Whoever ends a session deletes its row and its fence's (catalog/commit_fence.h). Publications and
// holds demand the one, drops and commits that refer to chunks the other. So a node that was
// paused, or a commit that was long on its way, changes nothing any more once its holds do not
// count, however late it comes. Such a node has to be started again. Thread rule: check() and
// is_over() any reactor; the rest on one.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/random.h"
#include "catalog/catalog.h"
#include "catalog/commit_fence.h"
#include "object/chunk_rows.h"

namespace cairn::object {

class DirectorySession {
 public:
  // How long another session may be silent, unless told otherwise.
  static constexpr Duration kSilence = seconds(1800);
  static constexpr Duration kBeatMax = seconds(15);
  static constexpr unsigned kSilentBeatsMin = 40;
  static constexpr size_t kSessionsMax = 10'000;

  struct Pace {
    Duration beat;
    unsigned silent_beats_max;  // Renewals that go by until a silent session is ended.
  };
  static Pace pace_of(Duration silence);

  // Ends what is left of the node's earlier sessions. REQUIRES: no other process uses `node`.
  static io::Task<Result<std::unique_ptr<DirectorySession>>> begin(catalog::Catalog& catalog,
                                                                   ChunkRows rows, RandomId node,
                                                                   Random& random, Pace pace);
  const ChunkSession& id() const { return id_; }
  std::string row() const { return rows_.session(id_); }
  catalog::CommitFence& fence() { return fence_; }
  // kUnavailable once it is known that others have ended it.
  Status check() const;
  bool is_over() const { return ended_by_others_.load() || fence_.is_gone(); }
  Duration beat() const { return pace_.beat; }
  // After a commit that demands the row was refused: whether that is why.
  io::Task<Status> check_row();

  // Renews it and ends silent ones. All sessions that are left, ascending.
  io::Task<Result<std::set<ChunkSession>>> keep();
  io::Task<void> end();

 private:
  struct Seen {
    catalog::Version version = 0;
    unsigned beats_count = 0;  // Renewals of ours since.
  };
  DirectorySession(catalog::Catalog& catalog, ChunkRows rows, ChunkSession id,
                   catalog::Version begun, Pace pace)
      : catalog_(catalog),
        rows_(std::move(rows)),
        id_(id),
        pace_(pace),
        fence_(rows_.fence(id), begun) {}
  io::Task<Status> renew();

  catalog::Catalog& catalog_;
  const ChunkRows rows_;
  const ChunkSession id_;
  const Pace pace_;
  catalog::CommitFence fence_;
  uint64_t beat_ = 0;
  std::map<ChunkSession, Seen> seen_;
  std::atomic<bool> ended_by_others_{false};
};

}  // namespace cairn::object
