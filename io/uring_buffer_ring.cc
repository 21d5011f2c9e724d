#include "io/uring_buffer_ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "io/stream.h"

namespace cairn::io {

UringBufferRing::~UringBufferRing() {
  ASSERT(memory_ == nullptr);
}

bool UringBufferRing::open(io_uring& ring) {
  if (memory_ != nullptr || refused_) return memory_ != nullptr;
  refused_ = true;
  const uint64_t fitting = pool_.cap_bytes() / kPoolShare / kSmallBufferBytes;
  entries_ = std::bit_floor(
      static_cast<unsigned>(std::clamp<uint64_t>(fitting, kEntriesMin, kEntriesMax)));
  memory_bytes_ = entries_ * sizeof(io_uring_buf);
  void* const memory =
      ::mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uintptr_t>(memory);
  registration.ring_entries = entries_;
  registration.bgid = kGroup;
  if (::io_uring_register_buf_ring(&ring, &registration, 0) != 0) {
    ::munmap(memory, memory_bytes_);
    return false;
  }
  refused_ = false;
  memory_ = static_cast<io_uring_buf_ring*>(memory);
  ::io_uring_buf_ring_init(memory_);
  lent_.resize(entries_);
  for (unsigned id = entries_; id != 0; --id) missing_.push_back(static_cast<uint16_t>(id - 1));
  refill();
  return true;
}

void UringBufferRing::close(io_uring& ring) {
  if (memory_ == nullptr) return;
  ::io_uring_unregister_buf_ring(&ring, kGroup);
  ::munmap(memory_, memory_bytes_);
  memory_ = nullptr;
  for (Buffer& buffer : lent_) {
    if (buffer.data() != nullptr) pool_.add_standby(-static_cast<int64_t>(buffer.capacity()));
    buffer = Buffer();
  }
}

void UringBufferRing::lend(uint16_t id, Buffer buffer) {
  pool_.add_standby(static_cast<int64_t>(buffer.capacity()));
  lent_[id] = std::move(buffer);
  give_back(id);
}

void UringBufferRing::give_back(uint16_t id) {
  Buffer& buffer = lent_[id];
  ::io_uring_buf_ring_add(memory_, buffer.data(), static_cast<unsigned>(buffer.capacity()), id,
                          ::io_uring_buf_ring_mask(entries_), 0);
  ::io_uring_buf_ring_advance(memory_, 1);
}

Buffer UringBufferRing::take(uint16_t id, size_t size_bytes) {
  Buffer taken = std::move(lent_[id]);
  taken.resize(size_bytes);
  pool_.add_standby(-static_cast<int64_t>(taken.capacity()));
  missing_.push_back(id);
  refill();
  return taken;
}

void UringBufferRing::refill() {
  while (!missing_.empty()) {
    Result<Buffer> fresh = pool_.try_acquire(kSmallBufferBytes);
    if (!fresh) return;
    const uint16_t id = missing_.back();
    missing_.pop_back();
    lend(id, std::move(*fresh));
  }
}

}  // namespace cairn::io
