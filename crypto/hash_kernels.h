// The compression functions of MD5 and SHA-256 over one or several streams at once. Internal to
// crypto/: the streams, padding and order are their callers' business.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace cairn::crypto {

inline constexpr size_t kHashBlockBytes = 64;
inline constexpr size_t kHashLanesMax = 16;

// Hashes `blocks` consecutive 64-byte blocks of each of `lanes` independent streams. states[i] is
// the chaining value of stream i (4 words for MD5, 8 for SHA-256). REQUIRES: 0 < lanes <= the
// kernel's lanes_max, data[i] readable for blocks * 64 bytes.
using CompressLanes = void (*)(size_t lanes, uint32_t* const* states, const uint8_t* const* data,
                               size_t blocks);

struct HashKernel {
  std::string_view name;
  size_t lanes_max = 0;
  CompressLanes compress = nullptr;
};

// What this processor can run, the fastest first; the last one is portable. Never empty.
std::span<const HashKernel> md5_kernels();
std::span<const HashKernel> sha256_kernels();

// The end of a message in the padding that MD5 and SHA-256 share (RFC 1321 section 3.1).
struct PaddedEnd {
  std::array<uint8_t, 2 * kHashBlockBytes> bytes{};
  size_t blocks = 1;
};
enum class LengthOrder { kLittleEndian, kBigEndian };  // MD5's, SHA-256's.
// REQUIRES: rest.size() < kHashBlockBytes.
PaddedEnd pad_end(BytesView rest, uint64_t message_bytes, LengthOrder order);

inline constexpr std::array<uint32_t, 4> kMd5Start = {0x67452301, 0xefcdab89, 0x98badcfe,
                                                      0x10325476};
inline constexpr std::array<uint32_t, 8> kSha256Start = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

}  // namespace cairn::crypto
