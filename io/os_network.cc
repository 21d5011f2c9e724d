// The operating system's sockets: listening, accepting, connecting.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <atomic>
#include <cerrno>
#include <deque>

#include "base/assert.h"
#include "base/log.h"
#include "io/backend.h"
#include "io/blocking.h"
#include "io/endpoint.h"
#include "io/os_stream.h"
#include "io/perform.h"
#include "io/stream.h"
#include "io/until_watch.h"

namespace cairn::io {
namespace {

// Accepted by the kernel ahead of accept(): above this the multishot request is withdrawn until the
// queue is empty, so that the listen backlog bounds what waits.
constexpr size_t kAcceptedAheadMax = 128;

Status set_option(int fd, int level, int name, int value, std::string_view what) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) == 0) return {};
  return std::unexpected(errno_error(errno, what));
}

void set_congestion_control(int fd, const std::string& name) {
  if (name.empty()) return;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                   static_cast<socklen_t>(name.size())) == 0) {
    return;
  }
  static std::atomic<bool> logged{false};
  if (logged.exchange(true)) return;
  log::warning("congestion_control_not_set",
               {{"name", name}, {"reason", errno_error(errno, "TCP_CONGESTION").message}});
}

// One accept request, mostly in flight; results wait in a short queue.
class OsListener final : public Listener {
 public:
  OsListener(UniqueFd fd, Endpoint local)
      : fd_(std::move(fd)),
        local_(std::move(local)),
        backend_(Reactor::current().backend()),
        request_(*this, fd_.get()) {
    backend_.add_socket(fd_.get());
  }
  ~OsListener() override { ASSERT(!fd_); }

  Task<Result<std::unique_ptr<Stream>>> accept(Until until) override;
  Task<void> close() override;
  const Endpoint& local() const override { return local_; }

 private:
  struct Request : Operation {
    Request(OsListener& owner, int fd) : Operation(OperationKind::kAccept, fd), listener(owner) {}
    OsListener& listener;
    bool in_flight = false;
    bool withdrawn = false;
  };

  void start_request();
  void withdraw_request();
  void on_result();

  UniqueFd fd_;
  const Endpoint local_;
  Backend& backend_;
  Request request_;
  std::deque<int32_t> results_;  // Descriptors or negated errno values.
  Parked* waiter_ = nullptr;     // Of accept() or close().
};

void OsListener::start_request() {
  request_.multishot = true;
  request_.withdrawn = false;
  request_.on_complete = [](Operation& self) { static_cast<Request&>(self).listener.on_result(); };
  request_.in_flight = true;
  if (!backend_.start(request_)) return;
  request_.more = false;
  on_result();
}

void OsListener::withdraw_request() {
  if (!request_.in_flight || request_.withdrawn) return;
  request_.withdrawn = true;
  backend_.cancel(request_);
}

void OsListener::on_result() {
  request_.in_flight = request_.more;
  const bool ended_by_us = request_.withdrawn && request_.result == -ECANCELED;
  if (!ended_by_us) results_.push_back(request_.result);
  if (results_.size() >= kAcceptedAheadMax) withdraw_request();
  if (waiter_ != nullptr) waiter_->wake();
}

Task<Result<std::unique_ptr<Stream>>> OsListener::accept(Until until) {
  ASSERT(waiter_ == nullptr);
  for (;;) {
    if (!results_.empty()) {
      const int32_t result = results_.front();
      results_.pop_front();
      if (result >= 0) co_return OsStream::adopt(UniqueFd(result));
      // The peer was gone before it was accepted (accept(2)): not the listener's failure.
      if (result == -ECONNABORTED || result == -EPROTO || result == -EINTR) continue;
      co_return std::unexpected(errno_error(-result, "accept"));
    }
    if (!request_.in_flight) start_request();
    if (!results_.empty()) continue;
    Parked parked(until);
    waiter_ = &parked;
    const std::optional<Code> gave_up = co_await parked;
    waiter_ = nullptr;
    if (gave_up && results_.empty()) co_return fail(*gave_up, "gave up waiting for a connection");
  }
}

Task<void> OsListener::close() {
  ASSERT(fd_ && waiter_ == nullptr);
  while (request_.in_flight) {
    withdraw_request();
    Parked parked{Until{}};
    waiter_ = &parked;
    if (request_.in_flight) co_await parked;
    waiter_ = nullptr;
  }
  for (const int32_t result : results_) {
    if (result >= 0) ::close(result);
  }
  backend_.remove_socket(fd_.get());
  fd_.reset();
}

Result<UniqueFd> open_socket(int family) {
  const int flags = Reactor::current().backend().socket_flags();
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) return std::unexpected(errno_error(errno, "socket"));
  return fd;
}

// Accepted sockets inherit the options that are set here: no system calls per connection.
Status prepare_listening(int fd, const SocketAddress& at, const ListenOptions& options) {
  if (Status set = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"); !set) return set;
  if (options.reuse_port) {
    if (Status set = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"); !set) return set;
  }
  if (Status set = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); !set) return set;
  set_congestion_control(fd, options.congestion_control);
  if (::bind(fd, at.get(), at.size_bytes) != 0) {
    const Code code = errno == EADDRINUSE ? Code::kAlreadyExists : Code::kIo;
    const Error error = errno_error(errno, "bind");
    return fail(error.code == Code::kIo ? code : error.code, error.message);
  }
  if (::listen(fd, options.backlog) != 0) return std::unexpected(errno_error(errno, "listen"));
  return {};
}

Result<Endpoint> local_endpoint(int fd) {
  SocketAddress address;
  address.size_bytes = sizeof(address.storage);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size_bytes) != 0) {
    return std::unexpected(errno_error(errno, "getsockname"));
  }
  return endpoint_of(address);
}

// The pool's answer may come after the caller gave up: the completion then drops it.
Task<Result<std::vector<SocketAddress>>> resolve(Endpoint endpoint, Until until) {
  if (const std::optional<SocketAddress> literal = literal_address(endpoint)) {
    co_return std::vector<SocketAddress>{*literal};
  }
  using Answer = Result<std::vector<SocketAddress>>;
  const auto lookup = [endpoint = std::move(endpoint)] { return resolve_blocking(endpoint); };
  Answer answer = co_await or_return(blocking_pool().run_until(lookup, until));
  co_return answer;
}

Task<Result<std::unique_ptr<Stream>>> connect_to(SocketAddress address, Until until) {
  UniqueFd fd = co_await or_return(open_socket(address.family()));
  if (address.family() != AF_UNIX) {
    co_await or_return(set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"));
    set_congestion_control(fd.get(), ListenOptions().congestion_control);
  }
  std::unique_ptr<OsStream> stream = OsStream::adopt(std::move(fd));
  Perform operation(OperationKind::kConnect, stream->fd(), until);
  operation.address = address.get();
  operation.address_bytes = address.size_bytes;
  const int32_t connected = co_await operation;
  if (connected < 0) {
    co_await stream->close();
    co_return std::unexpected(operation.failure("connect to " + endpoint_of(address).to_string()));
  }
  co_return stream;
}

class OsNetwork final : public Network {
 public:
  Task<Result<std::unique_ptr<Listener>>> listen(Endpoint at, ListenOptions options) override {
    const auto addresses = co_await or_return(resolve(at, {}));
    UniqueFd fd = co_await or_return(open_socket(addresses.front().family()));
    if (Status ready = prepare_listening(fd.get(), addresses.front(), options); !ready) {
      co_return std::unexpected(ready.error().with_context("listen on " + at.to_string()));
    }
    Endpoint local = co_await or_return(local_endpoint(fd.get()));
    co_return std::make_unique<OsListener>(std::move(fd), std::move(local));
  }

  Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, Until until) override {
    const auto addresses = co_await or_return(resolve(std::move(to), until));
    Result<std::unique_ptr<Stream>> last = fail(Code::kNotFound, "no address to connect to");
    for (const SocketAddress& address : addresses) {
      last = co_await connect_to(address, until);
      if (last) break;
      const Code code = last.error().code;
      if (code == Code::kDeadlineExceeded || code == Code::kCancelled) break;
    }
    co_return last;
  }
};

}  // namespace

Network& system_network() {
  static OsNetwork network;
  return network;
}

}  // namespace cairn::io
