// Owned, aligned memory for I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/bytes.h"

namespace cairn {

// O_DIRECT wants memory, offset and length aligned to the logical block; 4 KiB covers every device.
inline constexpr size_t kIoAlignment = 4096;

// Where a Buffer's memory goes when the Buffer dies: the heap or a pool. Thread rule: release() may
// be called on any thread.
class BufferOwner {
 public:
  virtual void release(uint8_t* data, size_t capacity_bytes) noexcept = 0;

 protected:
  ~BufferOwner() = default;
};

// A move-only run of bytes, aligned to kIoAlignment. `size` is what is filled, `capacity` what
// there is. Memory is not zeroed. Not thread-safe; may be moved between threads.
class Buffer {
 public:
  Buffer() = default;
  // Allocates on the heap. Terminates when memory is out: bounded callers use io::BufferPool.
  static Buffer allocate(size_t capacity_bytes);
  static Buffer copy_of(BytesView bytes);
  // Adopts memory that `owner` takes back; `owner` outlives the buffer.
  static Buffer adopt(uint8_t* data, size_t capacity_bytes, BufferOwner& owner);
  // `whole` without its first bytes, still aligned: multiples of kIoAlignment are cut off in place,
  // for any other number the rest is moved to the front. REQUIRES: front_bytes <= whole.size().
  static Buffer without_front(Buffer whole, size_t front_bytes);

  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer moved(std::move(other));
    swap(moved);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_bytes_; }
  size_t capacity() const { return capacity_bytes_; }
  bool empty() const { return size_bytes_ == 0; }
  // REQUIRES: size_bytes <= capacity().
  void resize(size_t size_bytes);

  BytesView view() const { return {data_, size_bytes_}; }
  BytesView view(size_t offset_bytes, size_t size_bytes) const;
  MutableBytes span() { return {data_, size_bytes_}; }
  // The unfilled rest, between size() and capacity().
  MutableBytes spare() { return {data_ + size_bytes_, capacity_bytes_ - size_bytes_}; }
  // Appends as much of `bytes` as fits and returns how many bytes that was.
  size_t append(BytesView bytes);

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_bytes_, other.size_bytes_);
    std::swap(capacity_bytes_, other.capacity_bytes_);
    std::swap(owner_, other.owner_);
  }

  uint8_t* data_ = nullptr;
  size_t size_bytes_ = 0;
  size_t capacity_bytes_ = 0;
  BufferOwner* owner_ = nullptr;  // Null with data_ set means the heap.
};

}  // namespace cairn
