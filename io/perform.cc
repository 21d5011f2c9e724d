#include "io/perform.h"

#include <cerrno>
#include <string>

namespace cairn::io {

// The kernel may still write into a frame whose operation is in flight.
Perform::~Perform() {
  ASSERT(!in_flight_);
}

bool Perform::await_suspend(std::coroutine_handle<> waiter) {
  reactor_ = &Reactor::current();
  gave_up_ = already_over(*reactor_, until_);
  if (gave_up_) {
    result = -ECANCELED;
    return false;
  }
  waiter_ = waiter;
  if (!reactor_->backend().start(*this)) {
    in_flight_ = true;
    arm(*reactor_, until_);
    return true;
  }
  if (reactor_->take_inline_turn()) return false;
  reactor_->resume_later(waiter_);
  return true;
}

void Perform::completed() noexcept {
  in_flight_ = false;
  disarm();
  reactor_->resume_later(waiter_);
}

void Perform::on_give_up(Code code) noexcept {
  gave_up_ = code;
  reactor_->backend().cancel(*this);
}

Error Perform::failure(std::string_view what) const {
  ASSERT(result < 0);
  // io_uring reports a cancelled operation as interrupted when a worker thread carried it.
  if (gave_up_ && (result == -ECANCELED || result == -EINTR)) {
    return {*gave_up_,
            std::string(what) +
                (*gave_up_ == Code::kCancelled ? ": was asked to stop" : ": the deadline passed")};
  }
  if (result == -ECONNREFUSED || result == -EHOSTUNREACH || result == -ENETUNREACH) {
    return {Code::kUnavailable, errno_error(-result, what).message};
  }
  return errno_error(-result, what);
}

}  // namespace cairn::io
