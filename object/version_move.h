// Replaces the manifest of one version by one that names new chunks for the same bytes, in one
// commit; nothing else of the version changes.
//
// The commit depends on the version's row as it was read, so that whoever changes, replaces or
// removes the version meanwhile wins. New edges come in it; the old ones go to the collector's
// queue, where they wait for readers that have the old manifest open. A manifest that is stored as
// chunks gets a new owner for those: its chunks may be those of the old one, whose edges go.
// Thread rule: any reactor; takes the lock of the key.
#pragma once

#include <set>

#include "base/result.h"
#include "io/task.h"
#include "object/chunk_use.h"
#include "object/context.h"
#include "object/segment_move.h"

namespace cairn::object {

struct VersionMove {
  bool is_complete = true;       // Nothing of the version is left in old chunks.
  std::set<ChunkId> new_chunks;  // Those that it refers to now.
};

// Moves the version out of the table's old chunks. `announced`: new chunks whose hooks are in the
// catalog already; this commit adds those of others. Loses a race without an error.
io::Task<Result<VersionMove>> move_version(Context& context, VersionUse version,
                                           const MoveTable& table, std::set<ChunkId>& announced);

}  // namespace cairn::object
