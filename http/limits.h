// Every bound of the HTTP/1.1 codec in one place (RELIABILITY.md S1-S5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/units.h"
#include "io/stream.h"

namespace cairn::http {

inline constexpr size_t kHeadBytesMax = 16 * KiB;   // Start line and fields; beyond: 431.
inline constexpr size_t kFieldsMax = 100;           // Beyond: 431.
inline constexpr size_t kTargetBytesMax = 8 * KiB;  // Beyond: 414.
inline constexpr size_t kMethodBytesMax = 32;       // Beyond: 400.
inline constexpr size_t kChunkSizeDigitsMax = 16;
inline constexpr size_t kChunkExtensionBytesMax = 1 * KiB;
inline constexpr size_t kTrailerBytesMax = 8 * KiB;
inline constexpr uint64_t kContentLengthMax = std::numeric_limits<int64_t>::max();
inline constexpr size_t kInterimResponsesMax = 8;  // 1xx replies a client accepts before the final.

// A head fits into one receive buffer, and field positions into 16 bits.
static_assert(kHeadBytesMax <= io::kSmallBufferBytes);
static_assert(kHeadBytesMax <= std::numeric_limits<uint16_t>::max());
static_assert(kTrailerBytesMax <= kHeadBytesMax);
static_assert(kTargetBytesMax < kHeadBytesMax);

}  // namespace cairn::http
