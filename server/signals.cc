#include "server/signals.h"

#include <pthread.h>
#include <signal.h>

namespace cairn::server {
namespace {

// Ends the watching thread; no one else uses it.
constexpr int kWakeSignal = SIGUSR2;

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, kWakeSignal);
  return set;
}

}  // namespace

void SignalWatch::block() {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

SignalWatch::SignalWatch(std::function<void(int)> on_signal) : on_signal_(std::move(on_signal)) {
  thread_ = std::thread([this] {
    const sigset_t set = watched_signals();
    for (;;) {
      int caught = 0;
      if (sigwait(&set, &caught) != 0) continue;
      if (caught == kWakeSignal) return;
      on_signal_(caught);
    }
  });
}

SignalWatch::~SignalWatch() {
  pthread_kill(thread_.native_handle(), kWakeSignal);
  thread_.join();
}

}  // namespace cairn::server
