// SIGTERM and SIGINT as calls of a function, on a thread of their own.
#pragma once

#include <functional>
#include <thread>

namespace cairn::server {

// REQUIRES: block() was called before any other thread was started: threads inherit it, and only
// this object's thread takes the signals.
class SignalWatch {
 public:
  // Blocks the watched signals in the calling thread, and ignores SIGPIPE: a peer that goes away is
  // an error of the write.
  static void block();
  // `on_signal` runs on the watching thread, once per signal.
  explicit SignalWatch(std::function<void(int signal)> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  std::function<void(int)> on_signal_;
  std::thread thread_;
};

}  // namespace cairn::server
