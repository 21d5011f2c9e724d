// Pool buffers lent to the kernel: it picks one when a receive has data (a "provided buffer ring",
// Linux 5.19). Set up with the first such receive; bounded by kEntriesMax and by the pool's cap.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "io/buffer_pool.h"

namespace cairn::io {

class UringBufferRing {
 public:
  static constexpr uint16_t kGroup = 0;

  explicit UringBufferRing(BufferPool& pool) : pool_(pool) {}
  ~UringBufferRing();
  UringBufferRing(const UringBufferRing&) = delete;
  UringBufferRing& operator=(const UringBufferRing&) = delete;

  // False when the kernel refuses it; then it is never tried again.
  bool open(io_uring& ring);
  bool is_open() const { return memory_ != nullptr; }
  // Ends the kernel's use. REQUIRES: no receive that uses it is in flight.
  void close(io_uring& ring);

  // Takes the buffer that the kernel filled with `size_bytes`, and lends a fresh one in its place.
  Buffer take(uint16_t id, size_t size_bytes);
  // Lends the same buffer again: the kernel picked it and had nothing to put in.
  void give_back(uint16_t id);
  // Lends buffers in the places that the pool could not fill before.
  void refill();

 private:
  static constexpr unsigned kEntriesMax = 256;
  static constexpr unsigned kEntriesMin = 8;
  static constexpr uint64_t kPoolShare = 16;  // At most this part of the pool's cap.

  void lend(uint16_t id, Buffer buffer);

  BufferPool& pool_;
  io_uring_buf_ring* memory_ = nullptr;
  size_t memory_bytes_ = 0;
  unsigned entries_ = 0;
  bool refused_ = false;
  std::vector<Buffer> lent_;       // By id.
  std::vector<uint16_t> missing_;  // Ids without a buffer.
};

}  // namespace cairn::io
