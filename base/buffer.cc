#include "base/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/assert.h"
#include "base/units.h"

namespace cairn {

Buffer Buffer::allocate(size_t capacity_bytes) {
  const size_t rounded = round_up(std::max<size_t>(capacity_bytes, 1), kIoAlignment);
  void* memory = std::aligned_alloc(kIoAlignment, rounded);
  ASSERT(memory != nullptr);
  Buffer buffer;
  buffer.data_ = static_cast<uint8_t*>(memory);
  buffer.capacity_bytes_ = rounded;
  return buffer;
}

Buffer Buffer::copy_of(BytesView bytes) {
  Buffer buffer = allocate(bytes.size());
  buffer.append(bytes);
  return buffer;
}

Buffer Buffer::adopt(uint8_t* data, size_t capacity_bytes, BufferOwner& owner) {
  Buffer buffer;
  buffer.data_ = data;
  buffer.capacity_bytes_ = capacity_bytes;
  buffer.owner_ = &owner;
  return buffer;
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  if (owner_ != nullptr) {
    owner_->release(data_, capacity_bytes_);
  } else {
    std::free(data_);
  }
}

void Buffer::resize(size_t size_bytes) {
  ASSERT(size_bytes <= capacity_bytes_);
  size_bytes_ = size_bytes;
}

BytesView Buffer::view(size_t offset_bytes, size_t size_bytes) const {
  ASSERT(offset_bytes <= size_bytes_ && size_bytes <= size_bytes_ - offset_bytes);
  return {data_ + offset_bytes, size_bytes};
}

size_t Buffer::append(BytesView bytes) {
  const size_t taken = std::min(bytes.size(), capacity_bytes_ - size_bytes_);
  if (taken != 0) std::memcpy(data_ + size_bytes_, bytes.data(), taken);
  size_bytes_ += taken;
  return taken;
}

namespace {

// Keeps the memory of a buffer whose front was cut off.
class RearPart final : public BufferOwner {
 public:
  explicit RearPart(Buffer whole) : whole_(std::move(whole)) {}
  uint8_t* data() { return whole_.data(); }
  void release(uint8_t*, size_t) noexcept override { delete this; }

 private:
  Buffer whole_;
};

}  // namespace

Buffer Buffer::without_front(Buffer whole, size_t front_bytes) {
  ASSERT(front_bytes <= whole.size());
  if (front_bytes == 0) return whole;
  const size_t size = whole.size() - front_bytes;
  if (front_bytes % kIoAlignment != 0) {
    std::memmove(whole.data(), whole.data() + front_bytes, size);
    whole.resize(size);
    return whole;
  }
  const size_t capacity = whole.capacity() - front_bytes;
  auto* const part = new RearPart(std::move(whole));
  Buffer rear = adopt(part->data() + front_bytes, capacity, *part);
  rear.resize(size);
  return rear;
}

}  // namespace cairn
