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

class Workers;

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

  // The same, but stops waiting at `until`; the work then still runs and its result is dropped.
  template <typename Work>
  Task<Result<std::invoke_result_t<Work>>> run_until(Work work, Until until);

  size_t queue_depth() const;

 private:
  bool submit(std::move_only_function<void()> work);
  std::unique_ptr<Workers> workers_;
};

// The pool of the process (4 threads, 1024 calls).
BlockingPool& blocking_pool();

template <typename Work>
Task<Result<std::invoke_result_t<Work>>> BlockingPool::run(Work work) {
  return run_until(std::move(work), Until{});
}

template <typename Work>
Task<Result<std::invoke_result_t<Work>>> BlockingPool::run_until(Work work, Until until) {
  using Value = std::invoke_result_t<Work>;
  using Held = detail::ValueOrNothing<Value>;
  const auto completion = Completion<Held>::make();
  const bool queued = submit([completion, work = std::move(work)]() mutable {
    if constexpr (std::is_void_v<Value>) {
      work();
      completion.complete(Held());
    } else {
      completion.complete(work());
    }
  });
  if (!queued) co_return fail(Code::kResourceExhausted, "the blocking pool's queue is full");
  Result<Held> value = co_await completion.wait(until);
  if constexpr (std::is_void_v<Value>) {
    if (!value) co_return std::unexpected(std::move(value.error()));
    co_return Result<void>();
  } else {
    co_return value;
  }
}

}  // namespace cairn::io
