// Awaiting one Operation of the current reactor's backend.
#pragma once

#include <coroutine>
#include <optional>

#include "io/backend.h"
#include "io/until_watch.h"

namespace cairn::io {

// Fill in the request, then co_await it: the outcome is a count or descriptor >= 0, or a negated
// errno value, which failure() turns into an Error.
class Perform final : public Operation, private UntilWatch {
 public:
  Perform(OperationKind what, int on, Until until = {}) : Operation(what, on), until_(until) {
    on_complete = [](Operation& self) { static_cast<Perform&>(self).completed(); };
  }
  ~Perform() override;

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiter);
  int32_t await_resume() const noexcept { return result; }

  // REQUIRES: the outcome was negative.
  Error failure(std::string_view what) const;

 private:
  void completed() noexcept;
  void on_give_up(Code code) noexcept final;

  Until until_;
  Reactor* reactor_ = nullptr;
  std::coroutine_handle<> waiter_;
  std::optional<Code> gave_up_;
  bool in_flight_ = false;
};

}  // namespace cairn::io
