// SHA-256 (FIPS 180-4): SHA-NI with up to four streams interleaved (one stream waits for the
// latency of sha256rnds2 most of the time), and a portable form.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "crypto/cpu_features.h"
#include "crypto/hash_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cairn::crypto {
namespace {

alignas(64) constexpr std::array<uint32_t, 64> kSha256Constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void compress_one(uint32_t* state, const uint8_t* data) {
  uint32_t w[64];
  for (size_t i = 0; i < 16; ++i) w[i] = load_be<uint32_t>(data + 4 * i);
  for (size_t i = 16; i < 64; ++i) {
    const uint32_t low = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const uint32_t high = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + low + w[i - 7] + high;
  }
  uint32_t s[8];
  std::memcpy(s, state, sizeof(s));
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t sum1 = std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25);
    const uint32_t choice = s[6] ^ (s[4] & (s[5] ^ s[6]));
    const uint32_t first = s[7] + sum1 + choice + kSha256Constants[i] + w[i];
    const uint32_t sum0 = std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22);
    const uint32_t majority = (s[0] & s[1]) | (s[2] & (s[0] | s[1]));
    for (size_t k = 7; k > 0; --k) s[k] = s[k - 1];
    s[4] += first;
    s[0] = first + sum0 + majority;
  }
  for (size_t k = 0; k < 8; ++k) state[k] += s[k];
}

void sha256_portable(size_t lanes, uint32_t* const* states, const uint8_t* const* data,
                     size_t blocks) {
  for (size_t lane = 0; lane < lanes; ++lane) {
    for (size_t block = 0; block < blocks; ++block) {
      compress_one(states[lane], data[lane] + block * kHashBlockBytes);
    }
  }
}

#if defined(__x86_64__)

#define CAIRN_SHA_NI gnu::target("sha,sse4.1")

// The state of one stream as the instructions want it, and its message schedule.
struct NiStream {
  __m128i abef;
  __m128i cdgh;
  __m128i w[4];
};

// Four rounds of every stream; the streams' chains are independent and overlap in the pipeline.
template <size_t kGroup, size_t kLanes>
[[CAIRN_SHA_NI, gnu::always_inline]] inline void four_rounds(NiStream (&streams)[kLanes]) {
  const __m128i constants =
      _mm_load_si128(reinterpret_cast<const __m128i*>(kSha256Constants.data() + 4 * kGroup));
  __m128i sum[kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    NiStream& s = streams[i];
    sum[i] = _mm_add_epi32(s.w[kGroup % 4], constants);
    s.cdgh = _mm_sha256rnds2_epu32(s.cdgh, s.abef, sum[i]);
  }
  for (size_t i = 0; i < kLanes; ++i) {
    NiStream& s = streams[i];
    const __m128i now = s.w[kGroup % 4];
    const __m128i before = s.w[(kGroup + 3) % 4];
    if constexpr (kGroup >= 3 && kGroup < 15) {
      __m128i& next = s.w[(kGroup + 1) % 4];
      next = _mm_add_epi32(next, _mm_alignr_epi8(now, before, 4));
      next = _mm_sha256msg2_epu32(next, now);
    }
    if constexpr (kGroup >= 1 && kGroup < 13) {
      s.w[(kGroup + 3) % 4] = _mm_sha256msg1_epu32(before, now);
    }
  }
  for (size_t i = 0; i < kLanes; ++i) {
    NiStream& s = streams[i];
    s.abef = _mm_sha256rnds2_epu32(s.abef, s.cdgh, _mm_shuffle_epi32(sum[i], 0x0E));
  }
}

template <size_t kLanes, size_t... kGroups>
[[CAIRN_SHA_NI, gnu::always_inline]] inline void all_rounds(NiStream (&streams)[kLanes],
                                                            std::index_sequence<kGroups...>) {
  (four_rounds<kGroups>(streams), ...);
}

[[CAIRN_SHA_NI, gnu::always_inline]] inline void load_state(NiStream& s, const uint32_t* state) {
  const auto* words = reinterpret_cast<const __m128i*>(state);
  const __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1B);
  s.abef = _mm_alignr_epi8(abcd, efgh, 8);
  s.cdgh = _mm_blend_epi16(efgh, abcd, 0xF0);
}

[[CAIRN_SHA_NI, gnu::always_inline]] inline void store_state(const NiStream& s, uint32_t* state) {
  auto* words = reinterpret_cast<__m128i*>(state);
  const __m128i feba = _mm_shuffle_epi32(s.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xB1);
  _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}

template <size_t kLanes>
[[CAIRN_SHA_NI]] void sha_ni_streams(uint32_t* const* states, const uint8_t* const* data,
                                     size_t blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  NiStream streams[kLanes];
  for (size_t i = 0; i < kLanes; ++i) load_state(streams[i], states[i]);
  for (size_t block = 0; block < blocks; ++block) {
    __m128i abef[kLanes];
    __m128i cdgh[kLanes];
    for (size_t i = 0; i < kLanes; ++i) {
      abef[i] = streams[i].abef;
      cdgh[i] = streams[i].cdgh;
      const auto* words = reinterpret_cast<const __m128i*>(data[i] + block * kHashBlockBytes);
      for (size_t k = 0; k < 4; ++k) {
        streams[i].w[k] = _mm_shuffle_epi8(_mm_loadu_si128(words + k), big_endian);
      }
    }
    all_rounds(streams, std::make_index_sequence<16>{});
    for (size_t i = 0; i < kLanes; ++i) {
      streams[i].abef = _mm_add_epi32(streams[i].abef, abef[i]);
      streams[i].cdgh = _mm_add_epi32(streams[i].cdgh, cdgh[i]);
    }
  }
  for (size_t i = 0; i < kLanes; ++i) store_state(streams[i], states[i]);
}

void sha256_ni(size_t lanes, uint32_t* const* states, const uint8_t* const* data, size_t blocks) {
  switch (lanes) {
    case 1: return sha_ni_streams<1>(states, data, blocks);
    case 2: return sha_ni_streams<2>(states, data, blocks);
    default: return sha_ni_streams<3>(states, data, blocks);
  }
}

#endif

std::vector<HashKernel> probe() {
  std::vector<HashKernel> kernels;
#if defined(__x86_64__)
  if (cpu_features().sha_ni) kernels.push_back({"sha-ni", 3, sha256_ni});
#endif
  kernels.push_back({"single", 1, sha256_portable});
  return kernels;
}

}  // namespace

PaddedEnd pad_end(BytesView rest, uint64_t message_bytes, LengthOrder order) {
  PaddedEnd end;
  std::copy(rest.begin(), rest.end(), end.bytes.begin());
  end.bytes[rest.size()] = 0x80;
  end.blocks = rest.size() < kHashBlockBytes - 8 ? 1 : 2;
  uint8_t* length = end.bytes.data() + end.blocks * kHashBlockBytes - 8;
  if (order == LengthOrder::kBigEndian) {
    store_be<uint64_t>(length, message_bytes * 8);
  } else {
    store_le<uint64_t>(length, message_bytes * 8);
  }
  return end;
}

std::span<const HashKernel> sha256_kernels() {
  static const std::vector<HashKernel> kernels = probe();
  return kernels;
}

}  // namespace cairn::crypto
