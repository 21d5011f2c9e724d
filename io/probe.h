// What this kernel (and its seccomp filter) lets us use, found out by trying.
//
// io_uring is used when a ring can be set up, carries a request and back, and knows the operations
// we need (Linux 5.11); newer features are used one by one where they are. Otherwise epoll.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/reactor.h"

namespace cairn::io {

struct UringFeatures {
  // Completions run when we ask for them, on the one submitting thread (6.1), or at least without
  // interrupting us (COOP_TASKRUN, 5.19).
  bool defer_taskrun = false;
  bool coop_taskrun = false;
  // Buffers bound to a receive only when data is there; and with the same release (5.19):
  // multishot accept, POLL_FIRST, retried MSG_WAITALL.
  bool buffer_ring = false;

  std::string to_string() const;
};

// Fails with kUnsupported and a sentence that says which call was refused.
Result<UringFeatures> probe_uring();

// The backend for `forced`, else for the environment's CAIRN_IO=epoll|io_uring, else the best one.
// Logs once per process what is used and why. Fails with kUnsupported when a forced backend is not
// to be had and kInvalidArgument for another value of CAIRN_IO.
Result<BackendFactory> choose_backend(std::optional<BackendKind> forced);

}  // namespace cairn::io
