#include "io/tls_listener.h"

#include <deque>
#include <list>
#include <optional>
#include <utility>

#include "io/reactor.h"
#include "io/scope.h"
#include "io/stop.h"
#include "io/sync.h"

namespace cairn::io {
namespace {

// Sets an event when a stop is asked for.
class WakeOnStop final : public StopCallback {
 public:
  explicit WakeOnStop(Event& event) : event_(event) {}
  void on_stop() noexcept override { event_.set(); }

 private:
  Event& event_;
};

class TlsListener final : public Listener {
 public:
  TlsListener(std::unique_ptr<Listener> below, std::shared_ptr<const TlsContext> context)
      : below_(std::move(below)), context_(std::move(context)) {}

  Task<Result<std::unique_ptr<Stream>>> accept(Until until) override {
    if (!std::exchange(pumping_, true)) work_.spawn(pump());
    while (ready_.empty()) {
      if (until.stop.stop_requested()) co_return fail(Code::kCancelled, "accepting was stopped");
      if (failure_) co_return std::unexpected(*std::exchange(failure_, std::nullopt));
      arrived_.reset();
      WakeOnStop wake(arrived_);
      until.stop.add(wake);
      co_await arrived_.wait();
    }
    std::unique_ptr<Stream> stream = std::move(ready_.front());
    ready_.pop_front();
    co_return stream;
  }

  Task<void> close() override {
    stop_.request();
    for (StopSource* const handshake : under_way_) handshake->request();
    co_await work_.join();
    for (const std::unique_ptr<Stream>& stream : ready_) co_await stream->close();
    ready_.clear();
    co_await below_->close();
  }

  const Endpoint& local() const override { return below_->local(); }

 private:
  Task<void> pump() {
    while (!stop_.requested()) {
      Result<std::unique_ptr<Stream>> accepted =
          co_await below_->accept(Until{kNever, stop_.token()});
      if (accepted) {
        if (under_way_.size() >= kTlsHandshakesMax) under_way_.front()->request();
        co_await slots_.acquire();
        work_.spawn(shake_hands(std::move(*accepted)));
        continue;
      }
      if (accepted.error().code == Code::kCancelled) break;
      // Out of descriptors, most likely: told to who accepts, and tried again after a while.
      failure_ = std::move(accepted.error());
      arrived_.set();
      static_cast<void>(co_await sleep_for(milliseconds(100), stop_.token()));
    }
  }

  // A handshake that fails is the client's business; the stream is closed already.
  Task<void> shake_hands(std::unique_ptr<Stream> transport) {
    StopSource stop;
    if (stop_.requested()) stop.request();
    const auto place = under_way_.insert(under_way_.end(), &stop);
    const Until until{Reactor::current().now() + kTlsHandshakeTimeout, stop.token()};
    Result<std::unique_ptr<Stream>> secured =
        co_await tls_accept(std::move(transport), context_, until);
    under_way_.erase(place);
    if (secured) {
      ready_.push_back(std::move(*secured));
      arrived_.set();
    }
    slots_.release();
  }

  std::unique_ptr<Listener> below_;
  std::shared_ptr<const TlsContext> context_;
  StopSource stop_;
  Scope work_;  // The pump and the handshakes.
  Semaphore slots_{kTlsHandshakesMax};
  std::list<StopSource*> under_way_;  // What ends each handshake, the oldest first.
  bool pumping_ = false;

  // From the handshakes to accept().
  std::deque<std::unique_ptr<Stream>> ready_;
  std::optional<Error> failure_;
  Event arrived_;
};

}  // namespace

std::unique_ptr<Listener> make_tls_listener(std::unique_ptr<Listener> below,
                                            std::shared_ptr<const TlsContext> context) {
  return std::make_unique<TlsListener>(std::move(below), std::move(context));
}

}  // namespace cairn::io
