#include "io/mailbox.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>

namespace cairn::io {
namespace {

struct FunctionMessage : Message {
  std::move_only_function<void()> function;
};

void run_function(Message& self) {
  const std::unique_ptr<FunctionMessage> owned(static_cast<FunctionMessage*>(&self));
  owned->function();
}
void drop_function(Message& self) {
  delete static_cast<FunctionMessage*>(&self);
}

// Stands at the bottom of a closed mailbox; nobody runs it.
Message* closed_mark() {
  static Message mark;
  return &mark;
}

}  // namespace

Result<std::shared_ptr<Mailbox>> Mailbox::create() {
  UniqueFd wake_fd(::eventfd(0, EFD_CLOEXEC));
  if (!wake_fd) return std::unexpected(errno_error(errno, "eventfd"));
  return std::make_shared<Mailbox>(std::move(wake_fd));
}

Mailbox::~Mailbox() {
  close();
}

void Mailbox::post(Message& message) noexcept {
  // The message may make the owner end while we still have to look whether it sleeps.
  const std::shared_ptr<Mailbox> alive = shared_from_this();
  Message* newest = newest_.load(std::memory_order_acquire);
  do {
    if (newest == closed_mark()) {
      if (message.drop != nullptr) message.drop(message);
      return;
    }
    message.next = newest;
  } while (!newest_.compare_exchange_weak(newest, &message, std::memory_order_seq_cst,
                                          std::memory_order_acquire));
  // Pairs with begin_sleep(): either the owner sees the message or we see it asleep. The message
  // may be gone from here on.
  if (sleeping_.load(std::memory_order_seq_cst) &&
      sleeping_.exchange(false, std::memory_order_seq_cst)) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_fd_.get(), &one, sizeof(one));
  }
}

void Mailbox::post(std::move_only_function<void()> message) {
  auto* owned = new FunctionMessage;
  owned->run = run_function;
  owned->drop = drop_function;
  owned->function = std::move(message);
  post(*owned);
}

Message* Mailbox::take_all() noexcept {
  if (newest_.load(std::memory_order_relaxed) == nullptr) return nullptr;
  Message* newest = newest_.exchange(nullptr, std::memory_order_acquire);
  Message* oldest = nullptr;
  while (newest != nullptr) {
    Message* next = std::exchange(newest->next, oldest);
    oldest = std::exchange(newest, next);
  }
  return oldest;
}

bool Mailbox::begin_sleep() noexcept {
  sleeping_.store(true, std::memory_order_seq_cst);
  if (newest_.load(std::memory_order_seq_cst) == nullptr) return true;
  end_sleep();
  return false;
}

void Mailbox::close() noexcept {
  Message* newest = newest_.exchange(closed_mark(), std::memory_order_acq_rel);
  while (newest != nullptr && newest != closed_mark()) {
    Message* next = newest->next;
    if (newest->drop != nullptr) newest->drop(*newest);
    newest = next;
  }
}

}  // namespace cairn::io
