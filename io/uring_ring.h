// One io_uring instance: set-up with the flags this kernel knows, and tear-down.
#pragma once

#include <liburing.h>

#include "io/probe.h"

namespace cairn::io {

class UringRing {
 public:
  UringRing() = default;
  ~UringRing();
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;

  // 0 or an errno value. The ring starts disabled, so that the thread that enables it becomes the
  // submitter.
  int open(unsigned entries, const UringFeatures& features);
  // Ties the ring to this thread and starts it. 0 or an errno value.
  int enable();
  bool supports_buffer_rings();

  io_uring& get() { return ring_; }

 private:
  io_uring ring_{};
  bool open_ = false;
};

}  // namespace cairn::io
