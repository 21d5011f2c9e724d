// A cached block's plaintext: immutable once published, shared by the tier and by whoever sends it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "base/buffer.h"
#include "cache/block_memory.h"

namespace cairn::cache {

// Thread rule: written by its one reader of the store until it is published, then read by any.
class RamBlock {
 public:
  // `memory` is where `bytes` came from; null for memory of the heap.
  RamBlock(Buffer bytes, std::shared_ptr<BlockMemory> memory)
      : memory_(std::move(memory)), bytes_(std::move(bytes)) {}
  RamBlock(const RamBlock&) = delete;
  RamBlock& operator=(const RamBlock&) = delete;

  MutableBytes span() { return bytes_.span(); }
  size_t size_bytes() const { return bytes_.size(); }
  // What it takes of the tier.
  uint64_t allocated_bytes() const { return bytes_.capacity(); }
  bool is_of_tier() const { return memory_ != nullptr; }

  // The bytes [offset, offset + size) of `block` as a Buffer that keeps the block: nothing is
  // copied, and nothing may be written.
  static Buffer view(std::shared_ptr<RamBlock> block, size_t offset_bytes, size_t size_bytes) {
    ASSERT(offset_bytes <= block->size_bytes() && size_bytes <= block->size_bytes() - offset_bytes);
    uint8_t* const data = block->bytes_.data() + offset_bytes;
    Buffer view = Buffer::adopt(data, size_bytes, *new View(std::move(block)));
    view.resize(size_bytes);
    return view;
  }

 private:
  class View final : public BufferOwner {
   public:
    explicit View(std::shared_ptr<RamBlock> block) : block_(std::move(block)) {}
    void release(uint8_t*, size_t) noexcept override { delete this; }

   private:
    std::shared_ptr<RamBlock> block_;
  };

  const std::shared_ptr<BlockMemory> memory_;  // Outlives bytes_.
  Buffer bytes_;
};
using RamBlockPointer = std::shared_ptr<RamBlock>;

}  // namespace cairn::cache
