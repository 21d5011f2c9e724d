// SparedReferences: what a home is told about who needs a chunk, with exceptions: copies that
// somebody made sure of elsewhere, so that this home may drop its own although the chunk is needed.
//
// Thread rule: any thread.
#pragma once

#include <atomic>
#include <mutex>
#include <set>

#include "storage/chunk_store.h"

namespace cairn::storage {

class SparedReferences final : public ReferenceSource {
 public:
  // `references` outlives it; null: nothing is dropped.
  void set_references(ReferenceSource* references) { references_.store(references); }

  void spare(const ChunkId& id) {
    const std::lock_guard guard(mutex_);
    spared_.insert(id);
  }
  void need_again(const ChunkId& id) {
    const std::lock_guard guard(mutex_);
    spared_.erase(id);
  }

  io::Task<Result<bool>> is_referenced(ChunkId id) override {
    {
      const std::lock_guard guard(mutex_);
      if (spared_.contains(id)) co_return false;
    }
    ReferenceSource* const references = references_.load();
    if (references == nullptr) {
      co_return fail(Code::kFailedPrecondition,
                     "no reference source is set, so nothing is dropped");
    }
    Result<bool> referenced = co_await references->is_referenced(id);
    co_return referenced;
  }

 private:
  std::atomic<ReferenceSource*> references_{nullptr};
  std::mutex mutex_;  // Guards the set; never held across a wait.
  std::set<ChunkId> spared_;
};

}  // namespace cairn::storage
