#include "io/blocking.h"

#include "io/workers.h"

namespace cairn::io {
namespace {

struct Call : Message {
  std::move_only_function<void()> work;
};

void run_call(Message& self) {
  const std::unique_ptr<Call> owned(static_cast<Call*>(&self));
  owned->work();
}

constexpr size_t kProcessThreadsCount = 4;
constexpr size_t kProcessQueueDepthMax = 1024;

}  // namespace

BlockingPool::BlockingPool(size_t threads_count, size_t queue_depth_max)
    : workers_(std::make_unique<Workers>("cairn-block", threads_count, queue_depth_max)) {}

BlockingPool::~BlockingPool() = default;

bool BlockingPool::submit(std::move_only_function<void()> work) {
  auto call = std::make_unique<Call>();
  call->run = run_call;
  call->work = std::move(work);
  if (!workers_->submit(*call)) return false;
  call.release();
  return true;
}

size_t BlockingPool::queue_depth() const {
  return workers_->queue_depth();
}

BlockingPool& blocking_pool() {
  static BlockingPool pool(kProcessThreadsCount, kProcessQueueDepthMax);
  return pool;
}

}  // namespace cairn::io
