#include "io/sync.h"

#include "base/assert.h"
#include "io/mailbox.h"
#include "io/reactor.h"

namespace cairn::io {
namespace {

// Leaves the coroutine's handle at the end of a queue.
class QueueUp {
 public:
  explicit QueueUp(std::deque<std::coroutine_handle<>>& queue) : queue_(queue) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) { queue_.push_back(waiter); }
  void await_resume() const noexcept {}

 private:
  std::deque<std::coroutine_handle<>>& queue_;
};

}  // namespace

Task<void> Event::wait() {
  if (set_) co_return;
  QueueUp queued(waiters_);
  co_await queued;
}

void Event::set() {
  set_ = true;
  for (const std::coroutine_handle<> waiter : waiters_) Reactor::current().resume_later(waiter);
  waiters_.clear();
}

Task<void> Semaphore::acquire() {
  if (try_acquire()) co_return;
  // release() hands the permit over without counting it, so nobody can overtake.
  QueueUp queued(waiters_);
  co_await queued;
}

bool Semaphore::try_acquire() {
  if (permits_count_ == 0) return false;
  --permits_count_;
  return true;
}

void Semaphore::release() {
  if (waiters_.empty()) {
    ++permits_count_;
    return;
  }
  const std::coroutine_handle<> first = waiters_.front();
  waiters_.pop_front();
  Reactor::current().resume_later(first);
}

MutexGuard::~MutexGuard() {
  if (mutex_ != nullptr) mutex_->one_.release();
}

Task<MutexGuard> Mutex::lock() {
  co_await one_.acquire();
  co_return MutexGuard(this);
}

namespace detail {
void post_to(Mailbox& mailbox, std::move_only_function<void()> message) {
  mailbox.post(std::move(message));
}
}  // namespace detail

}  // namespace cairn::io
