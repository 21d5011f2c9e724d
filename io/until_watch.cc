#include "io/until_watch.h"

#include "io/reactor.h"

namespace cairn::io {

std::optional<Code> UntilWatch::already_over(const Reactor& reactor, const Until& until) {
  if (until.stop.stop_requested()) return Code::kCancelled;
  if (until.deadline <= reactor.now()) return Code::kDeadlineExceeded;
  return std::nullopt;
}

void UntilWatch::arm(Reactor& reactor, const Until& until) {
  if (until.deadline != kNever) reactor.deadlines().add(*this, until.deadline);
  until.stop.add(*this);
}

void UntilWatch::on_stop() noexcept {
  disarm();
  on_give_up(Code::kCancelled);
}

void UntilWatch::on_deadline() noexcept {
  disarm();
  on_give_up(Code::kDeadlineExceeded);
}

bool Parked::await_suspend(std::coroutine_handle<> waiter) {
  reactor_ = &Reactor::current();
  gave_up_ = already_over(*reactor_, until_);
  if (gave_up_) {
    queued_ = true;
    on_parked_give_up();
    return false;
  }
  waiter_ = waiter;
  arm(*reactor_, until_);
  return true;
}

void Parked::wake() noexcept {
  if (queued_) return;
  queued_ = true;
  if (!waiter_) return;
  disarm();
  reactor_->resume_later(waiter_);
}

void Parked::on_give_up(Code code) noexcept {
  gave_up_ = code;
  queued_ = true;
  on_parked_give_up();
  reactor_->resume_later(waiter_);
}

}  // namespace cairn::io
