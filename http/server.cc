#include "http/server.h"

#include "base/assert.h"
#include "base/log.h"
#include "http/connection.h"
#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::http {
namespace {

// Connections over the bound that are answered at the same time; more are closed without a word.
constexpr size_t kRejectingMax = 256;
constexpr Duration kAcceptPause = milliseconds(50);

}  // namespace

void Handler::render_error(std::string_view reason, ResponseHead& head, std::string& body) {
  head.add("Content-Type", "text/plain");
  body.assign(reason).append("\n");
}

void Handler::on_exchange_end(const ExchangeSummary&) {}

struct Server::State {
  State(std::unique_ptr<io::Listener> at, Handler& handler, ServerOptions options)
      : shared(handler, std::move(options)), listener(std::move(at)), local(listener->local()) {}

  io::Task<void> serve(std::unique_ptr<io::Stream> stream);
  io::Task<void> reject(std::unique_ptr<io::Stream> stream);
  io::Task<void> accept_loop();
  io::Task<void> force_after(Duration grace);
  io::Task<void> take(std::unique_ptr<io::Stream> stream);

  ServerShared shared;
  std::unique_ptr<io::Listener> listener;
  io::Endpoint local;
  io::StopSource accept_stop;
  io::StopSource timer_stop;
  io::Scope connections;
  io::Scope timers;
  size_t rejecting_count = 0;
};

io::Task<void> Server::State::serve(std::unique_ptr<io::Stream> stream) {
  ++shared.counters.connections_open;
  {
    Connection connection(std::move(stream), shared);
    co_await connection.run();
  }
  --shared.counters.connections_open;
}

io::Task<void> Server::State::reject(std::unique_ptr<io::Stream> stream) {
  ++rejecting_count;
  {
    Connection connection(std::move(stream), shared);
    co_await connection.run_rejected();
  }
  --rejecting_count;
}

io::Task<void> Server::State::take(std::unique_ptr<io::Stream> stream) {
  ++shared.counters.connections_accepted;
  if (shared.counters.connections_open < shared.options.connections_max) {
    connections.spawn(serve(std::move(stream)));
    co_return;
  }
  ++shared.counters.connections_rejected;
  if (rejecting_count < kRejectingMax) {
    connections.spawn(reject(std::move(stream)));
  } else {
    co_await stream->close();
  }
}

io::Task<void> Server::State::accept_loop() {
  const io::Until until{io::kNever, accept_stop.token()};
  while (!accept_stop.requested()) {
    Result<std::unique_ptr<io::Stream>> accepted = co_await listener->accept(until);
    if (accepted.has_value()) {
      co_await take(std::move(*accepted));
      continue;
    }
    if (accepted.error().code == Code::kCancelled) break;
    // Out of descriptors or memory: what is open has to end first.
    log::warning("http.accept_failed", {{"error", std::string_view(accepted.error().message)}});
    (void)co_await io::sleep_for(kAcceptPause, accept_stop.token());
  }
}

io::Task<void> Server::State::force_after(Duration grace) {
  const Status slept = co_await io::sleep_for(grace, timer_stop.token());
  if (slept.has_value()) shared.force_stop.request();
}

Server::Server(std::unique_ptr<io::Listener> listener, Handler& handler, ServerOptions options)
    : state_(std::make_unique<State>(std::move(listener), handler, std::move(options))) {}

Server::~Server() {
  ASSERT(state_->connections.running_count() == 0);
}

io::Task<void> Server::run() {
  co_await state_->accept_loop();
  co_await state_->listener->close();
  co_await state_->connections.join();
  state_->timer_stop.request();
  co_await state_->timers.join();
}

void Server::drain(Duration grace) {
  if (state_->shared.draining) return;
  state_->shared.draining = true;
  state_->timers.spawn(state_->force_after(grace));
  state_->accept_stop.request();
  state_->shared.idle_stop.request();
}

void Server::stop() {
  state_->shared.draining = true;
  state_->accept_stop.request();
  state_->shared.idle_stop.request();
  state_->shared.force_stop.request();
}

bool Server::is_draining() const {
  return state_->shared.draining;
}
const io::Endpoint& Server::local() const {
  return state_->local;
}
const ServerCounters& Server::counters() const {
  return state_->shared.counters;
}

}  // namespace cairn::http
