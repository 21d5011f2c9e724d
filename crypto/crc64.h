// CRC-64/NVME (reflected 0x9A6C9329AC4BC9B5, all ones before and after) and the arithmetic that
// joins CRCs. Internal to crypto/; the public forms are in digest.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace cairn::crypto {

inline constexpr uint64_t kCrc64NvmePolynomial = 0x9A6C9329AC4BC9B5;  // Reflected.
inline constexpr uint32_t kCrc32Polynomial = 0xEDB88320;              // Reflected.
inline constexpr uint32_t kCrc32cPolynomial = 0x82F63B78;             // Reflected.

// Continues a CRC: crc64_nvme(crc64_nvme(0, a), b) is the CRC of a | b, and 0 that of nothing.
uint64_t crc64_nvme(uint64_t crc, BytesView bytes);

// The same by each way this processor has, the fastest first; the last one is portable.
struct Crc64Kernel {
  std::string_view name;
  // Works on the raw register: no inversion before or after.
  uint64_t (*update)(uint64_t state, BytesView bytes) = nullptr;
};
std::span<const Crc64Kernel> crc64_kernels();

// The CRC of a | b out of both CRCs and b's length: first * x^(8 * second_size_bytes) + second in
// the ring of the polynomial (as zlib's crc32_combine does), `polynomial` reflected.
template <typename Word>
Word combine_crc_words(Word polynomial, Word first, Word second, uint64_t second_size_bytes);

}  // namespace cairn::crypto
