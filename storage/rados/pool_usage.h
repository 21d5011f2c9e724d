// What the monitors know of a pool's space, from the answer to `ceph df` in JSON.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace cairn::storage {

// Bytes as clients see them: without replicas, without coding.
struct PoolUsage {
  uint64_t stored_bytes = 0;
  uint64_t available_bytes = 0;
};

inline constexpr size_t kPoolUsageTextBytesMax = 8U << 20;  // Thousands of pools.

// kCorruption when it is no such answer; kNotFound when the pool is not in it.
Result<PoolUsage> parse_pool_usage(std::string_view text, std::string_view pool);

}  // namespace cairn::storage
