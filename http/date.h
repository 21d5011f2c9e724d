// Dates of HTTP fields: "Sun, 06 Nov 1994 08:49:37 GMT" (IMF-fixdate, RFC 9110 5.6.7).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cairn::http {

inline constexpr size_t kHttpDateBytes = 29;

// Seconds since 1970 to text. REQUIRES: the year has four digits.
std::array<char, kHttpDateBytes> format_http_date(int64_t unix_seconds);
// Accepts IMF-fixdate only; nullopt for anything else. The weekday's name is not compared.
std::optional<int64_t> parse_http_date(std::string_view text);

}  // namespace cairn::http
