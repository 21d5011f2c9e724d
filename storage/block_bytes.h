// Fixed-size values inside the blocks that are written to disk.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace cairn::storage {

// REQUIRES of both: the value lies within `block`.
template <size_t kSize>
void put_bytes(MutableBytes block, size_t offset, const std::array<uint8_t, kSize>& value) {
  std::copy(value.begin(), value.end(), block.begin() + static_cast<ptrdiff_t>(offset));
}
template <size_t kSize>
std::array<uint8_t, kSize> take_bytes(BytesView block, size_t offset) {
  std::array<uint8_t, kSize> value;
  std::copy_n(block.begin() + static_cast<ptrdiff_t>(offset), kSize, value.begin());
  return value;
}

}  // namespace cairn::storage
