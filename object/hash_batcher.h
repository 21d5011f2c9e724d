// Hashes the blocks of all bodies of one reactor side by side (PERFORMANCE.md lever 1).
//
// Blocks are queued as they arrive and hashed at the end of a turn of the loop: when blocks of
// enough bodies wait to fill the lanes, when somebody waits for the result, or when the backlog is
// full. One per reactor, used on it. The memory of a block, and its stream, stay until drain()
// completed.
#pragma once

#include <coroutine>
#include <cstdint>
#include <vector>

#include "crypto/hash_engine.h"
#include "io/reactor.h"
#include "io/task.h"

namespace cairn::object {

class HashBatcher {
 public:
  explicit HashBatcher(io::Reactor& reactor) : reactor_(reactor) {}
  HashBatcher(const HashBatcher&) = delete;
  HashBatcher& operator=(const HashBatcher&) = delete;
  ~HashBatcher();

  // A body is between begin() and end() while it can queue blocks.
  void begin() { ++bodies_count_; }
  void end() { --bodies_count_; }

  // The next block of a body, for both of its running digests.
  void add(crypto::Md5Stream& md5, crypto::Sha256Stream& sha256, BytesView block);
  // A whole segment; *out is set by the time drain() completes.
  void add_segment(BytesView segment, crypto::Sha256Value* out);
  // Completes when everything queued before was hashed.
  io::Task<void> drain();

 private:
  struct Waiter {
    HashBatcher& batcher;
    bool await_ready() const { return !batcher.engine_.has_work(); }
    void await_suspend(std::coroutine_handle<> waiting) {
      batcher.waiters_.push_back(waiting);
      batcher.schedule();
    }
    void await_resume() const {}
  };
  void schedule();
  void end_of_turn();
  void note_body(const void* body);

  io::Reactor& reactor_;
  crypto::HashEngine engine_;
  std::vector<std::coroutine_handle<>> waiters_;
  std::vector<const void*> queued_bodies_;  // Distinct; at most kHashLanes are told apart.
  uint64_t queued_bytes_ = 0;
  size_t bodies_count_ = 0;
  bool scheduled_ = false;
};

}  // namespace cairn::object
