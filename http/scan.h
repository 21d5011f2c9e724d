// Finds the first byte that may not stand in a token, a field value or a request target.
//
// 16 bytes per step with SSSE3 (part of x86-64-v2), byte by byte elsewhere; same results. Reads
// nothing outside [begin, end).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#if defined(__SSSE3__)
#include <immintrin.h>
#endif

namespace cairn::http::detail {

// Classes of bytes as one bit each.
inline constexpr uint8_t kTokenByte = 1;
inline constexpr uint8_t kValueByte = 2;   // VCHAR, SP, HTAB, obs-text.
inline constexpr uint8_t kTargetByte = 4;  // VCHAR but '#', and bytes >= 0x80.

constexpr std::array<uint8_t, 256> make_class_table() {
  std::array<uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) table[c] |= kValueByte;
    if (c > 0x20 && c != 0x7f && c != '#') table[c] |= kTargetByte;
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (alphanumeric) table[c] |= kTokenByte;
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    table[static_cast<uint8_t>(c)] |= kTokenByte;
  }
  return table;
}
inline constexpr std::array<uint8_t, 256> kClassTable = make_class_table();

inline const char* find_not_scalar(uint8_t byte_class, const char* begin, const char* end) {
  while (begin != end && (kClassTable[static_cast<uint8_t>(*begin)] & byte_class) != 0) ++begin;
  return begin;
}

#if defined(__SSSE3__)
// Row bits of the token set: bit h of entry l is set when byte (h << 4 | l) is a token byte.
constexpr std::array<uint8_t, 16> make_token_rows() {
  std::array<uint8_t, 16> rows{};
  for (unsigned c = 0; c < 128; ++c) {
    if ((kClassTable[c] & kTokenByte) != 0) {
      rows[c & 15] = static_cast<uint8_t>(rows[c & 15] | (1U << (c >> 4)));
    }
  }
  return rows;
}
alignas(16) inline constexpr std::array<uint8_t, 16> kTokenRows = make_token_rows();
alignas(16) inline constexpr std::array<uint8_t, 16> kRowBits = {1, 2, 4, 8, 16, 32, 64, 128,
                                                                 0, 0, 0, 0, 0,  0,  0,  0};

// Nibble lookup after Mula and Lemire, "Faster Base64 Encoding and Decoding" (2018).
inline uint32_t token_mask(__m128i bytes) {
  const __m128i low = _mm_and_si128(bytes, _mm_set1_epi8(0x0f));
  const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
  const __m128i rows =
      _mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(kTokenRows.data())), low);
  const __m128i bit =
      _mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(kRowBits.data())), high);
  const __m128i miss = _mm_cmpeq_epi8(_mm_and_si128(rows, bit), _mm_setzero_si128());
  return static_cast<uint32_t>(_mm_movemask_epi8(miss));
}
inline uint32_t value_mask(__m128i bytes) {
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<uint32_t>(
      _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del)));
}
inline uint32_t target_mask(__m128i bytes) {
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x20)), bytes);
  const __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
  const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(control, hash), del)));
}
template <uint8_t kByteClass>
uint32_t miss_mask(__m128i bytes) {
  if constexpr (kByteClass == kTokenByte) return token_mask(bytes);
  if constexpr (kByteClass == kValueByte) return value_mask(bytes);
  return target_mask(bytes);
}
#endif

// First byte in [begin, end) that is not of the class, or `end`.
template <uint8_t kByteClass>
const char* find_not(const char* begin, const char* end) {
#if defined(__SSSE3__)
  while (end - begin >= 16) {
    const uint32_t mask =
        miss_mask<kByteClass>(_mm_loadu_si128(reinterpret_cast<const __m128i*>(begin)));
    if (mask != 0) return begin + std::countr_zero(mask);
    begin += 16;
  }
#endif
  return find_not_scalar(kByteClass, begin, end);
}

}  // namespace cairn::http::detail
