#include "http/client_pool.h"

#include <algorithm>
#include <array>

#include "http/head_parser.h"
#include "io/reactor.h"

namespace cairn::http {
namespace {

io::Task<void> close_stream(std::unique_ptr<io::Stream> stream) {
  co_await stream->close();
}

class PlainConnector final : public Connector {
 public:
  explicit PlainConnector(io::Network& network) : network_(network) {}
  io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Endpoint to, std::string tls_name,
                                                        io::Until until) override {
    if (!tls_name.empty()) co_return fail(Code::kUnsupported, "this client has no TLS");
    Result<std::unique_ptr<io::Stream>> stream = co_await network_.connect(std::move(to), until);
    co_return stream;
  }

 private:
  io::Network& network_;
};

}  // namespace

io::Task<Result<std::unique_ptr<io::Stream>>> Connector::secure(std::unique_ptr<io::Stream> stream,
                                                                std::string, io::Until) {
  co_await stream->close();
  co_return fail(Code::kUnsupported, "this client has no TLS");
}

std::unique_ptr<Connector> plain_connector(io::Network& network) {
  return std::make_unique<PlainConnector>(network);
}

// A request that waits for a place. Woken by give_place() or by the caller's stop.
struct ClientPool::Waiter final : io::StopCallback {
  void on_stop() noexcept override { wake.request(); }
  io::StopSource wake;
  bool has_place = false;
};

std::string ClientPool::origin_of(const Url& url, const Proxy* proxy) {
  std::string origin =
      (url.is_https ? "https://" : "http://") + url.host + ":" + std::to_string(url.port);
  if (proxy != nullptr) origin += " by " + proxy->host + ":" + std::to_string(proxy->port);
  return origin;
}

io::Task<Status> ClientPool::take_place(std::string origin, io::Until until) {
  Origin& pool = origins_[origin];
  if (pool.places_used < options_.connections_per_host_max) {
    ++pool.places_used;
    co_return Status();
  }
  Waiter waiter;
  pool.waiters.push_back(&waiter);
  until.stop.add(waiter);
  const Duration patience =
      std::min(until.deadline - io::Reactor::current().now(), options_.connect_timeout);
  (void)co_await io::sleep_for(patience, waiter.wake.token());
  waiter.unlink();
  if (waiter.has_place) co_return Status();
  std::erase(origins_[origin].waiters, &waiter);
  if (until.stop.stop_requested()) co_return fail(Code::kCancelled, "the request was stopped");
  co_return fail(Code::kDeadlineExceeded, "no connection to the server became free");
}

void ClientPool::give_place(const std::string& origin) {
  const auto found = origins_.find(origin);
  Origin& pool = found->second;
  if (!pool.waiters.empty()) {
    Waiter* const next = pool.waiters.front();
    pool.waiters.pop_front();
    next->has_place = true;
    next->wake.request();
    return;
  }
  --pool.places_used;
  if (pool.places_used == 0 && pool.idle.empty()) origins_.erase(found);
}

void ClientPool::close_later(std::unique_ptr<io::Stream> stream) {
  closing_.spawn(close_stream(std::move(stream)));
}

void ClientPool::drop_expired() {
  const Instant now = io::Reactor::current().now();
  for (auto at = origins_.begin(); at != origins_.end();) {
    Origin& pool = at->second;
    while (!pool.idle.empty() && pool.idle.front().since + options_.idle_timeout <= now) {
      close_later(std::move(pool.idle.front().stream));
      pool.idle.pop_front();
      --idle_count_;
    }
    const bool unused = pool.idle.empty() && pool.places_used == 0;
    at = unused ? origins_.erase(at) : std::next(at);
  }
}

std::unique_ptr<io::Stream> ClientPool::take_idle(Origin& origin) {
  if (origin.idle.empty()) return nullptr;
  // The youngest is the least likely to have been closed by the server meanwhile.
  std::unique_ptr<io::Stream> stream = std::move(origin.idle.back().stream);
  origin.idle.pop_back();
  --idle_count_;
  return stream;
}

io::Task<Result<ClientPool::Lease>> ClientPool::acquire(const Url& url, const Proxy* proxy,
                                                        bool fresh, io::Until until,
                                                        ClientCounters& counters) {
  if (closed_) co_return fail(Code::kUnavailable, "the client is closed");
  drop_expired();
  const std::string origin = origin_of(url, proxy);
  co_await io::or_return(take_place(origin, until));
  Lease lease;
  if (!fresh) lease.stream = take_idle(origins_[origin]);
  lease.reused = lease.stream != nullptr;
  if (lease.reused) {
    ++counters.connections_reused;
    co_return lease;
  }
  const Instant deadline = io::Reactor::current().now() + options_.connect_timeout;
  const io::Until connect_until{std::min(deadline, until.deadline), until.stop};
  Result<std::unique_ptr<io::Stream>> stream = co_await connect(url, proxy, connect_until);
  if (!stream.has_value()) {
    give_place(origin);
    Error error = stream.error().with_context("connect to " + url.authority());
    if (error.code == Code::kIo) error.code = Code::kUnavailable;
    co_return std::unexpected(std::move(error));
  }
  ++counters.connections_opened;
  lease.stream = std::move(*stream);
  co_return lease;
}

void ClientPool::release(const std::string& origin, std::unique_ptr<io::Stream> stream,
                         bool reusable) {
  Origin& pool = origins_[origin];
  const bool keep = reusable && !closed_ && pool.idle.size() < options_.idle_per_host_max &&
                    idle_count_ < options_.idle_total_max;
  if (keep) {
    pool.idle.push_back({std::move(stream), io::Reactor::current().now()});
    ++idle_count_;
  } else {
    close_later(std::move(stream));
  }
  give_place(origin);
}

io::Task<Result<std::unique_ptr<io::Stream>>> ClientPool::connect(const Url& url,
                                                                  const Proxy* proxy,
                                                                  io::Until until) {
  const std::string tls_name = url.is_https ? url.host : std::string();
  if (proxy == nullptr) {
    io::Endpoint to{url.host, url.port};
    Result<std::unique_ptr<io::Stream>> direct =
        co_await connector_.connect(std::move(to), tls_name, until);
    co_return direct;
  }
  io::Endpoint to{proxy->host, proxy->port};
  Result<std::unique_ptr<io::Stream>> stream =
      co_await connector_.connect(std::move(to), std::string(), until);
  if (!stream.has_value() || !url.is_https) co_return stream;
  Status opened = co_await open_tunnel(**stream, url, *proxy, until);
  if (!opened.has_value()) {
    co_await (*stream)->close();
    co_return std::unexpected(std::move(opened.error()));
  }
  Result<std::unique_ptr<io::Stream>> secured =
      co_await connector_.secure(std::move(*stream), tls_name, until);
  co_return secured;
}

// RFC 9110 9.3.6. What follows the proxy's head belongs to the tunnel, and nothing may follow yet.
io::Task<Status> ClientPool::open_tunnel(io::Stream& stream, const Url& url, const Proxy& proxy,
                                         io::Until until) {
  const std::string host =
      url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  const std::string authority = host + ":" + std::to_string(url.port);
  std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!proxy.authorization.empty()) {
    request.append("Proxy-Authorization: ").append(proxy.authorization).append("\r\n");
  }
  request.append("\r\n");
  const std::array<BytesView, 1> pieces{as_bytes(request)};
  co_await io::or_return(stream.send(pieces, until));

  Buffer reply = Buffer::allocate(kHeadBytesMax);
  ResponseParser parser;
  ReceivedHead head;
  while (true) {
    const size_t size_bytes = co_await io::or_return(stream.receive(reply.spare(), until));
    if (size_bytes == 0) co_return fail(Code::kUnavailable, "the proxy closed the connection");
    reply.resize(reply.size() + size_bytes);
    const Progress progress = parser.parse(reply.view(), head);
    if (progress == Progress::kComplete) break;
    if (progress == Progress::kRejected) {
      co_return fail(Code::kUnavailable, "the proxy's answer is malformed");
    }
  }
  if (head.status < 200 || head.status > 299 || parser.head_size_bytes() != reply.size()) {
    co_return fail(Code::kUnavailable, "the proxy answered " + std::to_string(head.status));
  }
  co_return Status();
}

io::Task<void> ClientPool::close() {
  closed_ = true;
  for (auto& [name, pool] : origins_) {
    for (Idle& idle : pool.idle) close_later(std::move(idle.stream));
    pool.idle.clear();
  }
  idle_count_ = 0;
  co_await closing_.join();
}

}  // namespace cairn::http
