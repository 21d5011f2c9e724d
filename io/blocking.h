// A bounded pool of threads for calls that block (RocksDB misses, name resolution).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>

#include "base/result.h"
#include "io/sync.h"
#include "io/task.h"

namespace cairn::io {

// Thread rule: run() is called on reactors; the work runs on a pool thread and touches nothing of a
// reactor. The queue holds at most `queue_depth_max` calls.
class BlockingPool {
 public:
  BlockingPool(size_t threads_count, size_t queue_depth_max);
  ~BlockingPool();  // Finishes queued work, then joins the threads.
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  // Result of `work()`; kResourceExhausted when the queue is full.
  template <typename Work>
  Task<Result<std::invoke_result_t<Work>>> run(Work work);

  size_t queue_depth() const;

 private:
  bool submit(std::move_only_function<void()> work);
  struct State;
  std::unique_ptr<State> state_;
};

// The pool of the process (4 threads, 1024 calls).
BlockingPool& blocking_pool();

}  // namespace cairn::io
