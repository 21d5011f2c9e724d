// Walks a list of byte runs as windows of iovecs, across short writes.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "base/assert.h"
#include "base/bytes.h"

namespace cairn::io {

// Refers to the caller's list and memory.
class IoPieces {
 public:
  static constexpr size_t kWindowMax = 32;

  explicit IoPieces(std::span<const BytesView> pieces) : pieces_(pieces) { skip_empty(); }

  bool empty() const { return pieces_.empty(); }
  // The next pieces, the first without what was consumed of it.
  std::span<const iovec> window(std::array<iovec, kWindowMax>& storage) const {
    const size_t count = std::min(pieces_.size(), kWindowMax);
    for (size_t i = 0; i < count; ++i) {
      const size_t skip = i == 0 ? consumed_ : 0;
      storage[i] = {const_cast<uint8_t*>(pieces_[i].data()) + skip, pieces_[i].size() - skip};
    }
    return {storage.data(), count};
  }
  // Whether there are pieces behind the first `count`.
  bool beyond(size_t count) const { return pieces_.size() > count; }
  // REQUIRES: no more than the window held.
  void consume(size_t size_bytes) {
    while (size_bytes != 0) {
      ASSERT(!pieces_.empty());
      const size_t left = pieces_.front().size() - consumed_;
      const size_t taken = std::min(left, size_bytes);
      consumed_ += taken;
      size_bytes -= taken;
      if (taken == left) next_piece();
    }
    skip_empty();
  }

 private:
  void next_piece() {
    pieces_ = pieces_.subspan(1);
    consumed_ = 0;
  }
  void skip_empty() {
    while (!pieces_.empty() && pieces_.front().size() == consumed_) next_piece();
  }

  std::span<const BytesView> pieces_;
  size_t consumed_ = 0;  // Of the first piece.
};

}  // namespace cairn::io
