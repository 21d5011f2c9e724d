#include "cli/human.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "base/units.h"

namespace cairn::cli {
namespace {

std::string printed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

struct Unit {
  std::string_view name;
  uint64_t factor;
};
constexpr Unit kSizeUnits[] = {{"KiB", KiB},     {"MiB", MiB},         {"GiB", GiB},
                               {"TiB", TiB},     {"kB", 1000},         {"KB", 1000},
                               {"MB", 1000'000}, {"GB", 1000'000'000}, {"TB", 1000'000'000'000},
                               {"K", KiB},       {"k", KiB},           {"M", MiB},
                               {"G", GiB},       {"T", TiB},           {"B", 1}};
constexpr Unit kTimeUnits[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}};

// A number with at most one unit behind it; -1 when it is none.
template <size_t kCount>
double parse_with_unit(std::string_view text, const Unit (&units)[kCount]) {
  double factor = 1;
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) continue;
    factor = static_cast<double>(unit.factor);
    text.remove_suffix(unit.name.size());
    break;
  }
  while (text.ends_with(' ')) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return -1;
  return value * factor;
}

// Beyond this a double no longer counts single bytes.
constexpr double kValueMax = 9e15;

}  // namespace

std::string human_size(uint64_t size_bytes) {
  static constexpr std::array<const char*, 6> kNames = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (size_bytes < KiB) return std::to_string(size_bytes) + " B";
  auto value = static_cast<double>(size_bytes) / 1024;
  size_t i = 0;
  // 1023.95 would be printed as 1024.0.
  while (value >= 1023.95 && i + 1 < kNames.size()) {
    value /= 1024;
    ++i;
  }
  return printed("%.1f ", value) + kNames[i];
}

std::string human_rate(double bytes_per_second) {
  if (!(bytes_per_second > 0)) return "0 B/s";
  if (bytes_per_second < 1e3) return printed("%.0f B/s", bytes_per_second);
  if (bytes_per_second < 1e6) return printed("%.1f kB/s", bytes_per_second / 1e3);
  if (bytes_per_second < 1e9) return printed("%.1f MB/s", bytes_per_second / 1e6);
  return printed("%.2f GB/s", bytes_per_second / 1e9);
}

std::string human_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 359999) return "-:--";
  const auto whole = static_cast<uint64_t>(seconds + 0.5);
  char text[64];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lu:%02lu", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return text;
}

Result<uint64_t> parse_human_size(std::string_view text) {
  const double value = parse_with_unit(text, kSizeUnits);
  if (!(value >= 0 && value <= kValueMax)) {
    return fail(Code::kInvalidArgument,
                "expected a size such as 4096, 64KiB, 10MB or 1.5GiB, not "
                "\"" +
                    std::string(text) + "\"");
  }
  return static_cast<uint64_t>(std::llround(value));
}

Result<uint64_t> parse_human_duration_seconds(std::string_view text) {
  const double value = parse_with_unit(text, kTimeUnits);
  if (!(value >= 0 && value <= kValueMax)) {
    return fail(Code::kInvalidArgument,
                "expected a time such as 90s, 15m, 12h or 7d, not \"" + std::string(text) + "\"");
  }
  return static_cast<uint64_t>(std::llround(value));
}

std::string local_time_text(WallTime time) {
  const std::time_t seconds = time.unix_ms / 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[64];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return std::string(text, size);
}

}  // namespace cairn::cli
