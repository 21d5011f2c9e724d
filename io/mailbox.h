// Messages from other threads to a reactor: a lock-free stack that the reactor empties once a turn,
// and the eventfd that ends its sleep.
//
// Shared by the reactor and those who post, so that a late poster never touches a dead reactor:
// what is posted after close() is dropped.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "base/result.h"
#include "io/unique_fd.h"

namespace cairn::io {

// An intrusive message or work item. `run` takes it over and may free it; `drop` (may be null) is
// called instead when it will never be delivered.
struct Message {
  Message* next = nullptr;
  void (*run)(Message& self) = nullptr;
  void (*drop)(Message& self) = nullptr;
};

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  static Result<std::shared_ptr<Mailbox>> create();
  explicit Mailbox(UniqueFd wake_fd) : wake_fd_(std::move(wake_fd)) {}
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // [any thread] Order is kept per sender. Costs a system call only when the owner sleeps.
  // REQUIRES: the mailbox is alive when the call begins; the message may end its owner.
  void post(Message& message) noexcept;
  void post(std::move_only_function<void()> message);

  // The rest is for the owner's thread.
  // All messages so far, oldest first, linked by `next`.
  Message* take_all() noexcept;
  // Announces sleep. False: messages are waiting, do not sleep.
  bool begin_sleep() noexcept;
  void end_sleep() noexcept { sleeping_.store(false, std::memory_order_relaxed); }
  void close() noexcept;
  int wake_fd() const { return wake_fd_.get(); }

 private:
  std::atomic<Message*> newest_{nullptr};
  std::atomic<bool> sleeping_{false};
  UniqueFd wake_fd_;
};

}  // namespace cairn::io
