// How far a transfer is, told to whoever watches.
#pragma once

#include <cstdint>

namespace cairn::transfer {

// Sums over all files of one command. bytes_done counts every byte that is where it belongs,
// however it came there; the three kinds of saving are part of it.
struct Progress {
  uint64_t bytes_total = 0;  // 0 = not known yet.
  uint64_t bytes_done = 0;
  uint64_t bytes_sent = 0;          // Over the network, either way.
  uint64_t bytes_instant = 0;       // Not sent: the other side has the whole body.
  uint64_t bytes_resumed = 0;       // Not sent again: an earlier run did it.
  uint64_t bytes_deduplicated = 0;  // Not sent: the other side has these pieces.
  uint64_t files_total = 0;
  uint64_t files_done = 0;
};

// Called on the reactor that runs the transfer, at least once at its end. Must not wait.
class ProgressObserver {
 public:
  virtual ~ProgressObserver() = default;
  virtual void on_progress(const Progress& progress) = 0;
};

}  // namespace cairn::transfer
