// Dates of HTTP, S3 and SigV4. All are UTC.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace cairn {

// RFC 9110 5.6.7: IMF-fixdate, RFC 850, asctime. Also accepts "+0000" and "UTC" for GMT, as old
// clients send them. The day name is not compared.
std::optional<WallTime> parse_http_date(std::string_view text);
// 2026-01-02T03:04:05[.fff][Z|+hh:mm], 2026-01-02.
std::optional<WallTime> parse_iso8601(std::string_view text);
// 20260102T030405Z
std::optional<WallTime> parse_amz_date(std::string_view text);
// Any of the above: for conditions.
std::optional<WallTime> parse_any_date(std::string_view text);

std::string format_http_date(WallTime time);   // Fri, 02 Jan 2026 03:04:05 GMT
std::string format_iso8601_ms(WallTime time);  // 2026-01-02T03:04:05.000Z
std::string format_iso8601(WallTime time);     // 2026-01-02T03:04:05Z
std::string format_amz_date(WallTime time);    // 20260102T030405Z

}  // namespace cairn
