// The windowed hash of the chunker and the search for its candidates.
//
// Stage 1, per byte, vectorised. S is a bijection of bytes made of two 4-bit S-boxes; products are
// in GF(2^8) modulo x^8+x^4+x^3+x+1, whose element 3 has order 255:
//     h(i) = sum over k < 16 of 3^k * S(b[i-k])
// A byte i is a candidate when h(i) == 0 and (h(i-16) & kSecondMask) == kSecondValue: 14 bits of a
// window of 32 bytes. The second value is not zero, so data whose period divides 16 (runs of one
// byte, arrays of equal words) never has a candidate.
// Doubling makes h from S in four steps: h2(i) = S(i) + 3 S(i-1), h4(i) = h2(i) + 9 h2(i-2) and so
// on (powers in the field), which is a few byte shuffles per vector (after the two-window GFNI hash
// of our measurements; pshufb nibble products as in Plank et al., FAST'13).
//
// Stage 2, per candidate: a multilinear 64-bit hash of the window of 64 bytes that ends at i.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace cairn::transfer::detail {

inline constexpr size_t kWindowBytes = 64;
inline constexpr size_t kStageWindowBytes = 16;
inline constexpr uint8_t kSecondMask = 0x3f;
inline constexpr uint8_t kSecondValue = 0x2a;

// The S-box of PRESENT (Bogdanov et al. 2007) for the low nibble and its inverse for the high one.
inline constexpr std::array<uint8_t, 16> kLowBox = {0xc, 0x5, 0x6, 0xb, 0x9, 0x0, 0xa, 0xd,
                                                    0x3, 0xe, 0xf, 0x8, 0x4, 0x7, 0x1, 0x2};
inline constexpr std::array<uint8_t, 16> kHighBox = {
    0x50, 0xe0, 0xf0, 0x80, 0xc0, 0x10, 0x20, 0xd0, 0xb0, 0x40, 0x60, 0x30, 0x00, 0x70, 0x90, 0xa0};

constexpr uint8_t field_product(uint8_t a, uint8_t b) {
  unsigned product = 0;
  unsigned shifted = a;
  for (unsigned bit = 0; bit < 8; ++bit) {
    if ((b >> bit) & 1) product ^= shifted;
    shifted = (shifted << 1) ^ ((shifted & 0x80) != 0 ? 0x11bU : 0U);
  }
  return static_cast<uint8_t>(product);
}
constexpr uint8_t power_of_three(unsigned exponent) {
  uint8_t power = 1;
  for (unsigned i = 0; i < exponent; ++i) power = field_product(power, 3);
  return power;
}
constexpr uint8_t substitute(uint8_t byte) {
  return static_cast<uint8_t>(kLowBox[byte & 15] ^ kHighBox[byte >> 4]);
}

// Stage 2 of the window that ends at *last (kWindowBytes - 1 bytes before it are readable).
inline uint64_t window_hash(const uint8_t* last) {
  constexpr std::array<uint64_t, 8> kFactors = {
      0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93,
      0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3, 0x589965cc75374cc3};
  const uint8_t* first = last - (kWindowBytes - 1);
  uint64_t sum = 0;
  for (size_t i = 0; i < kFactors.size(); ++i) {
    const auto word = load_le<uint64_t>(first + 8 * i);
    sum += (word ^ std::rotl(word, 29)) * kFactors[i];
  }
  sum ^= sum >> 31;
  sum *= 0xd6e8feb86659fd93;
  return sum ^ (sum >> 32);
}

// First i in [from, to) that is a candidate and whose window hash has no bit of `mask` set; `to`
// when there is none. REQUIRES: data[from - 63, to) is readable.
size_t find_portable(const uint8_t* data, size_t from, size_t to, uint64_t mask);
#if defined(__x86_64__)
size_t find_avx2(const uint8_t* data, size_t from, size_t to, uint64_t mask);
size_t find_avx512(const uint8_t* data, size_t from, size_t to, uint64_t mask);
#endif

}  // namespace cairn::transfer::detail
