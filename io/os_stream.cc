#include "io/os_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/assert.h"
#include "io/backend.h"
#include "io/endpoint.h"
#include "io/io_pieces.h"
#include "io/perform.h"

namespace cairn::io {

std::unique_ptr<OsStream> OsStream::adopt(UniqueFd fd) {
  std::unique_ptr<OsStream> stream(new OsStream(std::move(fd)));
  stream->backend_.add_socket(stream->fd_.get());
  return stream;
}

OsStream::~OsStream() {
  ASSERT(!fd_);
}

Task<Result<size_t>> OsStream::receive(MutableBytes into, Until until) {
  Perform operation(OperationKind::kReceive, fd_.get(), until);
  operation.data = into;
  operation.likely_ready = likely_ready_;
  const int32_t received = co_await operation;
  if (received < 0) co_return std::unexpected(operation.failure("receive"));
  likely_ready_ = operation.more_ready;
  co_return static_cast<size_t>(received);
}

Task<Result<size_t>> OsStream::receive_full(MutableBytes into, Until until) {
  size_t done = 0;
  while (done < into.size()) {
    Perform operation(OperationKind::kReceive, fd_.get(), until);
    operation.data = into.subspan(done);
    operation.flags = MSG_WAITALL;
    operation.likely_ready = true;
    const int32_t received = co_await operation;
    if (received < 0) co_return std::unexpected(operation.failure("receive"));
    if (received == 0) break;
    likely_ready_ = operation.more_ready;
    done += static_cast<size_t>(received);
  }
  co_return done;
}

Task<Result<Buffer>> OsStream::receive_some(Until until) {
  Perform operation(OperationKind::kReceivePooled, fd_.get(), until);
  operation.likely_ready = likely_ready_;
  const int32_t received = co_await operation;
  if (received == -ENOBUFS) co_return co_await receive_when_memory_comes(until);
  if (received < 0) co_return std::unexpected(operation.failure("receive"));
  likely_ready_ = operation.more_ready;
  co_return std::move(operation.pooled);
}

// Data may be there and no pooled buffer was: waits in turn for memory, but only once data is
// there.
Task<Result<Buffer>> OsStream::receive_when_memory_comes(Until until) {
  for (;;) {
    Perform readable(OperationKind::kPoll, fd_.get(), until);
    readable.flags = POLLIN;
    const int32_t events = co_await readable;
    if (events < 0) co_return std::unexpected(readable.failure("receive"));

    Buffer buffer =
        co_await or_return(Reactor::current().buffers().acquire(kSmallBufferBytes, until));
    const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.capacity(), MSG_DONTWAIT);
    if (received >= 0) {
      buffer.resize(static_cast<size_t>(received));
      likely_ready_ = true;
      if (received == 0) co_return Buffer();
      co_return buffer;
    }
    if (errno != EAGAIN && errno != EINTR) co_return std::unexpected(errno_error(errno, "receive"));
  }
}

Task<Status> OsStream::send(std::span<const BytesView> pieces, Until until, bool more) {
  IoPieces rest(pieces);
  std::array<iovec, IoPieces::kWindowMax> window;
  while (!rest.empty()) {
    Perform operation(OperationKind::kSend, fd_.get(), until);
    operation.pieces = rest.window(window);
    operation.flags = more || rest.beyond(operation.pieces.size()) ? MSG_MORE : 0;
    const int32_t sent = co_await operation;
    if (sent < 0) co_return std::unexpected(operation.failure("send"));
    rest.consume(static_cast<size_t>(sent));
  }
  co_return Status();
}

Task<Status> OsStream::end_sending() {
  if (::shutdown(fd_.get(), SHUT_WR) != 0) {
    co_return std::unexpected(errno_error(errno, "shutdown"));
  }
  co_return Status();
}

Task<void> OsStream::close() {
  ASSERT(fd_);
  backend_.remove_socket(fd_.get());
  fd_.reset();
  co_return;
}

const Endpoint& OsStream::peer() const {
  if (!peer_) {
    SocketAddress address;
    address.size_bytes = sizeof(address.storage);
    const int result = ::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&address.storage),
                                     &address.size_bytes);
    peer_ = result == 0 ? endpoint_of(address) : Endpoint();
  }
  return *peer_;
}

Result<std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>>> make_stream_pair() {
  int fds[2];
  const int flags = Reactor::current().backend().socket_flags();
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, fds) != 0) {
    return std::unexpected(errno_error(errno, "socketpair"));
  }
  return std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>>(
      OsStream::adopt(UniqueFd(fds[0])), OsStream::adopt(UniqueFd(fds[1])));
}

}  // namespace cairn::io
