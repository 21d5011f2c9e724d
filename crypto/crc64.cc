// Folding after Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ"
// (2009), in the reflected form. All constants come out of the polynomial at compile time.
#include "crypto/crc64.h"

#include <array>
#include <bit>
#include <vector>

#include "crypto/cpu_features.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cairn::crypto {
namespace {

// Reflected words: the highest bit is the coefficient of x^0.
template <typename Word>
constexpr Word kOne = Word{1} << (sizeof(Word) * 8 - 1);

template <typename Word>
constexpr Word times_x(Word polynomial, Word value) {
  return static_cast<Word>((value >> 1) ^ ((value & 1) != 0 ? polynomial : 0));
}

template <typename Word>
constexpr Word multiply(Word polynomial, Word a, Word b) {
  Word product = 0;
  for (Word mask = kOne<Word>; mask != 0; mask >>= 1) {
    if ((a & mask) != 0) product ^= b;
    b = times_x(polynomial, b);
  }
  return product;
}

// x^exponent modulo the polynomial.
template <typename Word>
constexpr Word power_of_x(Word polynomial, uint64_t exponent) {
  Word result = kOne<Word>;
  Word square = times_x(polynomial, result);
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = multiply(polynomial, result, square);
    square = multiply(polynomial, square, square);
  }
  return result;
}

// table[k][byte]: what a byte contributes with k more bytes behind it.
using Tables = std::array<std::array<uint64_t, 256>, 8>;
constexpr Tables make_tables() {
  Tables tables{};
  for (size_t byte = 0; byte < 256; ++byte) {
    uint64_t value = byte;
    for (int i = 0; i < 8; ++i) value = times_x(kCrc64NvmePolynomial, value);
    tables[0][byte] = value;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint64_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}
constexpr Tables kTables = make_tables();

uint64_t update_table(uint64_t state, BytesView bytes) {
  while (bytes.size() >= 8) {
    const uint64_t word = state ^ load_le<uint64_t>(bytes.data());
    state = 0;
    for (size_t k = 0; k < 8; ++k) state ^= kTables[7 - k][(word >> (8 * k)) & 0xFF];
    bytes = bytes.subspan(8);
  }
  for (const uint8_t byte : bytes) state = (state >> 8) ^ kTables[0][(state ^ byte) & 0xFF];
  return state;
}

#if defined(__x86_64__)

// Multipliers that move 128 bits forward by `kBits`. A carry-less product of reflected words comes
// out multiplied by x, hence the exponents less one.
struct Fold {
  uint64_t low;  // For the first 8 bytes, 64 powers higher than the others.
  uint64_t high;
};
// At compile time only: 64 steps for every call are more than the folding of a small body.
consteval Fold fold_by(uint64_t bits) {
  return {power_of_x(kCrc64NvmePolynomial, bits + 63), power_of_x(kCrc64NvmePolynomial, bits - 1)};
}

#define CAIRN_PCLMUL gnu::target("pclmul,sse4.1")
#define CAIRN_VPCLMUL gnu::target("pclmul,vpclmulqdq,avx2")

[[CAIRN_PCLMUL, gnu::always_inline]] inline __m128i folded(__m128i value, __m128i next, Fold by) {
  const __m128i k = _mm_set_epi64x(static_cast<int64_t>(by.high), static_cast<int64_t>(by.low));
  const __m128i low = _mm_clmulepi64_si128(value, k, 0x00);
  const __m128i high = _mm_clmulepi64_si128(value, k, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

[[CAIRN_PCLMUL, gnu::always_inline]] inline __m128i load(const uint8_t* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

// Folds what is left after the wide loop into one register and reduces it by table.
[[CAIRN_PCLMUL, gnu::always_inline]] inline uint64_t finish_fold(__m128i value, BytesView bytes) {
  while (bytes.size() >= 16) {
    value = folded(value, load(bytes.data()), fold_by(128));
    bytes = bytes.subspan(16);
  }
  std::array<uint8_t, 16> last;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(last.data()), value);
  return update_table(update_table(0, last), bytes);
}

[[CAIRN_PCLMUL]] uint64_t update_pclmul(uint64_t state, BytesView bytes) {
  constexpr size_t kRegisters = 8;
  if (bytes.size() < kRegisters * 16) return update_table(state, bytes);
  __m128i sums[kRegisters];
  for (size_t i = 0; i < kRegisters; ++i) sums[i] = load(bytes.data() + 16 * i);
  sums[0] = _mm_xor_si128(sums[0], _mm_set_epi64x(0, static_cast<int64_t>(state)));
  bytes = bytes.subspan(kRegisters * 16);
  while (bytes.size() >= kRegisters * 16) {
    for (size_t i = 0; i < kRegisters; ++i) {
      sums[i] = folded(sums[i], load(bytes.data() + 16 * i), fold_by(kRegisters * 128));
    }
    bytes = bytes.subspan(kRegisters * 16);
  }
  __m128i value = sums[0];
  for (size_t i = 1; i < kRegisters; ++i) value = folded(value, sums[i], fold_by(128));
  return finish_fold(value, bytes);
}

[[CAIRN_VPCLMUL, gnu::always_inline]] inline __m256i load_wide(const uint8_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

[[CAIRN_VPCLMUL]] uint64_t update_vpclmul(uint64_t state, BytesView bytes) {
  constexpr size_t kRegisters = 8;
  if (bytes.size() < kRegisters * 32) return update_pclmul(state, bytes);
  __m256i sums[kRegisters];
  for (size_t i = 0; i < kRegisters; ++i) sums[i] = load_wide(bytes.data() + 32 * i);
  sums[0] = _mm256_xor_si256(sums[0], _mm256_set_epi64x(0, 0, 0, static_cast<int64_t>(state)));
  bytes = bytes.subspan(kRegisters * 32);
  constexpr Fold kFar = fold_by(kRegisters * 256);
  const __m256i k =
      _mm256_set_epi64x(static_cast<int64_t>(kFar.high), static_cast<int64_t>(kFar.low),
                        static_cast<int64_t>(kFar.high), static_cast<int64_t>(kFar.low));
  while (bytes.size() >= kRegisters * 32) {
    for (size_t i = 0; i < kRegisters; ++i) {
      const __m256i low = _mm256_clmulepi64_epi128(sums[i], k, 0x00);
      const __m256i high = _mm256_clmulepi64_epi128(sums[i], k, 0x11);
      sums[i] = _mm256_xor_si256(_mm256_xor_si256(low, high), load_wide(bytes.data() + 32 * i));
    }
    bytes = bytes.subspan(kRegisters * 32);
  }
  __m128i value = _mm256_castsi256_si128(sums[0]);
  value = folded(value, _mm256_extracti128_si256(sums[0], 1), fold_by(128));
  for (size_t i = 1; i < kRegisters; ++i) {
    value = folded(value, _mm256_castsi256_si128(sums[i]), fold_by(128));
    value = folded(value, _mm256_extracti128_si256(sums[i], 1), fold_by(128));
  }
  return finish_fold(value, bytes);
}

#endif

std::vector<Crc64Kernel> probe() {
  std::vector<Crc64Kernel> kernels;
#if defined(__x86_64__)
  if (cpu_features().vpclmul) kernels.push_back({"vpclmulqdq", update_vpclmul});
  if (cpu_features().pclmul) kernels.push_back({"pclmulqdq", update_pclmul});
#endif
  kernels.push_back({"table", update_table});
  return kernels;
}

}  // namespace

std::span<const Crc64Kernel> crc64_kernels() {
  static const std::vector<Crc64Kernel> kernels = probe();
  return kernels;
}

uint64_t crc64_nvme(uint64_t crc, BytesView bytes) {
  static const auto update = crc64_kernels().front().update;
  return ~update(~crc, bytes);
}

template <typename Word>
Word combine_crc_words(Word polynomial, Word first, Word second, uint64_t second_size_bytes) {
  // x^(8n) in two steps, since 8n may not fit 64 bits.
  const Word moved = power_of_x(polynomial, second_size_bytes);
  Word shift = moved;
  for (int doubling = 0; doubling < 3; ++doubling) shift = multiply(polynomial, shift, shift);
  return static_cast<Word>(multiply(polynomial, first, shift) ^ second);
}
template uint32_t combine_crc_words<uint32_t>(uint32_t, uint32_t, uint32_t, uint64_t);
template uint64_t combine_crc_words<uint64_t>(uint64_t, uint64_t, uint64_t, uint64_t);

}  // namespace cairn::crypto
