#include "iam/values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "iam/text.h"

namespace cairn::iam {
namespace {

constexpr size_t kAddressTextMax = 64;
constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr uint32_t kMappedWord = 0x0000FFFF;  // The last four bytes of it.
constexpr uint8_t kMappedBits = 96;
constexpr uint8_t kAddressBits = 128;

bool parse_address(std::string_view text, std::array<uint8_t, 16>& address) {
  if (text.empty() || text.size() >= kAddressTextMax) return false;
  char terminated[kAddressTextMax] = {};
  std::memcpy(terminated, text.data(), text.size());
  if (::inet_pton(AF_INET6, terminated, address.data()) == 1) return true;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.begin());
  return ::inet_pton(AF_INET, terminated, address.data() + kMappedPrefix.size()) == 1;
}

// A word whose first `count` bits are set.
uint64_t first_bits(unsigned count) {
  if (count == 0) return 0;
  return count >= 64 ? UINT64_MAX : UINT64_MAX << (64 - count);
}

template <typename T>
bool parse_all(std::string_view text, T& value) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  return !text.empty() && error == std::errc() && end == last;
}

// Takes exactly `digits` digits off the front.
bool take_number(std::string_view& text, size_t digits, int& value) {
  if (text.size() < digits) return false;
  value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// "T03:04:05.678" and what zone follows, in milliseconds; the text must end there.
bool parse_time_of_day(std::string_view text, int64_t& milliseconds) {
  int hours = 0;
  int minutes = 0;
  int seconds = 0;
  if (!take(text, 'T') || !take_number(text, 2, hours) || !take(text, ':') ||
      !take_number(text, 2, minutes)) {
    return false;
  }
  if (take(text, ':') && !take_number(text, 2, seconds)) return false;
  int64_t fraction_ms = 0;
  if (take(text, '.')) {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return false;
    int64_t scale = 100;
    for (size_t i = 0; i < digits && scale > 0; ++i, scale /= 10) {
      fraction_ms += (text[i] - '0') * scale;
    }
    text.remove_prefix(digits);
  }
  int offset_minutes = 0;
  if (text == "Z" || text.empty()) {
    text = {};
  } else {
    const int sign = text.front() == '-' ? -1 : 1;
    int offset_hours = 0;
    int rest = 0;
    if (!take(text, '+') && !take(text, '-')) return false;
    if (!take_number(text, 2, offset_hours)) return false;
    static_cast<void>(take(text, ':'));
    if (!take_number(text, 2, rest) || offset_hours > 23 || rest > 59) return false;
    offset_minutes = sign * (offset_hours * 60 + rest);
  }
  if (!text.empty() || hours > 23 || minutes > 59 || seconds > 60) return false;
  milliseconds =
      ((hours * 60 + minutes - offset_minutes) * int64_t{60} + seconds) * 1000 + fraction_ms;
  return true;
}

}  // namespace

std::optional<IpNetwork> parse_ip_network(std::string_view text) {
  const size_t slash = text.find('/');
  std::array<uint8_t, 16> address;
  if (!parse_address(text.substr(0, slash), address)) return std::nullopt;
  uint8_t bits = kAddressBits;
  if (slash != std::string_view::npos) {
    const bool is_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
    if (!parse_all(text.substr(slash + 1), bits)) return std::nullopt;
    if (bits > (is_v4 ? kAddressBits - kMappedBits : kAddressBits)) return std::nullopt;
    if (is_v4) bits = static_cast<uint8_t>(kMappedBits + bits);
  }
  IpNetwork network;
  network.address = {load_be<uint64_t>(address.data()), load_be<uint64_t>(address.data() + 8)};
  network.mask = {first_bits(bits), first_bits(bits > 64 ? bits - 64U : 0U)};
  network.prefix_bits = bits;
  network.is_v4 =
      bits >= kMappedBits && network.address.high == 0 && network.address.low >> 32 == kMappedWord;
  return network;
}

std::optional<double> parse_decimal(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  if (!parse_all(text, value) || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<WallTime> parse_policy_date(std::string_view text) {
  int64_t seconds = 0;
  constexpr int64_t kSecondsMax = INT64_MAX / 1000;
  if (text.size() != 4 && parse_all(text, seconds)) {
    if (seconds < 0 || seconds > kSecondsMax) return std::nullopt;
    return WallTime{seconds * 1000};
  }
  int year = 0;
  int month = 0;
  int day = 0;
  if (!take_number(text, 4, year) || !take(text, '-') || !take_number(text, 2, month) ||
      !take(text, '-') || !take_number(text, 2, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  int64_t time_ms = 0;
  if (!text.empty() && !parse_time_of_day(text, time_ms)) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return WallTime{days * 86'400'000 + time_ms};
}

std::string format_policy_date(WallTime time) {
  const std::chrono::sys_time<std::chrono::seconds> moment(
      std::chrono::seconds(time.unix_ms >= 0 ? time.unix_ms / 1000 : 0));
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(moment - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::optional<bool> parse_policy_bool(std::string_view text) {
  if (equal_folded(text, "true")) return true;
  if (equal_folded(text, "false")) return false;
  return std::nullopt;
}

}  // namespace cairn::iam
