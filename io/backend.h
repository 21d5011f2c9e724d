// What a reactor asks of the kernel. One Operation is one request in flight; a Backend carries it
// out. Two backends talk to the kernel (uring_backend.h, epoll_backend.h); a simulated one plugs in
// through Reactor::create_with().
//
// - An Operation lives inside the awaiting coroutine's frame: starting one allocates nothing.
// - Every started operation completes exactly once (multishot accept: once per result, the last
//   with `more` false); cancel() only hastens that. Until then its memory belongs to the kernel.
// - Thread rule: everything is called on the reactor's own thread.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "io/mailbox.h"
#include "io/reactor.h"

namespace cairn::io {

enum class OperationKind : unsigned char {
  kAccept,         // `fd` listens; result = descriptor. With `multishot`, as the backend is able.
  kConnect,        // To `address`.
  kReceive,        // Into `data`; `flags` as recv(2).
  kReceivePooled,  // Into a pool buffer that is bound when data is there; -ENOBUFS when none is
                   // left.
  kSend,           // Gathers `pieces`; `flags` as send(2). May send less.
  kPoll,           // Waits for the events of `flags` (POLLIN, POLLOUT).
  kRead,           // File: into `data` at `offset_bytes`.
  kWrite,          // File: gathers `pieces` at `offset_bytes`. May write less.
  kSyncData,       // File: fdatasync.
  kAllocate,       // File: fallocate with mode `flags` over offset_bytes, size_bytes.
};

struct Operation : Message {
  Operation(OperationKind what, int on) : kind(what), fd(on) {}
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // The request.
  OperationKind kind;
  bool multishot = false;
  bool likely_ready = false;  // Receives: try at once instead of waiting for readiness first.
  int fd;
  int flags = 0;
  MutableBytes data;
  std::span<const iovec> pieces;
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
  const sockaddr* address = nullptr;
  socklen_t address_bytes = 0;

  // The outcome: >= 0, or a negated errno value (-ECANCELED after a cancel that took effect).
  int32_t result = 0;
  bool more = false;        // Multishot: further results follow.
  bool more_ready = false;  // Receives: the socket held further data when this one completed.
  Buffer pooled;            // kReceivePooled.

  // Called by the backend when the outcome is there. It must not resume coroutines: it queues them.
  void (*on_complete)(Operation& self) = nullptr;

  // Scratch of the backend while in flight.
  msghdr header{};
  void* backend_context = nullptr;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual BackendKind kind() const = 0;

  // Called once on the thread that will run the loop, before its first turn.
  virtual void attach_thread() {}
  // Every socket is told to the backend after it was opened and before it is closed.
  virtual void add_socket(int fd) = 0;
  virtual void remove_socket(int fd) = 0;
  // SOCK_NONBLOCK where the backend wants it.
  virtual int socket_flags() const = 0;

  // Begins `operation`. True: it is complete already and on_complete will not be called.
  virtual bool start(Operation& operation) = 0;
  // Asks a started operation to end early. It may still succeed.
  virtual void cancel(Operation& operation) = 0;
  // Hands everything started to the kernel, waits up to `wait` for something to complete (zero =
  // look only, kForever = no limit) and completes what is ready. The wake descriptor ends the wait.
  virtual void turn(Duration wait) = 0;

  static constexpr Duration kForever{INT64_MAX};
};

}  // namespace cairn::io
