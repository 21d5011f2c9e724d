// Memory for cached blocks: huge-page backed arenas, locked in RAM where the system allows it and
// kept out of core dumps.
//
// Sizes are rounded up to powers of two from 4 KiB to 16 MiB (io/buddy_arena.h). Thread rule: any
// thread; one short lock. REQUIRES: outlives its buffers, which is why users share it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/buffer.h"
#include "io/buddy_arena.h"

namespace cairn::cache {

class BlockMemory final : public BufferOwner {
 public:
  // At most `capacity_bytes`, rounded up to whole arenas.
  explicit BlockMemory(uint64_t capacity_bytes);
  ~BlockMemory();
  BlockMemory(const BlockMemory&) = delete;
  BlockMemory& operator=(const BlockMemory&) = delete;

  // An empty Buffer without memory when no run of that size is free.
  Buffer try_allocate(size_t size_bytes);
  // What try_allocate() takes for `size_bytes`.
  static uint64_t allocated_bytes(size_t size_bytes);

  void release(uint8_t* data, size_t capacity_bytes) noexcept override;

  // False once the system has refused to lock memory: then it may be swapped out.
  bool is_locked() const { return locked_; }

 private:
  io::BuddyArena* arena_of(const uint8_t* data);

  const size_t arenas_max_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<io::BuddyArena>> arenas_;  // By address.
  std::atomic<bool> locked_{true};
};

}  // namespace cairn::cache
