#include "io/uring_backend.h"

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "base/units.h"

namespace cairn::io {
namespace {

constexpr unsigned kEntries = 1024;
constexpr int kReapMax = 4096;  // Per turn, so that the tasks get theirs.
// The kernel takes 32-bit sizes; callers loop over short results.
constexpr size_t kTransferMax = 1 * GiB;
// user_data of entries whose completion nobody waits for.
constexpr uint64_t kNobody = 0;

unsigned size_of(size_t size_bytes) {
  return static_cast<unsigned>(std::min<size_t>(size_bytes, kTransferMax));
}

}  // namespace

Result<std::unique_ptr<Backend>> UringBackend::create(const BackendParts& parts,
                                                      UringFeatures features) {
  std::unique_ptr<UringBackend> backend(new UringBackend(parts, features));
  const int error = backend->ring_.open(kEntries, features);
  if (error != 0) return std::unexpected(errno_error(error, "io_uring_setup"));
  return backend;
}

UringBackend::UringBackend(const BackendParts& parts, UringFeatures features)
    : features_(features),
      buffer_ring_(parts.pool),
      wake_(OperationKind::kRead, parts.mailbox.wake_fd()) {
  wake_.data = {reinterpret_cast<uint8_t*>(&wake_count_), sizeof(wake_count_)};
  wake_.backend_context = this;
  wake_.on_complete = [](Operation& self) {
    static_cast<UringBackend*>(self.backend_context)->listen_for_wake();
  };
}

UringBackend::~UringBackend() {
  ASSERT(in_flight_count_ == 0);
  buffer_ring_.close(ring_.get());
}

void UringBackend::attach_thread() {
  ASSERT(ring_.enable() == 0);
  // Spares a descriptor look-up per system call; where it is refused nothing is lost.
  ::io_uring_register_ring_fd(&ring_.get());
  listen_for_wake();
}

void UringBackend::listen_for_wake() {
  io_uring_sqe& entry = next_entry();
  prepare(entry, wake_);
  ::io_uring_sqe_set_data(&entry, &wake_);
}

io_uring_sqe& UringBackend::next_entry() {
  // The queue is emptied by submitting; the kernel may ask us to take completions first (EBUSY).
  constexpr int kAttemptsMax = 1000;
  io_uring_sqe* entry = ::io_uring_get_sqe(&ring_.get());
  for (int attempt = 0; entry == nullptr; ++attempt) {
    ASSERT(attempt < kAttemptsMax);
    if (::io_uring_submit(&ring_.get()) < 0) reap();
    entry = ::io_uring_get_sqe(&ring_.get());
  }
  return *entry;
}

void UringBackend::prepare_receive(io_uring_sqe& entry, Operation& operation) {
  ::io_uring_prep_recv(&entry, operation.fd, operation.data.data(), size_of(operation.data.size()),
                       operation.flags);
  // Comes with the same kernel release as the buffer rings.
  if (features_.buffer_ring && !operation.likely_ready) {
    entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
  }
}

void UringBackend::prepare_send(io_uring_sqe& entry, Operation& operation) {
  // The kernel resumes a partial send by itself: one completion per call, whatever its size.
  const int flags = operation.flags | MSG_WAITALL | MSG_NOSIGNAL;
  if (operation.pieces.size() == 1) {
    const iovec& piece = operation.pieces.front();
    ::io_uring_prep_send(&entry, operation.fd, piece.iov_base, size_of(piece.iov_len), flags);
    return;
  }
  operation.header = {};
  operation.header.msg_iov = const_cast<iovec*>(operation.pieces.data());
  operation.header.msg_iovlen = operation.pieces.size();
  ::io_uring_prep_sendmsg(&entry, operation.fd, &operation.header, static_cast<unsigned>(flags));
}

void UringBackend::prepare(io_uring_sqe& entry, Operation& operation) {
  switch (operation.kind) {
    case OperationKind::kAccept:
      operation.multishot = operation.multishot && features_.buffer_ring;
      if (operation.multishot) {
        ::io_uring_prep_multishot_accept(&entry, operation.fd, nullptr, nullptr, SOCK_CLOEXEC);
      } else {
        ::io_uring_prep_accept(&entry, operation.fd, nullptr, nullptr, SOCK_CLOEXEC);
      }
      return;
    case OperationKind::kConnect:
      ::io_uring_prep_connect(&entry, operation.fd, operation.address, operation.address_bytes);
      return;
    case OperationKind::kReceive: prepare_receive(entry, operation); return;
    case OperationKind::kReceivePooled:
      prepare_receive(entry, operation);
      entry.flags |= IOSQE_BUFFER_SELECT;
      entry.buf_group = UringBufferRing::kGroup;
      return;
    case OperationKind::kSend: prepare_send(entry, operation); return;
    case OperationKind::kPoll:
      ::io_uring_prep_poll_add(&entry, operation.fd, static_cast<unsigned>(operation.flags));
      return;
    case OperationKind::kRead:
      ::io_uring_prep_read(&entry, operation.fd, operation.data.data(),
                           size_of(operation.data.size()), operation.offset_bytes);
      return;
    case OperationKind::kWrite:
      ::io_uring_prep_writev(&entry, operation.fd, operation.pieces.data(),
                             static_cast<unsigned>(operation.pieces.size()),
                             operation.offset_bytes);
      return;
    case OperationKind::kSyncData:
      ::io_uring_prep_fsync(&entry, operation.fd, IORING_FSYNC_DATASYNC);
      return;
    case OperationKind::kAllocate:
      ::io_uring_prep_fallocate(&entry, operation.fd, operation.flags,
                                static_cast<off_t>(operation.offset_bytes),
                                static_cast<off_t>(operation.size_bytes));
      return;
  }
}

bool UringBackend::start(Operation& operation) {
  if (operation.kind == OperationKind::kReceivePooled &&
      !(features_.buffer_ring && buffer_ring_.open(ring_.get()))) {
    operation.result = -ENOBUFS;
    return true;
  }
  io_uring_sqe& entry = next_entry();
  prepare(entry, operation);
  ::io_uring_sqe_set_data(&entry, &operation);
  ++in_flight_count_;
  return false;
}

void UringBackend::cancel(Operation& operation) {
  // Entries are issued in order, so this one never meets a later operation at the same address.
  io_uring_sqe& entry = next_entry();
  ::io_uring_prep_cancel(&entry, &operation, 0);
  ::io_uring_sqe_set_data64(&entry, kNobody);
}

// Without DEFER_TASKRUN completions appear by themselves; with it the kernel sets a flag and they
// appear when asked for.
bool UringBackend::completions_wanted() const {
  const unsigned flags =
      __atomic_load_n(const_cast<UringBackend*>(this)->ring_.get().sq.kflags, __ATOMIC_RELAXED);
  return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

void UringBackend::submit_and_wait(Duration wait) {
  io_uring* const ring = &ring_.get();
  if (wait == Duration{}) {
    if (::io_uring_sq_ready(ring) != 0 || completions_wanted()) {
      ::io_uring_submit_and_get_events(ring);
    }
    return;
  }
  io_uring_cqe* first = nullptr;
  if (wait == kForever) {
    ::io_uring_submit_and_wait(ring, 1);
    return;
  }
  constexpr int64_t kSecond = 1000000000;
  __kernel_timespec limit{.tv_sec = wait.nanoseconds / kSecond,
                          .tv_nsec = wait.nanoseconds % kSecond};
  // ETIME, EINTR and EBUSY all end the wait; the loop comes back here after taking completions.
  ::io_uring_submit_and_wait_timeout(ring, &first, 1, &limit, nullptr);
}

void UringBackend::turn(Duration wait) {
  buffer_ring_.refill();
  submit_and_wait(wait);
  reap();
}

void UringBackend::reap() {
  // One at a time and released before it is acted on: completing may submit, and so reap, again.
  for (int count = 0; count < kReapMax; ++count) {
    io_uring_cqe* first = nullptr;
    if (::io_uring_peek_batch_cqe(&ring_.get(), &first, 1) == 0) return;
    const uint64_t user_data = first->user_data;
    const int32_t result = first->res;
    const uint32_t flags = first->flags;
    ::io_uring_cq_advance(&ring_.get(), 1);
    if (user_data != kNobody) {
      complete(*reinterpret_cast<Operation*>(user_data), result, flags);
    }
  }
}

void UringBackend::complete(Operation& operation, int32_t result, uint32_t flags) {
  operation.result = result;
  operation.more = (flags & IORING_CQE_F_MORE) != 0;
  operation.more_ready = (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    const auto id = static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    if (result > 0) {
      operation.pooled = buffer_ring_.take(id, static_cast<size_t>(result));
    } else {
      buffer_ring_.give_back(id);
    }
  }
  if (!operation.more && &operation != &wake_) --in_flight_count_;
  operation.on_complete(operation);
}

}  // namespace cairn::io
