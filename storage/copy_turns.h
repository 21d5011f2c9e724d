// CopyTurns: a chunk is not dropped while it is being copied from home to home, nor the other way
// round, lest a copy outlive the chunk where nobody looks for it.
//
// A drop that comes during a copy is left to the copier, which asks again when it is done.
// Thread rule: any thread; one lock for a map operation, on drops and copies only.
#pragma once

#include <map>
#include <mutex>

#include "storage/chunk_store.h"

namespace cairn::storage {

class CopyTurns {
 public:
  // False: somebody copies or drops the chunk just now. Ended by end_copy().
  bool begin_copy(const ChunkId& id) {
    const std::lock_guard guard(mutex_);
    return turns_.try_emplace(id, Turn{.copying = true}).second;
  }
  // True when a drop was asked for meanwhile.
  bool end_copy(const ChunkId& id) {
    const std::lock_guard guard(mutex_);
    const auto at = turns_.find(id);
    const bool asked = at->second.drop_asked;
    turns_.erase(at);
    return asked;
  }
  // False: the copier will drop it. Ended by end_drop().
  bool begin_drop(const ChunkId& id) {
    const std::lock_guard guard(mutex_);
    Turn& turn = turns_[id];
    if (turn.copying) {
      turn.drop_asked = true;
      return false;
    }
    ++turn.droppers_count;
    return true;
  }
  void end_drop(const ChunkId& id) {
    const std::lock_guard guard(mutex_);
    const auto at = turns_.find(id);
    if (--at->second.droppers_count == 0) turns_.erase(at);
  }

 private:
  struct Turn {
    bool copying = false;
    bool drop_asked = false;
    unsigned droppers_count = 0;
  };
  std::mutex mutex_;
  std::map<ChunkId, Turn> turns_;
};

}  // namespace cairn::storage
