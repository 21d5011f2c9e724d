#include "io/sim_time.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/log.h"
#include "io/backend.h"

namespace cairn::io {
namespace {

// How long, in real time, a loop with nothing to do waits for a message of another thread before it
// is called a deadlock.
constexpr int kForeignMessageWaitMs = 30000;

class SimBackend final : public Backend {
 public:
  SimBackend(SimClock& clock, Mailbox& mailbox) : clock_(clock), mailbox_(mailbox) {}

  BackendKind kind() const override { return BackendKind::kSimulated; }
  void add_socket(int) override {}
  void remove_socket(int) override {}
  int socket_flags() const override { return 0; }

  bool start(Operation& operation) override {
    operation.result = -ENOSYS;  // A real descriptor on a simulated reactor.
    return true;
  }
  void cancel(Operation&) override {}

  void turn(Duration wait) override {
    if (wait != kForever) {
      clock_.advance(wait);
      return;
    }
    // Only another thread (the blocking pool) can make something happen now.
    pollfd wake{.fd = mailbox_.wake_fd(), .events = POLLIN, .revents = 0};
    if (::poll(&wake, 1, kForeignMessageWaitMs) == 1) {
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t got = ::read(mailbox_.wake_fd(), &count, sizeof(count));
      return;
    }
    log::error("simulation_deadlock", {{"reason", "no task is ready and no timer is set"}});
    std::abort();
  }

 private:
  SimClock& clock_;
  Mailbox& mailbox_;
};

}  // namespace

Result<std::unique_ptr<Reactor>> create_simulated_reactor(SimClock& clock, uint64_t pool_bytes) {
  ReactorOptions options;
  options.clock = &clock;
  options.pool_bytes = pool_bytes;
  return Reactor::create_with(
      std::move(options), [&clock](const BackendParts& parts) -> Result<std::unique_ptr<Backend>> {
        return std::make_unique<SimBackend>(clock, parts.mailbox);
      });
}

}  // namespace cairn::io
