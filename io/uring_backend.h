// The io_uring backend: every operation is one submission entry, and all entries of a turn go to
// the kernel in the one system call that also waits.
//
// Owns the ring, and the pool buffers lent to the kernel for receives whose data may come. A
// receive into a pooled buffer holds no memory until its data is there.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "io/backend.h"
#include "io/probe.h"
#include "io/uring_buffer_ring.h"
#include "io/uring_ring.h"

namespace cairn::io {

class UringBackend final : public Backend {
 public:
  // `features` must be a subset of what probe_uring() found.
  static Result<std::unique_ptr<Backend>> create(const BackendParts& parts, UringFeatures features);
  ~UringBackend() override;

  BackendKind kind() const override { return BackendKind::kIoUring; }
  void attach_thread() override;
  void add_socket(int) override {}
  void remove_socket(int) override {}
  // The kernel waits for us: with O_NONBLOCK it would fail with EAGAIN instead.
  int socket_flags() const override { return 0; }
  bool start(Operation& operation) override;
  void cancel(Operation& operation) override;
  void turn(Duration wait) override;

 private:
  UringBackend(const BackendParts& parts, UringFeatures features);

  io_uring_sqe& next_entry();
  void prepare_receive(io_uring_sqe& entry, Operation& operation);
  void prepare_send(io_uring_sqe& entry, Operation& operation);
  void prepare(io_uring_sqe& entry, Operation& operation);
  void submit_and_wait(Duration wait);
  bool completions_wanted() const;
  void reap();
  void complete(Operation& operation, int32_t result, uint32_t flags);
  void listen_for_wake();

  const UringFeatures features_;
  UringRing ring_;
  UringBufferRing buffer_ring_;  // Before the ring closes, its buffers go back to the pool.

  Operation wake_;  // A read of the mailbox's eventfd, always in flight.
  uint64_t wake_count_ = 0;
  size_t in_flight_count_ = 0;  // Without wake_.
};

}  // namespace cairn::io
