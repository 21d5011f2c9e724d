// Spreads numbers over 64 bits: the steps of splitmix64 (Steele et al. 2014).
#pragma once

#include <cstdint>

namespace cairn::cachesim {

inline constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;

constexpr uint64_t mix_bits(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}
// The same for numbers that may be 0.
constexpr uint64_t hash(uint64_t value) {
  return mix_bits(value + kGolden);
}

}  // namespace cairn::cachesim
