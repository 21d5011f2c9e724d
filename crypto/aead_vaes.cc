// AES-256-GCM with 256-bit VAES and VPCLMULQDQ, for processors that have both but no AVX-512: there
// neither OpenSSL 3.0 nor ipsec-mb 1.3 uses more than one block per instruction.
//
// GHASH is computed as POLYVAL (RFC 8452 appendix A): blocks byte-reversed, the hash key multiplied
// by x, products divided by x^128. Sixteen blocks share one reduction (Gueron and Kounavis), and
// the hashing of sixteen blocks is woven into the encryption of sixteen others.
#include "crypto/aead_engines.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "base/assert.h"
#include "crypto/cpu_features.h"

namespace cairn::crypto {
namespace {

#define CAIRN_VAES gnu::target("vaes,vpclmulqdq,aes,pclmul,avx2")
#define CAIRN_VAES_INLINE CAIRN_VAES, gnu::always_inline

constexpr size_t kRounds = 14;
constexpr size_t kBlockBytes = 16;
constexpr size_t kWide = 8;  // Registers of two blocks each.
constexpr size_t kStrideBytes = kWide * 2 * kBlockBytes;
constexpr size_t kPowersMax = 2 * kWide;

struct Schedule {
  __m256i round[kRounds + 1];  // Each round key twice.
  // The hash key's powers, the highest first, and the sums of their halves (Karatsuba).
  alignas(32) __m128i power[kPowersMax];
  alignas(32) __m128i half_sum[kPowersMax];
};

[[CAIRN_VAES_INLINE]] inline __m128i load_block(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}
[[CAIRN_VAES_INLINE]] inline __m256i load_pair(const void* at) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(at));
}
[[CAIRN_VAES_INLINE]] inline __m128i reversed(__m128i block) {
  return _mm_shuffle_epi8(block,
                          _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}
[[CAIRN_VAES_INLINE]] inline __m256i reversed(__m256i pair) {
  const __m256i order = _mm256_broadcastsi128_si256(
      _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  return _mm256_shuffle_epi8(pair, order);
}

// Sums of products before reduction; the middle part still lacks the other two (Karatsuba).
struct Product {
  __m128i low;
  __m128i middle;
  __m128i high;
};
struct WideProduct {
  __m256i low;
  __m256i middle;
  __m256i high;
};

// Divides by x^128 modulo the polynomial: two steps of Montgomery's reduction.
[[CAIRN_VAES_INLINE]] inline __m128i reduce(const Product& sum) {
  const __m128i polynomial = _mm_set_epi64x(0, static_cast<int64_t>(0xC200000000000000));
  const __m128i middle = _mm_xor_si128(sum.middle, _mm_xor_si128(sum.low, sum.high));
  __m128i low = _mm_xor_si128(sum.low, _mm_slli_si128(middle, 8));
  const __m128i high = _mm_xor_si128(sum.high, _mm_srli_si128(middle, 8));
  for (int step = 0; step < 2; ++step) {
    const __m128i carried = _mm_clmulepi64_si128(low, polynomial, 0x00);
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4E), carried);
  }
  return _mm_xor_si128(high, low);
}

[[CAIRN_VAES_INLINE]] inline __m128i half_sum_of(__m128i value) {
  return _mm_xor_si128(value, _mm_shuffle_epi32(value, 0x4E));
}

[[CAIRN_VAES_INLINE]] inline void multiply_add(Product& sum, __m128i value, __m128i power,
                                               __m128i half_sum) {
  sum.low = _mm_xor_si128(sum.low, _mm_clmulepi64_si128(value, power, 0x00));
  sum.high = _mm_xor_si128(sum.high, _mm_clmulepi64_si128(value, power, 0x11));
  sum.middle = _mm_xor_si128(sum.middle, _mm_clmulepi64_si128(half_sum_of(value), half_sum, 0x00));
}

[[CAIRN_VAES_INLINE]] inline void multiply_add(WideProduct& sum, __m256i value, __m256i power,
                                               __m256i half_sum) {
  const __m256i halves = _mm256_xor_si256(value, _mm256_shuffle_epi32(value, 0x4E));
  sum.low = _mm256_xor_si256(sum.low, _mm256_clmulepi64_epi128(value, power, 0x00));
  sum.high = _mm256_xor_si256(sum.high, _mm256_clmulepi64_epi128(value, power, 0x11));
  sum.middle = _mm256_xor_si256(sum.middle, _mm256_clmulepi64_epi128(halves, half_sum, 0x00));
}

[[CAIRN_VAES_INLINE]] inline __m128i sum_of_halves(__m256i pair) {
  return _mm_xor_si128(_mm256_castsi256_si128(pair), _mm256_extracti128_si256(pair, 1));
}

// Adds `count` whole blocks (at most kPowersMax) to the hash.
[[CAIRN_VAES]] __m128i hash_blocks(const Schedule& key, __m128i hash, const uint8_t* data,
                                   size_t count) {
  Product sum{_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
  for (size_t i = 0; i < count; ++i) {
    __m128i block = reversed(load_block(data + i * kBlockBytes));
    if (i == 0) block = _mm_xor_si128(block, hash);
    const size_t at = kPowersMax - count + i;
    multiply_add(sum, block, key.power[at], key.half_sum[at]);
  }
  return count == 0 ? hash : reduce(sum);
}

[[CAIRN_VAES]] __m128i encrypt_block(const Schedule& key, __m128i block) {
  block = _mm_xor_si128(block, _mm256_castsi256_si128(key.round[0]));
  for (size_t i = 1; i < kRounds; ++i) {
    block = _mm_aesenc_si128(block, _mm256_castsi256_si128(key.round[i]));
  }
  return _mm_aesenclast_si128(block, _mm256_castsi256_si128(key.round[kRounds]));
}

// The state of a message under way. Counters are kept byte-reversed: the number is the low word.
struct Message {
  __m256i counters;
  __m128i hash;
};

[[CAIRN_VAES_INLINE]] inline void start_counters(Message& message, __m256i (&states)[kWide],
                                                 const Schedule& key) {
  const __m256i step = _mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 2);
  for (size_t i = 0; i < kWide; ++i) {
    states[i] = _mm256_xor_si256(reversed(message.counters), key.round[0]);
    message.counters = _mm256_add_epi32(message.counters, step);
  }
}

// Encrypts or decrypts one stride in place; on the way adds the stride at `to_hash` to the hash.
[[CAIRN_VAES_INLINE]] inline void crypt_stride(const Schedule& key, Message& message, uint8_t* data,
                                               const uint8_t* to_hash) {
  __m256i states[kWide];
  start_counters(message, states, key);
  WideProduct sum{_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
#pragma clang loop unroll(full)
  for (size_t round = 1; round < kRounds; ++round) {
    const __m256i round_key = _mm256_load_si256(&key.round[round]);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < kWide; ++i) states[i] = _mm256_aesenc_epi128(states[i], round_key);
    if (round <= kWide) {
      const size_t at = round - 1;
      __m256i pair = reversed(load_pair(to_hash + at * 2 * kBlockBytes));
      if (at == 0) pair = _mm256_xor_si256(pair, _mm256_zextsi128_si256(message.hash));
      multiply_add(sum, pair, load_pair(&key.power[2 * at]), load_pair(&key.half_sum[2 * at]));
    }
  }
  message.hash =
      reduce({sum_of_halves(sum.low), sum_of_halves(sum.middle), sum_of_halves(sum.high)});
  const __m256i last_key = _mm256_load_si256(&key.round[kRounds]);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < kWide; ++i) {
    uint8_t* at = data + i * 2 * kBlockBytes;
    // The last round adds its key at the end, so the data goes in with the key.
    const __m256i mask = _mm256_xor_si256(last_key, load_pair(at));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), _mm256_aesenclast_epi128(states[i], mask));
  }
}

// The first or the last part of a message: no hashing woven in.
[[CAIRN_VAES]] void crypt_alone(const Schedule& key, Message& message, uint8_t* data) {
  __m256i states[kWide];
  start_counters(message, states, key);
  for (size_t round = 1; round < kRounds; ++round) {
    for (__m256i& state : states) state = _mm256_aesenc_epi128(state, key.round[round]);
  }
  for (size_t i = 0; i < kWide; ++i) {
    uint8_t* at = data + i * 2 * kBlockBytes;
    const __m256i mask = _mm256_xor_si256(key.round[kRounds], load_pair(at));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), _mm256_aesenclast_epi128(states[i], mask));
  }
}

[[CAIRN_VAES]] void crypt_tail(const Schedule& key, Message& message, MutableBytes tail,
                               bool encrypt) {
  alignas(32) std::array<uint8_t, kStrideBytes> buffer{};
  const size_t blocks = (tail.size() + kBlockBytes - 1) / kBlockBytes;
  std::ranges::copy(tail, buffer.begin());
  if (!encrypt) message.hash = hash_blocks(key, message.hash, buffer.data(), blocks);
  crypt_alone(key, message, buffer.data());
  std::copy_n(buffer.begin(), tail.size(), tail.begin());
  if (encrypt) {
    std::fill(buffer.begin() + static_cast<ptrdiff_t>(tail.size()), buffer.end(), uint8_t{0});
    message.hash = hash_blocks(key, message.hash, buffer.data(), blocks);
  }
  OPENSSL_cleanse(buffer.data(), buffer.size());
}

[[CAIRN_VAES]] __m128i hash_padded(const Schedule& key, __m128i hash, BytesView bytes) {
  while (!bytes.empty()) {
    std::array<uint8_t, kStrideBytes> buffer{};
    const size_t size = std::min(bytes.size(), buffer.size());
    std::copy_n(bytes.begin(), size, buffer.begin());
    hash = hash_blocks(key, hash, buffer.data(), (size + kBlockBytes - 1) / kBlockBytes);
    bytes = bytes.subspan(size);
  }
  return hash;
}

// Encrypts or decrypts in place and computes the tag.
[[CAIRN_VAES]] void crypt(const Schedule& key, const AeadNonce& nonce, BytesView aad,
                          MutableBytes data, bool encrypt, uint8_t* tag) {
  alignas(16) std::array<uint8_t, kBlockBytes> first{};
  std::ranges::copy(nonce, first.begin());
  first.back() = 1;
  const __m128i counter = reversed(load_block(first.data()));
  Message message;
  // Counter 1 is for the tag; the data begins with 2 and 3.
  message.counters = _mm256_add_epi32(_mm256_broadcastsi128_si256(counter),
                                      _mm256_set_epi32(0, 0, 0, 2, 0, 0, 0, 1));
  message.hash = hash_padded(key, _mm_setzero_si128(), aad);

  const size_t data_bytes = data.size();
  const uint8_t* behind = nullptr;  // Encrypted, not yet hashed.
  while (data.size() >= kStrideBytes) {
    if (!encrypt) {
      crypt_stride(key, message, data.data(), data.data());
    } else if (behind == nullptr) {
      crypt_alone(key, message, data.data());
      behind = data.data();
    } else {
      crypt_stride(key, message, data.data(), behind);
      behind = data.data();
    }
    data = data.subspan(kStrideBytes);
  }
  if (behind != nullptr) message.hash = hash_blocks(key, message.hash, behind, kPowersMax);
  if (!data.empty()) crypt_tail(key, message, data, encrypt);

  alignas(16) std::array<uint8_t, kBlockBytes> lengths;
  store_be<uint64_t>(lengths.data(), aad.size() * 8);
  store_be<uint64_t>(lengths.data() + 8, data_bytes * 8);
  message.hash = hash_blocks(key, message.hash, lengths.data(), 1);
  const __m128i mask = encrypt_block(key, load_block(first.data()));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(tag), _mm_xor_si128(reversed(message.hash), mask));
}

// Two round keys of AES-256's schedule (FIPS 197 section 5.2) out of the two before.
[[CAIRN_VAES_INLINE]] inline __m128i next_round_key(__m128i before, __m128i word) {
  before = _mm_xor_si128(before, _mm_slli_si128(before, 4));
  before = _mm_xor_si128(before, _mm_slli_si128(before, 8));
  return _mm_xor_si128(before, word);
}
template <int kConstant>
[[CAIRN_VAES_INLINE]] inline void expand(__m128i& even, __m128i& odd, __m256i* out) {
  even = next_round_key(even, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(odd, kConstant), 0xFF));
  out[0] = _mm256_broadcastsi128_si256(even);
  odd = next_round_key(odd, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(even, 0), 0xAA));
  out[1] = _mm256_broadcastsi128_si256(odd);
}

[[CAIRN_VAES]] void make_schedule(BytesView key, Schedule& out) {
  __m128i even = load_block(key.data());
  __m128i odd = load_block(key.data() + kBlockBytes);
  out.round[0] = _mm256_broadcastsi128_si256(even);
  out.round[1] = _mm256_broadcastsi128_si256(odd);
  expand<0x01>(even, odd, out.round + 2);
  expand<0x02>(even, odd, out.round + 4);
  expand<0x04>(even, odd, out.round + 6);
  expand<0x08>(even, odd, out.round + 8);
  expand<0x10>(even, odd, out.round + 10);
  expand<0x20>(even, odd, out.round + 12);
  even = next_round_key(even, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(odd, 0x40), 0xFF));
  out.round[14] = _mm256_broadcastsi128_si256(even);

  // The hash key times x: a shift, and the polynomial when a bit falls out.
  const __m128i hash_key = reversed(encrypt_block(out, _mm_setzero_si128()));
  const __m128i carries = _mm_srli_epi64(hash_key, 63);
  __m128i doubled = _mm_or_si128(_mm_slli_epi64(hash_key, 1), _mm_slli_si128(carries, 8));
  const int64_t fell_out = _mm_extract_epi64(carries, 1);
  const __m128i polynomial = _mm_set_epi64x(static_cast<int64_t>(0xC200000000000000), 1);
  doubled = _mm_xor_si128(doubled, _mm_and_si128(polynomial, _mm_set1_epi64x(-fell_out)));

  const __m128i half_sum = half_sum_of(doubled);
  __m128i power = doubled;
  for (size_t i = kPowersMax; i-- > 0;) {
    out.power[i] = power;
    out.half_sum[i] = half_sum_of(power);
    Product next{_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
    multiply_add(next, power, doubled, half_sum);
    power = reduce(next);
  }
}

class VaesGcm final : public Aes256Gcm {
 public:
  explicit VaesGcm(BytesView key) { make_schedule(key, key_); }
  VaesGcm(const VaesGcm&) = delete;
  VaesGcm& operator=(const VaesGcm&) = delete;
  ~VaesGcm() override { OPENSSL_cleanse(&key_, sizeof(key_)); }

  bool seal(const AeadNonce& nonce, BytesView aad, MutableBytes data,
            std::span<uint8_t, kAeadTagBytes> tag) override {
    crypt(key_, nonce, aad, data, true, tag.data());
    return true;
  }

  bool open(const AeadNonce& nonce, BytesView aad, MutableBytes data,
            std::span<const uint8_t, kAeadTagBytes> tag) override {
    std::array<uint8_t, kAeadTagBytes> found;
    crypt(key_, nonce, aad, data, false, found.data());
    if (CRYPTO_memcmp(found.data(), tag.data(), tag.size()) == 0) return true;
    OPENSSL_cleanse(data.data(), data.size());
    return false;
  }

 private:
  Schedule key_;
};

}  // namespace

bool vaes_works() {
  return cpu_features().vaes && cpu_features().vpclmul;
}

std::unique_ptr<Aes256Gcm> make_vaes_gcm(BytesView key) {
  ASSERT(key.size() == kAeadKeyBytes && vaes_works());
  return std::make_unique<VaesGcm>(key);
}

}  // namespace cairn::crypto

#else

namespace cairn::crypto {

bool vaes_works() {
  return false;
}
std::unique_ptr<Aes256Gcm> make_vaes_gcm(BytesView) {
  return nullptr;
}

}  // namespace cairn::crypto

#endif
