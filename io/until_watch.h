// Suspending with an Until: what every awaitable of io/ is made of.
#pragma once

#include <coroutine>
#include <optional>

#include "base/result.h"
#include "io/stop.h"
#include "io/timers.h"
#include "io/until.h"

namespace cairn::io {

class Reactor;

// Watches the deadline and the stop token of one suspended operation. Intrusive: arming allocates
// nothing, and costs a few instructions when there is a deadline and nothing when there is none.
class UntilWatch : private StopCallback, private DeadlineWheel::Entry {
 public:
  // The code to fail with when `until` is over already.
  static std::optional<Code> already_over(const Reactor& reactor, const Until& until);

 protected:
  UntilWatch() = default;
  ~UntilWatch() override = default;
  // REQUIRES: !already_over().
  void arm(Reactor& reactor, const Until& until);
  void disarm() noexcept {
    DeadlineWheel::Entry::disarm();
    StopCallback::unlink();
  }
  // Called once, after disarming itself. It must not resume coroutines: it queues them.
  virtual void on_give_up(Code code) noexcept = 0;

 private:
  void on_stop() noexcept final;
  void on_deadline() noexcept final;
};

// A coroutine parked until somebody calls wake() or its Until is over. The result of co_await is
// the code it gave up with, or nothing when it was woken.
class Parked : private UntilWatch {
 public:
  explicit Parked(Until until) : until_(until) {}
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;
  ~Parked() override = default;

  bool await_ready() const noexcept { return queued_; }
  bool await_suspend(std::coroutine_handle<> waiter);
  std::optional<Code> await_resume() const noexcept { return gave_up_; }

  // Queues the coroutine, or lets a later co_await pass at once. No effect the second time or after
  // it gave up.
  void wake() noexcept;

 protected:
  // For owners of a waiting list: the coroutine will run soon and no longer wants to be woken.
  virtual void on_parked_give_up() noexcept {}

 private:
  void on_give_up(Code code) noexcept final;

  Until until_;
  Reactor* reactor_ = nullptr;
  std::coroutine_handle<> waiter_;
  std::optional<Code> gave_up_;
  bool queued_ = false;
};

}  // namespace cairn::io
