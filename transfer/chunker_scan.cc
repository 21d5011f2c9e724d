#include "transfer/chunker_scan.h"

#include <utility>

namespace cairn::transfer::detail {
namespace {

// A block is as long as the window of stage 1. Inside a block the hash is kept divided by a power
// of three, d(i) = 3^-j h(i) for the j-th byte, so that a step is d ^= enter[j][b[i]] ^
// leave[j][b[i-16]]: no look-up depends on another one. Zero stays zero under the division.
constexpr size_t kBlockBytes = kStageWindowBytes;
using ByteMap = std::array<uint8_t, 256>;

struct RollingTables {
  std::array<ByteMap, kBlockBytes> enter;  // 3^-j S(b)
  std::array<ByteMap, kBlockBytes> leave;  // 3^(16-j) S(b)
  ByteMap step;                            // 3 b
  ByteMap renew;  // 3^16 b: from d after the last byte to h of the next block
};

constexpr RollingTables make_tables() {
  constexpr unsigned kOrder = 255;
  RollingTables tables{};
  for (unsigned j = 0; j < kBlockBytes; ++j) {
    const uint8_t enter = power_of_three(kOrder - j);
    const uint8_t leave = power_of_three(kBlockBytes - j);
    for (unsigned byte = 0; byte < 256; ++byte) {
      const uint8_t value = substitute(static_cast<uint8_t>(byte));
      tables.enter[j][byte] = field_product(value, enter);
      tables.leave[j][byte] = field_product(value, leave);
    }
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<uint8_t>(byte);
    tables.step[byte] = field_product(value, 3);
    tables.renew[byte] = field_product(value, power_of_three(kBlockBytes));
  }
  return tables;
}
constexpr RollingTables kTables = make_tables();

// h at *last, from the sixteen bytes that end there.
uint8_t stage_hash(const uint8_t* last) {
  uint8_t hash = 0;
  for (const uint8_t* at = last - (kStageWindowBytes - 1); at <= last; ++at) {
    hash = static_cast<uint8_t>(kTables.step[hash] ^ kTables.enter[0][*at]);
  }
  return hash;
}

// The rest of the test once h(last) == 0.
bool accepted(const uint8_t* last, uint64_t mask) {
  const uint8_t second = stage_hash(last - kStageWindowBytes);
  return (second & kSecondMask) == kSecondValue && (window_hash(last) & mask) == 0;
}

// One byte; adds its bit to the set of bytes with h == 0.
template <size_t kIndex>
__attribute__((always_inline)) inline void advance(uint32_t& divided, uint32_t& zeros,
                                                   uint64_t entering, uint64_t leaving) {
  constexpr unsigned kShift = 8 * (kIndex % 8);
  divided ^= static_cast<uint32_t>(kTables.enter[kIndex][(entering >> kShift) & 0xff] ^
                                   kTables.leave[kIndex][(leaving >> kShift) & 0xff]);
  if (divided == 0) [[unlikely]]
    zeros |= 1U << kIndex;
}

// The bytes of a block with h == 0, as bits; `divided` is renewed for the next block.
template <size_t... kIndex>
__attribute__((always_inline)) inline uint32_t scan_block(uint32_t& divided, const uint8_t* at,
                                                          std::index_sequence<kIndex...>) {
  uint32_t zeros = 0;
  const std::array<uint64_t, 2> entering = {load_le<uint64_t>(at), load_le<uint64_t>(at + 8)};
  const std::array<uint64_t, 2> leaving = {load_le<uint64_t>(at - 16), load_le<uint64_t>(at - 8)};
  (advance<kIndex>(divided, zeros, entering[kIndex / 8], leaving[kIndex / 8]), ...);
  divided = kTables.renew[divided];
  return zeros;
}

}  // namespace

size_t find_portable(const uint8_t* data, size_t from, size_t to, uint64_t mask) {
  if (from >= to) return to;
  size_t i = from;
  // d before the first byte is 3 h(i-1), since d of the first byte is h itself.
  uint32_t divided = kTables.step[stage_hash(data + i - 1)];
  for (; i + kBlockBytes <= to; i += kBlockBytes) {
    uint32_t zeros = scan_block(divided, data + i, std::make_index_sequence<kBlockBytes>());
    for (; zeros != 0; zeros &= zeros - 1) {
      const size_t position = i + static_cast<size_t>(std::countr_zero(zeros));
      if (accepted(data + position, mask)) return position;
    }
  }
  for (; i < to; ++i) {
    if (stage_hash(data + i) == 0 && accepted(data + i, mask)) return i;
  }
  return to;
}

}  // namespace cairn::transfer::detail
