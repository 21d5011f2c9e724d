// MD5 (RFC 1321) of several streams side by side, in general or vector registers: MD5 is one long
// chain of dependent steps, so a single stream leaves most of the core idle. Written once over
// compiler vectors; the wide forms are instantiated inside functions that allow wide instructions.
#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "crypto/cpu_features.h"
#include "crypto/hash_kernels.h"

namespace cairn::crypto {
namespace {

static_assert(std::endian::native == std::endian::little, "the loads below take words as they lie");

constexpr std::array<uint32_t, 64> kMd5Sines = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
constexpr int kMd5Shifts[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

template <size_t kWidth>
struct WordsOf {
  using Type [[gnu::vector_size(kWidth * 4)]] = uint32_t;
};
template <>
struct WordsOf<1> {
  using Type = uint32_t;
};
template <size_t kWidth>
using Words = typename WordsOf<kWidth>::Type;

// Vectors travel by reference only: by value their calling convention would depend on the target.
#define CAIRN_INLINE [[gnu::always_inline]] inline

// Keeps the compiler from combining what is summed so far with what follows: its preferred forms
// are shorter, but longer on the way from b to the result, which is what one stream waits for.
template <typename V>
CAIRN_INLINE void keep([[maybe_unused]] V& value) {
  if constexpr (sizeof(V) == sizeof(uint32_t)) asm("" : "+r"(value));
}

// A word rotates by the instruction for it: clang takes shld, which AMD's cores split in six.
template <int kShift, typename V>
CAIRN_INLINE void rotate_left(V& value) {
#if defined(__x86_64__)
  if constexpr (sizeof(V) == sizeof(uint32_t)) {
    asm("roll %1, %0" : "+r"(value) : "i"(kShift) : "cc");
    return;
  }
#endif
  value = (value << kShift) | (value >> (32 - kShift));
}

template <size_t kStep, typename V, size_t kGroups>
CAIRN_INLINE void md5_step(V (&s)[4][kGroups], const V (&message)[16][kGroups],
                           const uint32_t* sines) {
  constexpr size_t kRound = kStep / 16;
  constexpr size_t kWord = kRound == 0   ? kStep
                           : kRound == 1 ? (5 * kStep + 1) % 16
                           : kRound == 2 ? (3 * kStep + 5) % 16
                                         : (7 * kStep) % 16;
  constexpr int kShift = kMd5Shifts[kRound][kStep % 4];
  for (size_t g = 0; g < kGroups; ++g) {
    V& a = s[(4 - kStep % 4) % 4][g];
    const V& b = s[(5 - kStep % 4) % 4][g];
    const V& c = s[(6 - kStep % 4) % 4][g];
    const V& d = s[(7 - kStep % 4) % 4][g];
    V sum = a + message[kWord][g];
    if constexpr (sizeof(V) == sizeof(uint32_t)) {
      sum += kMd5Sines[kStep];
    } else {
      sum += sines[kStep];
    }
    keep(sum);
    if constexpr (kRound == 0) {
      sum += d ^ (b & (c ^ d));
    } else if constexpr (kRound == 1) {
      // The two halves never share a bit, so they are added: the one without b is ready early.
      sum += ~d & c;
      keep(sum);
      sum += d & b;
    } else if constexpr (kRound == 2) {
      sum += (c ^ d) ^ b;
    } else {
      sum += c ^ (b | ~d);
    }
    rotate_left<kShift>(sum);
    a = sum + b;
  }
}

template <typename V, size_t kGroups, size_t... kSteps>
CAIRN_INLINE void md5_rounds(V (&s)[4][kGroups], const V (&message)[16][kGroups],
                             const uint32_t* sines, std::index_sequence<kSteps...>) {
  (md5_step<kSteps>(s, message, sines), ...);
}

// Swaps the blocks off the diagonal of pairs of rows: one stage of a transposition.
template <size_t kDistance, typename V, size_t... kLane>
CAIRN_INLINE void swap_stage(V& low, V& high, std::index_sequence<kLane...>) {
  constexpr size_t kWidth = sizeof...(kLane);
  const V a = low;
  const V b = high;
  low = __builtin_shufflevector(a, b,
                                ((kLane & kDistance) == 0 ? kLane : kWidth + kLane - kDistance)...);
  high = __builtin_shufflevector(
      a, b, ((kLane & kDistance) == 0 ? kLane + kDistance : kWidth + kLane)...);
}

template <typename V, size_t... kLane>
CAIRN_INLINE void unpack_words(V& low, V& high, std::index_sequence<kLane...>) {
  constexpr size_t kWidth = sizeof...(kLane);
  const V a = low;
  const V b = high;
  low = __builtin_shufflevector(a, b, (kLane / 4 * 4 + kLane % 4 / 2 + kLane % 2 * kWidth)...);
  high = __builtin_shufflevector(a, b, (kLane / 4 * 4 + 2 + kLane % 4 / 2 + kLane % 2 * kWidth)...);
}

// Transposes the square matrix of the rows: rows[i] becomes the i-th words of all rows.
template <typename V, size_t kWidth>
CAIRN_INLINE void transpose(V (&rows)[kWidth]) {
  constexpr auto kLanes = std::make_index_sequence<kWidth>{};
  for (size_t at = 0; at < kWidth; at += 4) {
    unpack_words(rows[at], rows[at + 1], kLanes);
    unpack_words(rows[at + 2], rows[at + 3], kLanes);
    // Now rows 0 and 2 hold words 0, 1 and rows 1 and 3 words 2, 3 of the four streams.
    swap_stage<2>(rows[at], rows[at + 2], kLanes);
    swap_stage<2>(rows[at + 1], rows[at + 3], kLanes);
    std::swap(rows[at + 1], rows[at + 2]);
  }
  if constexpr (kWidth >= 8) {
    for (size_t at = 0; at < kWidth; at += 8) {
      for (size_t i = at; i < at + 4; ++i) swap_stage<4>(rows[i], rows[i + 4], kLanes);
    }
  }
  if constexpr (kWidth >= 16) {
    for (size_t i = 0; i < 8; ++i) swap_stage<8>(rows[i], rows[i + 8], kLanes);
  }
}

template <size_t kWidth, size_t kGroups>
CAIRN_INLINE void load_message(Words<kWidth> (&message)[16][kGroups], const uint8_t* const* at,
                               size_t offset) {
  using V = Words<kWidth>;
  if constexpr (kWidth == 1) {
    for (size_t word = 0; word < 16; ++word) {
      for (size_t g = 0; g < kGroups; ++g) {
        std::memcpy(&message[word][g], at[g] + offset + word * 4, sizeof(V));
      }
    }
  } else {
    for (size_t g = 0; g < kGroups; ++g) {
      for (size_t word = 0; word < 16; word += kWidth) {
        V rows[kWidth];
        for (size_t i = 0; i < kWidth; ++i) {
          std::memcpy(&rows[i], at[g * kWidth + i] + offset + word * 4, sizeof(V));
        }
        transpose(rows);
        for (size_t i = 0; i < kWidth; ++i) message[word + i][g] = rows[i];
      }
    }
  }
}

template <size_t kWidth, size_t kGroups>
CAIRN_INLINE void md5_lanes(size_t lanes, uint32_t* const* states, const uint8_t* const* data,
                            size_t blocks) {
  using V = Words<kWidth>;
  constexpr size_t kLanes = kWidth * kGroups;
  const uint8_t* at[kLanes];
  alignas(64) uint32_t words[4][kLanes] = {};
  for (size_t lane = 0; lane < kLanes; ++lane) {
    // Idle lanes hash what lane 0 hashes, and nobody looks at them.
    const size_t source = lane < lanes ? lane : 0;
    at[lane] = data[source];
    for (size_t i = 0; i < 4; ++i) words[i][lane] = states[source][i];
  }
  V s[4][kGroups];
  std::memcpy(s, words, sizeof(s));
  // Of constants that it knows the compiler adds a vector last, behind everything that waits for b.
  const uint32_t* sines = kMd5Sines.data();
  if constexpr (kWidth > 1) asm("" : "+r"(sines));
  for (size_t block = 0; block < blocks; ++block) {
    V message[16][kGroups];
    load_message<kWidth, kGroups>(message, at, block * kHashBlockBytes);
    V before[4][kGroups];
    std::memcpy(before, s, sizeof(s));
    md5_rounds(s, message, sines, std::make_index_sequence<64>{});
    for (size_t i = 0; i < 4; ++i) {
      for (size_t g = 0; g < kGroups; ++g) s[i][g] += before[i][g];
    }
  }
  std::memcpy(words, s, sizeof(s));
  for (size_t lane = 0; lane < lanes; ++lane) {
    for (size_t i = 0; i < 4; ++i) states[lane][i] = words[i][lane];
  }
}

// Up to three streams in general registers: there each takes half as long as in a lane, and the
// processor works at one while another waits.
constexpr size_t kScalarLanesMax = 3;
void md5_scalar(size_t lanes, uint32_t* const* states, const uint8_t* const* data, size_t blocks) {
  switch (lanes) {
    case 1: return md5_lanes<1, 1>(lanes, states, data, blocks);
    case 2: return md5_lanes<1, 2>(lanes, states, data, blocks);
    default: return md5_lanes<1, 3>(lanes, states, data, blocks);
  }
}

// 128-bit vectors are in every x86-64-v2 and every ARMv8.
void md5_narrow(size_t lanes, uint32_t* const* states, const uint8_t* const* data, size_t blocks) {
  if (lanes <= kScalarLanesMax) return md5_scalar(lanes, states, data, blocks);
  if (lanes <= 4) return md5_lanes<4, 1>(lanes, states, data, blocks);
  md5_lanes<4, 2>(lanes, states, data, blocks);
}

#if defined(__x86_64__)

[[gnu::target("avx2")]] void md5_avx2(size_t lanes, uint32_t* const* states,
                                      const uint8_t* const* data, size_t blocks) {
  if (lanes <= kScalarLanesMax) return md5_scalar(lanes, states, data, blocks);
  if (lanes <= 8) return md5_lanes<8, 1>(lanes, states, data, blocks);
  // A second group of 8 fills the gaps that the first one's dependencies leave.
  md5_lanes<8, 2>(lanes, states, data, blocks);
}

[[gnu::target("avx512f,avx512bw,avx512vl,avx512dq")]] void md5_avx512(size_t lanes,
                                                                      uint32_t* const* states,
                                                                      const uint8_t* const* data,
                                                                      size_t blocks) {
  if (lanes <= kScalarLanesMax) return md5_scalar(lanes, states, data, blocks);
  if (lanes <= 8) return md5_lanes<8, 1>(lanes, states, data, blocks);
  md5_lanes<16, 1>(lanes, states, data, blocks);
}

#endif

std::vector<HashKernel> probe() {
  std::vector<HashKernel> kernels;
#if defined(__x86_64__)
  if (cpu_features().avx512) kernels.push_back({"avx512", 16, md5_avx512});
  if (cpu_features().avx2) kernels.push_back({"avx2", 16, md5_avx2});
#endif
  kernels.push_back({"128-bit", 8, md5_narrow});
  kernels.push_back({"scalar", kScalarLanesMax, md5_scalar});
  return kernels;
}

}  // namespace

std::span<const HashKernel> md5_kernels() {
  static const std::vector<HashKernel> kernels = probe();
  return kernels;
}

}  // namespace cairn::crypto
