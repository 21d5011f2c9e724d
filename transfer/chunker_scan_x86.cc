// AVX2 (nibble tables) and AVX-512 with GFNI forms of the scan; chosen at run time.
#include "transfer/chunker_scan.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace cairn::transfer::detail {
namespace {

// Products of the sixteen low and sixteen high nibbles with one field element.
struct alignas(16) NibbleTables {
  std::array<uint8_t, 16> low;
  std::array<uint8_t, 16> high;
};

constexpr NibbleTables product_tables(uint8_t factor) {
  NibbleTables tables{};
  for (unsigned nibble = 0; nibble < 16; ++nibble) {
    tables.low[nibble] = field_product(static_cast<uint8_t>(nibble), factor);
    tables.high[nibble] = field_product(static_cast<uint8_t>(nibble << 4), factor);
  }
  return tables;
}
constexpr NibbleTables kSubstitute = {kLowBox, kHighBox};
constexpr NibbleTables kTimes1 = product_tables(power_of_three(1));
constexpr NibbleTables kTimes2 = product_tables(power_of_three(2));
constexpr NibbleTables kTimes4 = product_tables(power_of_three(4));
constexpr NibbleTables kTimes8 = product_tables(power_of_three(8));

#define CAIRN_AVX2 __attribute__((target("avx2"), always_inline)) inline
#define CAIRN_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vbmi,gfni"), always_inline)) inline

struct Avx2Table {
  __m256i low;
  __m256i high;
};

CAIRN_AVX2 Avx2Table load_table(const NibbleTables& tables) {
  const auto* low = reinterpret_cast<const __m128i*>(tables.low.data());
  const auto* high = reinterpret_cast<const __m128i*>(tables.high.data());
  return {_mm256_broadcastsi128_si256(_mm_load_si128(low)),
          _mm256_broadcastsi128_si256(_mm_load_si128(high))};
}

CAIRN_AVX2 __m256i map_bytes(const Avx2Table& table, __m256i bytes) {
  const __m256i nibble = _mm256_set1_epi8(0x0f);
  const __m256i low = _mm256_shuffle_epi8(table.low, _mm256_and_si256(bytes, nibble));
  const __m256i high =
      _mm256_shuffle_epi8(table.high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble));
  return _mm256_xor_si256(low, high);
}

// The vector `kBytes` earlier in the stream, out of a vector and the one before it.
template <int kBytes>
CAIRN_AVX2 __m256i earlier(__m256i previous, __m256i current) {
  const __m256i middle = _mm256_permute2x128_si256(previous, current, 0x21);
  if constexpr (kBytes == 16) return middle;
  return _mm256_alignr_epi8(current, middle, 16 - kBytes);
}

// What one step hands to the next: the intermediate sums of the 32 bytes before.
struct Avx2State {
  __m256i h1;
  __m256i h2;
  __m256i h4;
  __m256i h8;
  __m256i h16;
};

struct Avx2Scan {
  Avx2Table substitute;
  Avx2Table times1;
  Avx2Table times2;
  Avx2Table times4;
  Avx2Table times8;

  // Advances `state` over 32 bytes and returns the candidates among them, as bits.
  CAIRN_AVX2 uint32_t step(Avx2State& state, const uint8_t* at) const {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i h1 = map_bytes(substitute, bytes);
    const __m256i h2 = _mm256_xor_si256(h1, map_bytes(times1, earlier<1>(state.h1, h1)));
    const __m256i h4 = _mm256_xor_si256(h2, map_bytes(times2, earlier<2>(state.h2, h2)));
    const __m256i h8 = _mm256_xor_si256(h4, map_bytes(times4, earlier<4>(state.h4, h4)));
    const __m256i h16 = _mm256_xor_si256(h8, map_bytes(times8, earlier<8>(state.h8, h8)));
    const __m256i second =
        _mm256_and_si256(_mm256_xor_si256(earlier<16>(state.h16, h16),
                                          _mm256_set1_epi8(static_cast<char>(kSecondValue))),
                         _mm256_set1_epi8(static_cast<char>(kSecondMask)));
    const __m256i misses = _mm256_or_si256(h16, second);
    state = {h1, h2, h4, h8, h16};
    return static_cast<uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(misses, _mm256_setzero_si256())));
  }
};

struct Avx512State {
  __m512i h1;
  __m512i h2;
  __m512i h4;
  __m512i h8;
  __m512i h16;
};

// The vector `kBytes` earlier; the lane below each lane comes from a rotation by 128 bits.
template <int kBytes>
CAIRN_AVX512 __m512i earlier512(__m512i previous, __m512i current) {
  const __m512i middle = _mm512_alignr_epi64(current, previous, 6);
  if constexpr (kBytes == 16) return middle;
  return _mm512_alignr_epi8(current, middle, 16 - kBytes);
}

template <unsigned kExponent>
CAIRN_AVX512 __m512i times512(__m512i bytes) {
  return _mm512_gf2p8mul_epi8(bytes,
                              _mm512_set1_epi8(static_cast<char>(power_of_three(kExponent))));
}

CAIRN_AVX512 __m512i substitute512(__m512i bytes) {
  const auto* low = reinterpret_cast<const __m128i*>(kSubstitute.low.data());
  const auto* high = reinterpret_cast<const __m128i*>(kSubstitute.high.data());
  const __m512i nibble = _mm512_set1_epi8(0x0f);
  return _mm512_xor_si512(
      _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_load_si128(low)),
                          _mm512_and_si512(bytes, nibble)),
      _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_load_si128(high)),
                          _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble)));
}

CAIRN_AVX512 uint64_t step512(Avx512State& state, const uint8_t* at) {
  const __m512i bytes = _mm512_loadu_si512(at);
  const __m512i h1 = substitute512(bytes);
  const __m512i h2 = _mm512_xor_si512(h1, times512<1>(earlier512<1>(state.h1, h1)));
  const __m512i h4 = _mm512_xor_si512(h2, times512<2>(earlier512<2>(state.h2, h2)));
  const __m512i h8 = _mm512_xor_si512(h4, times512<4>(earlier512<4>(state.h4, h4)));
  const __m512i h16 = _mm512_xor_si512(h8, times512<8>(earlier512<8>(state.h8, h8)));
  const __m512i second =
      _mm512_and_si512(_mm512_xor_si512(earlier512<16>(state.h16, h16),
                                        _mm512_set1_epi8(static_cast<char>(kSecondValue))),
                       _mm512_set1_epi8(static_cast<char>(kSecondMask)));
  state = {h1, h2, h4, h8, h16};
  return _mm512_testn_epi8_mask(_mm512_or_si512(h16, second), _mm512_or_si512(h16, second));
}

}  // namespace

// The sums of a position reach 31 bytes back, so one vector before `from` brings the state up to
// date: of its positions only the upper sixteen are right, and only those are looked at later.
__attribute__((target("avx2"))) size_t find_avx2(const uint8_t* data, size_t from, size_t to,
                                                 uint64_t mask) {
  constexpr size_t kStep = 32;
  const Avx2Scan scan = {load_table(kSubstitute), load_table(kTimes1), load_table(kTimes2),
                         load_table(kTimes4), load_table(kTimes8)};
  Avx2State state{};
  size_t i = from;
  if (i + kStep <= to) scan.step(state, data + i - kStep);
  for (; i + kStep <= to; i += kStep) {
    uint32_t candidates = scan.step(state, data + i);
    for (; candidates != 0; candidates &= candidates - 1) {
      const size_t position = i + static_cast<size_t>(std::countr_zero(candidates));
      if ((window_hash(data + position) & mask) == 0) return position;
    }
  }
  return find_portable(data, i, to, mask);
}

__attribute__((target("avx512f,avx512bw,avx512vbmi,gfni"))) size_t find_avx512(const uint8_t* data,
                                                                               size_t from,
                                                                               size_t to,
                                                                               uint64_t mask) {
  constexpr size_t kStep = 64;
  Avx512State state{};
  size_t i = from;
  // Only 63 bytes before `from` are sure to be readable, so the first state is built from 32.
  if (i + kStep <= to) {
    alignas(64) std::array<uint8_t, kStep> before{};
    std::memcpy(before.data() + kStep / 2, data + i - kStep / 2, kStep / 2);
    step512(state, before.data());
  }
  for (; i + kStep <= to; i += kStep) {
    uint64_t candidates = step512(state, data + i);
    for (; candidates != 0; candidates &= candidates - 1) {
      const size_t position = i + static_cast<size_t>(std::countr_zero(candidates));
      if ((window_hash(data + position) & mask) == 0) return position;
    }
  }
  return find_portable(data, i, to, mask);
}

}  // namespace cairn::transfer::detail

#endif
