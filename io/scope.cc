#include "io/scope.h"

#include <utility>

#include "io/reactor.h"

namespace cairn::io {

struct Scope::JoinAwaiter {
  Scope& scope;
  bool await_ready() const noexcept { return scope.running_count_ == 0; }
  void await_suspend(std::coroutine_handle<> waiter) const {
    ASSERT(!scope.joiner_);
    scope.joiner_ = waiter;
  }
  void await_resume() const noexcept {}
};

Scope::~Scope() {
  ASSERT(running_count_ == 0);
}

void Scope::spawn(Task<void> child) {
  ++running_count_;
  run_child(*this, std::move(child));
}

detail::Detached Scope::run_child(Scope& scope, Task<void> child) {
  co_await child;
  // The child's locals die before the scope counts it as done: they may refer to what the joiner
  // destroys.
  child = Task<void>();
  --scope.running_count_;
  if (scope.running_count_ == 0 && scope.joiner_) {
    Reactor::current().resume_later(std::exchange(scope.joiner_, nullptr));
  }
}

Task<void> Scope::join() {
  // A loop: the last child may have been followed by another before this task ran again.
  while (running_count_ != 0) co_await JoinAwaiter{*this};
}

}  // namespace cairn::io
