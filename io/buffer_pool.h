// Bounded I/O memory of one reactor.
#pragma once

#include <cstdint>
#include <memory>

#include "base/buffer.h"
#include "base/result.h"
#include "io/task.h"
#include "io/until.h"

namespace cairn::io {

// Aligned buffers in power-of-two classes from 4 KiB to 16 MiB out of huge-page backed memory,
// never more than the cap in all. Used on one reactor; a Buffer may be released on any thread.
class BufferPool {
 public:
  explicit BufferPool(uint64_t cap_bytes);
  ~BufferPool();  // REQUIRES: every buffer has been returned.
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // A buffer with capacity >= `capacity_bytes` and size 0. Waits in arrival order while the cap is
  // reached: this is the backpressure of the data path. kInvalidArgument above 16 MiB.
  Task<Result<Buffer>> acquire(size_t capacity_bytes, Until until);
  // The same without waiting: kResourceExhausted when the cap is reached.
  Result<Buffer> try_acquire(size_t capacity_bytes);

  uint64_t cap_bytes() const;
  // Bytes in the hands of users, by class size. The backend's standby buffers are not among them.
  uint64_t used_bytes() const;

  // For backends: buffers lent to the kernel for data that may come count against the cap and not
  // as used. `change_bytes` is positive when they are lent.
  void add_standby(int64_t change_bytes);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cairn::io
