#include "io/sim_network.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/random.h"
#include "io/reactor.h"
#include "io/until_watch.h"

namespace cairn::io {
namespace {

// One direction of a connection.
struct Pipe {
  std::deque<uint8_t> bytes;
  Instant visible_from;  // When the newest bytes may be received.
  bool ended = false;
  bool broken = false;
  Parked* receiver = nullptr;
  Parked* sender = nullptr;

  void wake() {
    if (receiver != nullptr) receiver->wake();
    if (sender != nullptr) sender->wake();
  }
  void break_link() {
    broken = true;
    wake();
  }
};

// Parks the caller in `slot` until the pipe wakes it or `until` is over.
Task<Status> park(Parked*& slot, Until until) {
  Parked parked(until);
  ASSERT(slot == nullptr);
  slot = &parked;
  const std::optional<Code> gave_up = co_await parked;
  slot = nullptr;
  if (gave_up) co_return fail(*gave_up, "gave up waiting for a simulated connection");
  co_return Status{};
}

struct Pending {
  std::shared_ptr<Pipe> to_server;
  std::shared_ptr<Pipe> to_client;
};

struct Door {
  std::deque<Pending> waiting;
  Parked* acceptor = nullptr;
};

}  // namespace

struct SimNetwork::State {
  explicit State(SimNetworkOptions given) : options(given), random(options.seed) {}

  SimNetworkOptions options;
  SeededRandom random;
  std::map<uint16_t, std::shared_ptr<Door>> doors;
  std::vector<std::weak_ptr<Pipe>> pipes;
  uint16_t next_port = 20000;
  bool refused = false;

  Duration delay() {
    const auto spread = static_cast<uint64_t>((options.delay_max - options.delay_min).nanoseconds);
    return options.delay_min + Duration{static_cast<int64_t>(random.below(spread + 1))};
  }
  bool happens(uint64_t one_in) { return one_in != 0 && random.below(one_in) == 0; }
};

namespace {

class SimStream final : public Stream {
 public:
  SimStream(std::shared_ptr<SimNetwork::State> network, std::shared_ptr<Pipe> incoming,
            std::shared_ptr<Pipe> outgoing, Endpoint peer)
      : network_(std::move(network)),
        incoming_(std::move(incoming)),
        outgoing_(std::move(outgoing)),
        peer_(std::move(peer)) {}

  Task<Result<size_t>> receive(MutableBytes into, Until until) override {
    while (true) {
      if (incoming_->broken) co_return fail(Code::kIo, "the simulated connection is broken");
      const Instant now = Reactor::current().now();
      if (!incoming_->bytes.empty() && now < incoming_->visible_from) {
        co_await or_return(sleep_for(incoming_->visible_from - now, until.stop));
        continue;
      }
      if (!incoming_->bytes.empty()) co_return take(into);
      if (incoming_->ended) co_return size_t{0};
      co_await or_return(park(incoming_->receiver, until));
    }
  }

  Task<Result<size_t>> receive_full(MutableBytes into, Until until) override {
    size_t filled_bytes = 0;
    while (filled_bytes < into.size()) {
      const size_t got_bytes = co_await or_return(receive(into.subspan(filled_bytes), until));
      if (got_bytes == 0) break;
      filled_bytes += got_bytes;
    }
    co_return filled_bytes;
  }

  Task<Result<Buffer>> receive_some(Until until) override {
    while (incoming_->bytes.empty() && !incoming_->ended && !incoming_->broken) {
      co_await or_return(park(incoming_->receiver, until));
    }
    Buffer buffer =
        co_await or_return(Reactor::current().buffers().acquire(kSmallBufferBytes, until));
    buffer.resize(buffer.capacity());
    const size_t got_bytes = co_await or_return(receive(buffer.span(), until));
    buffer.resize(got_bytes);
    co_return buffer;
  }

  Task<Status> send(std::span<const BytesView> pieces, Until until, bool) override {
    if (network_->happens(network_->options.reset_one_in)) break_both();
    for (const BytesView piece : pieces) {
      BytesView rest = piece;
      while (!rest.empty()) {
        if (outgoing_->broken) co_return fail(Code::kIo, "the simulated connection is broken");
        const size_t room = kSimWindowBytes - std::min(kSimWindowBytes, outgoing_->bytes.size());
        const size_t taken = std::min(room, rest.size());
        if (taken == 0) {
          co_await or_return(park(outgoing_->sender, until));
          continue;
        }
        outgoing_->bytes.insert(outgoing_->bytes.end(), rest.begin(),
                                rest.begin() + static_cast<ptrdiff_t>(taken));
        outgoing_->visible_from = Reactor::current().now() + network_->delay();
        if (outgoing_->receiver != nullptr) outgoing_->receiver->wake();
        rest = rest.subspan(taken);
      }
    }
    co_return Status{};
  }

  Task<Status> end_sending() override {
    outgoing_->ended = true;
    outgoing_->wake();
    co_return Status{};
  }

  // Unread data at close is a reset for the peer, as TCP does it.
  Task<void> close() override {
    if (!incoming_->bytes.empty()) outgoing_->break_link();
    outgoing_->ended = true;
    outgoing_->wake();
    incoming_->break_link();
    co_return;
  }

  const Endpoint& peer() const override { return peer_; }
  bool is_encrypted() const override { return false; }

 private:
  size_t take(MutableBytes into) {
    size_t size_bytes = std::min(into.size(), incoming_->bytes.size());
    if (size_bytes > 1 && network_->happens(network_->options.short_receive_one_in)) {
      size_bytes = 1 + network_->random.below(size_bytes - 1);
    }
    const auto begin = incoming_->bytes.begin();
    std::copy_n(begin, size_bytes, into.begin());
    incoming_->bytes.erase(begin, begin + static_cast<ptrdiff_t>(size_bytes));
    if (incoming_->sender != nullptr) incoming_->sender->wake();
    return size_bytes;
  }
  void break_both() {
    incoming_->break_link();
    outgoing_->break_link();
  }

  std::shared_ptr<SimNetwork::State> network_;
  std::shared_ptr<Pipe> incoming_;
  std::shared_ptr<Pipe> outgoing_;
  Endpoint peer_;
};

class SimListener final : public Listener {
 public:
  SimListener(std::shared_ptr<SimNetwork::State> network, std::shared_ptr<Door> door,
              Endpoint local)
      : network_(std::move(network)), door_(std::move(door)), local_(std::move(local)) {}

  Task<Result<std::unique_ptr<Stream>>> accept(Until until) override {
    while (door_->waiting.empty()) {
      if (closed_) co_return fail(Code::kClosed, "the simulated listener is closed");
      co_await or_return(park(door_->acceptor, until));
    }
    Pending pending = std::move(door_->waiting.front());
    door_->waiting.pop_front();
    std::unique_ptr<Stream> stream =
        std::make_unique<SimStream>(network_, std::move(pending.to_server),
                                    std::move(pending.to_client), Endpoint{"127.0.0.1", 1});
    co_return stream;
  }

  Task<void> close() override {
    closed_ = true;
    network_->doors.erase(local_.port);
    if (door_->acceptor != nullptr) door_->acceptor->wake();
    co_return;
  }

  const Endpoint& local() const override { return local_; }

 private:
  std::shared_ptr<SimNetwork::State> network_;
  std::shared_ptr<Door> door_;
  Endpoint local_;
  bool closed_ = false;
};

}  // namespace

SimNetwork::SimNetwork(SimNetworkOptions options) : state_(std::make_shared<State>(options)) {}
SimNetwork::~SimNetwork() = default;

Task<Result<std::unique_ptr<Listener>>> SimNetwork::listen(Endpoint at, ListenOptions) {
  if (at.port == 0) at.port = state_->next_port++;
  if (state_->doors.contains(at.port)) {
    co_return fail(Code::kAlreadyExists, "address in use: " + at.to_string());
  }
  auto door = std::make_shared<Door>();
  state_->doors.emplace(at.port, door);
  std::unique_ptr<Listener> listener =
      std::make_unique<SimListener>(state_, std::move(door), std::move(at));
  co_return listener;
}

Task<Result<std::unique_ptr<Stream>>> SimNetwork::connect(Endpoint to, Until until) {
  co_await or_return(sleep_for(state_->delay(), until.stop));
  const auto found = state_->doors.find(to.port);
  if (state_->refused || found == state_->doors.end()) {
    co_return fail(Code::kIo, "connection refused: " + to.to_string());
  }
  auto to_server = std::make_shared<Pipe>();
  auto to_client = std::make_shared<Pipe>();
  std::erase_if(state_->pipes, [](const std::weak_ptr<Pipe>& pipe) { return pipe.expired(); });
  state_->pipes.push_back(to_server);
  state_->pipes.push_back(to_client);
  found->second->waiting.push_back({to_server, to_client});
  if (found->second->acceptor != nullptr) found->second->acceptor->wake();
  std::unique_ptr<Stream> stream = std::make_unique<SimStream>(state_, std::move(to_client),
                                                               std::move(to_server), std::move(to));
  co_return stream;
}

void SimNetwork::cut() {
  for (const std::weak_ptr<Pipe>& weak : state_->pipes) {
    if (const std::shared_ptr<Pipe> pipe = weak.lock()) pipe->break_link();
  }
}

void SimNetwork::refuse(bool refused) {
  state_->refused = refused;
}

}  // namespace cairn::io
