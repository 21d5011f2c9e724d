#include "io/epoll_backend.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/assert.h"
#include "io/file_operations.h"
#include "io/stream.h"

namespace cairn::io {
namespace {

constexpr size_t kEventsMax = 256;  // Per turn.

// Runs a system call until no signal interrupts it; its result, or a negated errno value.
template <typename Call>
int32_t retry_interrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0) return static_cast<int32_t>(result);
    if (errno != EINTR) return -errno;
  }
}

int wait_ms(Duration wait) {
  if (wait == Backend::kForever) return -1;
  constexpr int64_t kMillisecond = 1000000;
  constexpr int64_t kLongestMs = 60 * 1000;
  return static_cast<int>(
      std::min((wait.nanoseconds + kMillisecond - 1) / kMillisecond, kLongestMs));
}

}  // namespace

Result<std::unique_ptr<Backend>> EpollBackend::create(const BackendParts& parts) {
  UniqueFd epoll_fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_fd) return std::unexpected(errno_error(errno, "epoll_create1"));
  epoll_event wake{};
  wake.events = EPOLLIN;
  wake.data.fd = parts.mailbox.wake_fd();
  if (::epoll_ctl(epoll_fd.get(), EPOLL_CTL_ADD, parts.mailbox.wake_fd(), &wake) != 0) {
    return std::unexpected(errno_error(errno, "epoll_ctl"));
  }
  return std::unique_ptr<Backend>(new EpollBackend(parts, std::move(epoll_fd)));
}

EpollBackend::EpollBackend(const BackendParts& parts, UniqueFd epoll_fd)
    : pool_(parts.pool), mailbox_(parts.mailbox), epoll_fd_(std::move(epoll_fd)) {}

EpollBackend::~EpollBackend() {
  ASSERT(file_operations_count_ == 0);
  for (const Socket& socket : sockets_) {
    ASSERT(socket.in.parked == nullptr && socket.out.parked == nullptr);
  }
}

void EpollBackend::add_socket(int fd) {
  const auto index = static_cast<size_t>(fd);
  if (sockets_.size() <= index) sockets_.resize(std::max(index + 1, 2 * sockets_.size()));
  sockets_[index] = Socket();
  sockets_[index].registered = true;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.fd = fd;
  // It can only fail for lack of kernel memory or of watches, and there is no way on without it.
  ASSERT(::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
}

void EpollBackend::remove_socket(int fd) {
  Socket& socket = socket_of(fd);
  ASSERT(socket.in.parked == nullptr && socket.out.parked == nullptr);
  socket = Socket{};
  ::epoll_ctl(epoll_fd_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EpollBackend::Socket& EpollBackend::socket_of(int fd) {
  ASSERT(static_cast<size_t>(fd) < sockets_.size());
  Socket& socket = sockets_[static_cast<size_t>(fd)];
  ASSERT(socket.registered);
  return socket;
}

EpollBackend::Direction& EpollBackend::direction_of(const Operation& operation) {
  Socket& socket = socket_of(operation.fd);
  switch (operation.kind) {
    case OperationKind::kConnect:
    case OperationKind::kSend: return socket.out;
    case OperationKind::kPoll: return (operation.flags & POLLOUT) != 0 ? socket.out : socket.in;
    default: return socket.in;
  }
}

bool EpollBackend::start(Operation& operation) {
  operation.multishot = false;
  if (operation.kind >= OperationKind::kRead) return start_file(operation);
  Direction& direction = direction_of(operation);
  ASSERT(direction.parked == nullptr);
  if (direction.maybe_ready && attempt(operation)) return true;
  direction.parked = &operation;
  return false;
}

void EpollBackend::cancel(Operation& operation) {
  // A file operation is with its thread and soon done.
  if (operation.kind >= OperationKind::kRead) return;
  Direction& direction = direction_of(operation);
  if (direction.parked != &operation) return;
  direction.parked = nullptr;
  operation.result = -ECANCELED;
  operation.on_complete(operation);
}

// True: the operation is complete. False: it would block, and an edge will tell when to try again.
bool EpollBackend::attempt(Operation& operation) {
  switch (operation.kind) {
    case OperationKind::kAccept: return attempt_accept(operation);
    case OperationKind::kConnect: return attempt_connect(operation);
    case OperationKind::kReceive: return attempt_receive(operation);
    case OperationKind::kReceivePooled: return attempt_receive_pooled(operation);
    case OperationKind::kSend: return attempt_send(operation);
    case OperationKind::kPoll: return attempt_poll(operation);
    default: break;
  }
  ASSERT(operation.kind < OperationKind::kRead);
  return true;
}

// After a short receive the socket is empty (epoll(7)), which spares the attempt that would say so.
void EpollBackend::note_drained(const Operation& operation, size_t got, size_t asked) {
  Socket& socket = socket_of(operation.fd);
  if (got < asked && !socket.hung_up) socket.in.maybe_ready = false;
}

bool EpollBackend::attempt_receive(Operation& operation) {
  const int flags = (operation.flags & ~MSG_WAITALL) | MSG_DONTWAIT;
  operation.result = retry_interrupted(
      [&] { return ::recv(operation.fd, operation.data.data(), operation.data.size(), flags); });
  if (operation.result == -EAGAIN) {
    socket_of(operation.fd).in.maybe_ready = false;
    return false;
  }
  if (operation.result > 0) {
    note_drained(operation, static_cast<size_t>(operation.result), operation.data.size());
  }
  return true;
}

bool EpollBackend::attempt_receive_pooled(Operation& operation) {
  Result<Buffer> buffer = pool_.try_acquire(kSmallBufferBytes);
  if (!buffer) {
    operation.result = -ENOBUFS;
    return true;
  }
  operation.data = buffer->spare();
  const bool done = attempt_receive(operation);
  if (done && operation.result > 0) {
    operation.pooled = std::move(*buffer);
    operation.pooled.resize(static_cast<size_t>(operation.result));
  }
  return done;
}

bool EpollBackend::attempt_accept(Operation& operation) {
  operation.result = retry_interrupted(
      [&] { return ::accept4(operation.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); });
  if (operation.result != -EAGAIN) return true;
  socket_of(operation.fd).in.maybe_ready = false;
  return false;
}

bool EpollBackend::attempt_connect(Operation& operation) {
  // Called again on every edge: connect(2) then reports how the first call ended.
  operation.result = retry_interrupted(
      [&] { return ::connect(operation.fd, operation.address, operation.address_bytes); });
  if (operation.result == -EISCONN) operation.result = 0;
  // A socket that was never connected counts as hung up.
  if (operation.result == 0) socket_of(operation.fd).hung_up = false;
  return operation.result != -EINPROGRESS && operation.result != -EALREADY;
}

bool EpollBackend::attempt_send(Operation& operation) {
  operation.header = {};
  operation.header.msg_iov = const_cast<iovec*>(operation.pieces.data());
  operation.header.msg_iovlen = operation.pieces.size();
  operation.result = retry_interrupted([&] {
    return ::sendmsg(operation.fd, &operation.header,
                     operation.flags | MSG_NOSIGNAL | MSG_DONTWAIT);
  });
  if (operation.result != -EAGAIN) return true;
  socket_of(operation.fd).out.maybe_ready = false;
  return false;
}

bool EpollBackend::attempt_poll(Operation& operation) {
  pollfd asked{.fd = operation.fd, .events = static_cast<int16_t>(operation.flags), .revents = 0};
  operation.result = retry_interrupted([&] { return ::poll(&asked, 1, 0); });
  if (operation.result == 0) return false;
  if (operation.result > 0) operation.result = asked.revents;
  return true;
}

bool EpollBackend::start_file(Operation& operation) {
  operation.backend_context = this;
  ++file_operations_count_;
  // On a worker thread; then, as a message, on ours.
  operation.run = [](Message& work) {
    auto& self = static_cast<Operation&>(work);
    self.result = carry_out_file_operation(self);
    self.run = [](Message& done) {
      auto& finished = static_cast<Operation&>(done);
      --static_cast<EpollBackend*>(finished.backend_context)->file_operations_count_;
      finished.on_complete(finished);
    };
    static_cast<EpollBackend*>(self.backend_context)->mailbox_.post(self);
  };
  if (file_workers().submit(operation)) return false;
  --file_operations_count_;
  operation.result = -ENOMEM;
  return true;
}

void EpollBackend::turn(Duration wait) {
  std::array<epoll_event, kEventsMax> events;
  const int count =
      ::epoll_wait(epoll_fd_.get(), events.data(), static_cast<int>(events.size()), wait_ms(wait));
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    on_events(event.data.fd, event.events);
  }
}

void EpollBackend::on_events(int fd, unsigned events) {
  if (fd == mailbox_.wake_fd()) {
    uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd, &ignored, sizeof(ignored));
    return;
  }
  // Nothing below closes descriptors, so an event of this batch cannot meet a reused one.
  Socket& socket = socket_of(fd);
  constexpr unsigned kEnded = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & kEnded) != 0) socket.hung_up = true;
  if ((events & (EPOLLIN | kEnded)) != 0) retry_parked(socket.in);
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) retry_parked(socket.out);
}

void EpollBackend::retry_parked(Direction& direction) {
  direction.maybe_ready = true;
  if (direction.parked == nullptr) return;
  Operation& operation = *direction.parked;
  if (!attempt(operation)) return;
  direction.parked = nullptr;
  operation.on_complete(operation);
}

}  // namespace cairn::io
