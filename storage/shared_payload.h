// SharedPayload: the bytes of one chunk for several stores, without a copy.
//
// Thread rule: one reactor; stores pad the last block in place, all with the same zeros. The memory
// is given back, on any thread, with the last buffer.
#pragma once

#include <atomic>
#include <utility>

#include "storage/chunk_store.h"

namespace cairn::storage {

class SharedPayload {
 public:
  explicit SharedPayload(SealedChunk chunk)
      : header_(std::move(chunk.header)), keeper_(new Keeper(std::move(chunk.payload))) {}
  SharedPayload(const SharedPayload&) = delete;
  SharedPayload& operator=(const SharedPayload&) = delete;
  ~SharedPayload() { keeper_->end_use(); }

  uint64_t size_bytes() const { return keeper_->whole.size(); }
  SealedChunk chunk() const {
    if (keeper_->whole.empty()) return {header_, Buffer()};
    ++keeper_->uses_count;
    Buffer buffer = Buffer::adopt(keeper_->whole.data(), keeper_->whole.capacity(), *keeper_);
    buffer.resize(keeper_->whole.size());
    return {header_, std::move(buffer)};
  }

 private:
  struct Keeper final : BufferOwner {
    explicit Keeper(Buffer bytes) : whole(std::move(bytes)) {}
    void release(uint8_t* /*data*/, size_t /*capacity_bytes*/) noexcept override { end_use(); }
    void end_use() {
      if (--uses_count == 0) delete this;
    }
    Buffer whole;
    std::atomic<uint64_t> uses_count{1};
  };
  const Bytes header_;
  Keeper* const keeper_;
};

}  // namespace cairn::storage
