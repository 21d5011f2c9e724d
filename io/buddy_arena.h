// The memory under a BufferPool: a binary buddy allocator over one huge-page backed mapping.
//
// Owns the mapping; its bookkeeping lives outside the memory it hands out. Thread rule: the owner's
// thread. Invariant: two free buddies of one order are always merged.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/units.h"

namespace cairn::io {

class BuddyArena {
 public:
  static constexpr size_t kSizeBytes = 16 * MiB;
  static constexpr size_t kBlockBytes = 4 * KiB;
  static constexpr int kOrdersCount = 13;  // 4 KiB << 0 .. 12.
  static_assert((kBlockBytes << (kOrdersCount - 1)) == kSizeBytes);

  // Null when the kernel gives no address space.
  static std::unique_ptr<BuddyArena> create();
  ~BuddyArena();
  BuddyArena(const BuddyArena&) = delete;
  BuddyArena& operator=(const BuddyArena&) = delete;

  // kBlockBytes << order bytes, or null when no such run is free.
  uint8_t* allocate(int order);
  void free(uint8_t* data, int order);
  bool owns(const uint8_t* data) const { return data >= base_ && data < base_ + kSizeBytes; }
  const uint8_t* base() const { return base_; }

 private:
  static constexpr size_t kBlocksCount = kSizeBytes / kBlockBytes;
  static constexpr uint16_t kNone = 0xFFFF;
  static_assert(kBlocksCount < kNone);
  static constexpr uint8_t kNotFree = 0xFF;

  explicit BuddyArena(uint8_t* base);
  void push(size_t block, int order);
  void unlink(size_t block, int order);

  uint8_t* const base_;
  std::array<uint16_t, kOrdersCount> heads_;
  // Of the first block of each free run: its order and its neighbours in that order's list.
  std::array<uint8_t, kBlocksCount> free_order_;
  std::array<uint16_t, kBlocksCount> next_;
  std::array<uint16_t, kBlocksCount> previous_;
};

}  // namespace cairn::io
