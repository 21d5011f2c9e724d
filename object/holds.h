// Holds on chunks for a new owner, from before a commit that refers to them until after it.
// Used on one reactor. REQUIRES: end() is awaited before destruction.
#pragma once

#include <utility>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"

namespace cairn::object {

class Holds {
 public:
  Holds(Context& context, OwnerId owner) : context_(context), owner_(owner) {}
  Holds(const Holds&) = delete;
  Holds& operator=(const Holds&) = delete;

  // False when a chunk is being dropped: then there is nothing to refer to.
  io::Task<Result<bool>> take(std::vector<ChunkId> chunks) {
    for (const ChunkId& id : chunks) {
      const bool present = co_await io::or_return(context_.store.link(id, owner_));
      if (!present) co_return false;
      held_.push_back(id);
    }
    co_return true;
  }
  // Releases them, or gives them back where the commit failed.
  io::Task<void> end(bool committed) {
    std::vector<ChunkId> held = std::move(held_);
    if (held.empty()) co_return;
    if (committed) {
      co_await context_.store.release(owner_, std::move(held));
      co_return;
    }
    for (const ChunkId& id : held) {
      const Result<bool> dropped = co_await context_.store.unlink(id, owner_);
      static_cast<void>(dropped);
    }
  }

 private:
  Context& context_;
  OwnerId owner_;
  std::vector<ChunkId> held_;
};

}  // namespace cairn::object
