// Units of size and the ranges made of them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn {

inline constexpr uint64_t KiB = 1024;
inline constexpr uint64_t MiB = 1024 * KiB;
inline constexpr uint64_t GiB = 1024 * MiB;
inline constexpr uint64_t TiB = 1024 * GiB;

// A run of bytes.
struct ByteRange {
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;

  constexpr uint64_t end_bytes() const { return offset_bytes + size_bytes; }
  // True when this range lies inside [0, total_bytes), overflow included.
  constexpr bool inside(uint64_t total_bytes) const {
    return offset_bytes <= total_bytes && size_bytes <= total_bytes - offset_bytes;
  }
  friend constexpr bool operator==(const ByteRange&, const ByteRange&) = default;
};

// Rounds up or down to a power-of-two alignment.
constexpr uint64_t round_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}
constexpr uint64_t round_down(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}

}  // namespace cairn
