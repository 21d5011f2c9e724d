#include "http/date.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/assert.h"

namespace cairn::http {
namespace {

constexpr std::string_view kWeekdays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr int64_t kSecondsPerDay = 86400;

void put_number(char* at, unsigned digits_count, unsigned value) {
  for (char* digit = at + digits_count; digit != at; value /= 10) {
    *--digit = static_cast<char>('0' + value % 10);
  }
}

std::optional<unsigned> read_number(std::string_view text) {
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

}  // namespace

std::array<char, kHttpDateBytes> format_http_date(int64_t unix_seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto year = static_cast<int>(date.year());
  ASSERT(year >= 0 && year <= 9999);
  const auto second_of_day = static_cast<unsigned>((time - day).count());

  std::array<char, kHttpDateBytes> text;
  std::memcpy(text.data(), "Www, DD Mmm YYYY HH:MM:SS GMT", kHttpDateBytes);
  kWeekdays.copy(text.data(), 3, 3 * std::chrono::weekday(day).c_encoding());
  put_number(text.data() + 5, 2, static_cast<unsigned>(date.day()));
  kMonths.copy(text.data() + 8, 3, 3 * (static_cast<unsigned>(date.month()) - 1));
  put_number(text.data() + 12, 4, static_cast<unsigned>(year));
  put_number(text.data() + 17, 2, second_of_day / 3600);
  put_number(text.data() + 20, 2, second_of_day / 60 % 60);
  put_number(text.data() + 23, 2, second_of_day % 60);
  return text;
}

std::optional<int64_t> parse_http_date(std::string_view text) {
  if (text.size() != kHttpDateBytes || text.substr(3, 2) != ", " || text[7] != ' ' ||
      text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':' ||
      !text.ends_with(" GMT")) {
    return std::nullopt;
  }
  const size_t weekday = kWeekdays.find(text.substr(0, 3));
  const size_t month = kMonths.find(text.substr(8, 3));
  if (weekday == std::string_view::npos || weekday % 3 != 0) return std::nullopt;
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  const auto day = read_number(text.substr(5, 2));
  const auto year = read_number(text.substr(12, 4));
  const auto hour = read_number(text.substr(17, 2));
  const auto minute = read_number(text.substr(20, 2));
  const auto second = read_number(text.substr(23, 2));
  if (!day || !year || !hour || !minute || !second) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * kSecondsPerDay + *hour * 3600 + *minute * 60 + *second;
}

}  // namespace cairn::http
