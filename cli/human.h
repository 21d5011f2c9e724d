// Sizes, times and ages as people write and read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace cairn::cli {

// "0 B", "1.5 KiB", "88.2 MiB".
std::string human_size(uint64_t size_bytes);
// "12.3 MB/s" of decimal megabytes, as networks are sold.
std::string human_rate(double bytes_per_second);
// "0:07", "12:30", "1:02:03"; "-:--" for what cannot be told.
std::string human_duration(double seconds);

// "512", "10K", "10KiB", "10MB", "1.5GiB": K, M, G, T alone and KiB... are binary, kB, MB...
// decimal. kInvalidArgument says what was expected.
Result<uint64_t> parse_human_size(std::string_view text);
// "90s", "15m", "12h", "7d", "2w"; a plain number is seconds.
Result<uint64_t> parse_human_duration_seconds(std::string_view text);

// "2026-11-25 14:01:59" of local time, as aws-cli lists.
std::string local_time_text(WallTime time);

}  // namespace cairn::cli
