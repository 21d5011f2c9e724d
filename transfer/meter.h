// Counts what a command has moved, from any core, and tells an observer ten times a second.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "io/scope.h"
#include "io/task.h"
#include "transfer/progress.h"

namespace cairn::transfer {

// Thread rule: add_*() on any thread; the rest on the reactor that made it.
// REQUIRES: stop() has been awaited before destruction when start() was called.
class Meter {
 public:
  // `observer` may be null; it outlives the meter.
  explicit Meter(ProgressObserver* observer = nullptr) : observer_(observer) {}
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  void start();
  io::Task<void> stop();  // Tells the observer once more.

  void add_total(uint64_t bytes, uint64_t files) {
    bytes_total_ += bytes;
    files_total_ += files;
  }
  void add_done(uint64_t bytes) { bytes_done_ += bytes; }
  // What was done turned out to be of no use.
  void take_back_done(uint64_t bytes) { bytes_done_ -= bytes; }
  void add_file_done() { ++files_done_; }
  void add_sent(uint64_t bytes) { bytes_sent_ += bytes; }
  void add_instant(uint64_t bytes) { bytes_instant_ += bytes; }
  void add_resumed(uint64_t bytes) { bytes_resumed_ += bytes; }
  void add_deduplicated(uint64_t bytes) { bytes_deduplicated_ += bytes; }
  Progress read() const;

 private:
  io::Task<void> tell();

  ProgressObserver* const observer_;
  std::atomic<uint64_t> bytes_total_{0};
  std::atomic<uint64_t> bytes_done_{0};
  std::atomic<uint64_t> bytes_sent_{0};
  std::atomic<uint64_t> bytes_instant_{0};
  std::atomic<uint64_t> bytes_resumed_{0};
  std::atomic<uint64_t> bytes_deduplicated_{0};
  std::atomic<uint64_t> files_total_{0};
  std::atomic<uint64_t> files_done_{0};
  io::Scope teller_;
};

}  // namespace cairn::transfer
