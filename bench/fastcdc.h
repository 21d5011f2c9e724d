// FastCDC with normalised chunking level 2 (Xia et al., USENIX ATC 2016), gear hash of 64 bits: the
// yardstick for transfer/chunker.h in speed and dedup ratio. Not part of the product.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace cairn::bench {

class FastCdc {
 public:
  // `bits` = log2 of the target size.
  FastCdc(size_t least, size_t target, size_t most, unsigned bits)
      : least_(least),
        target_(target),
        most_(most),
        mask_before_(spread_mask(bits + 2)),
        mask_after_(spread_mask(bits - 2)) {
    uint64_t state = 0x2545f4914f6cdd1d;
    for (uint64_t& word : gear_) {
      state += 0x9e3779b97f4a7c15;
      uint64_t mixed = state;
      mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
      word = mixed ^ (mixed >> 31);
    }
  }

  // Size of the first chunk of `bytes`.
  size_t next(BytesView bytes) const {
    const size_t size = std::min(bytes.size(), most_);
    if (size <= least_) return size;
    const size_t middle = std::min(size, target_);
    const uint8_t* data = bytes.data();
    uint64_t hash = 0;
    size_t i = least_;
    for (; i < middle; ++i) {
      hash = (hash << 1) + gear_[data[i]];
      if ((hash & mask_before_) == 0) return i + 1;
    }
    for (; i < size; ++i) {
      hash = (hash << 1) + gear_[data[i]];
      if ((hash & mask_after_) == 0) return i + 1;
    }
    return size;
  }

 private:
  // Bits spread over the upper 48, so that the window is 48 to 64 bytes.
  static uint64_t spread_mask(unsigned bits) {
    uint64_t mask = 0;
    for (unsigned i = 0; i < bits; ++i) mask |= uint64_t{1} << (63 - i * 47 / bits);
    return mask;
  }

  size_t least_;
  size_t target_;
  size_t most_;
  uint64_t mask_before_;
  uint64_t mask_after_;
  std::array<uint64_t, 256> gear_;
};

}  // namespace cairn::bench
