#include "base/dates.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace cairn {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

// Reads fixed pieces from the front of a text; a miss makes all that follows fail too.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  int number(size_t digits_count) {
    if (!ok_ || text_.size() < digits_count) return fail();
    int value = 0;
    for (size_t i = 0; i < digits_count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return fail();
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(digits_count);
    return value;
  }
  void literal(std::string_view expected) {
    if (!accept(expected)) fail();
  }
  bool accept(std::string_view expected) {
    if (!ok_ || !text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  int month() {
    for (size_t i = 0; i < kMonths.size(); ++i) {
      if (accept(kMonths[i])) return static_cast<int>(i) + 1;
    }
    return fail();
  }
  // A word of letters, e.g. a day's name.
  void word() {
    const size_t end =
        std::min(text_.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                 text_.size());
    if (end == 0) fail();
    text_.remove_prefix(end);
  }
  void end() {
    if (!text_.empty()) fail();
  }
  bool ok() const { return ok_; }
  bool at_end() const { return text_.empty(); }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }

 private:
  int fail() {
    ok_ = false;
    return 0;
  }
  std::string_view text_;
  bool ok_ = true;
};

struct CivilTime {
  int year = 1970, month = 1, day = 1;
  int hour = 0, minute = 0, second = 0, millisecond = 0;
};

std::optional<WallTime> to_wall(const CivilTime& t) {
  using namespace std::chrono;
  const year_month_day date{year{t.year}, month{static_cast<unsigned>(t.month)},
                            day{static_cast<unsigned>(t.day)}};
  // A leap second (60) is taken as the start of the next minute.
  if (!date.ok() || t.hour > 23 || t.minute > 59 || t.second > 60) return std::nullopt;
  const int64_t days_count = sys_days{date}.time_since_epoch().count();
  const int64_t seconds_count = ((days_count * 24 + t.hour) * 60 + t.minute) * 60 + t.second;
  return WallTime{seconds_count * 1000 + t.millisecond};
}

CivilTime to_civil(WallTime time) {
  using Milliseconds = std::chrono::milliseconds;
  const std::chrono::sys_time<Milliseconds> point{Milliseconds{time.unix_ms}};
  const auto day_start = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day_start};
  const std::chrono::hh_mm_ss<Milliseconds> clock{point - day_start};
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(clock.hours().count()),
          static_cast<int>(clock.minutes().count()),
          static_cast<int>(clock.seconds().count()),
          static_cast<int>(clock.subseconds().count())};
}

void read_clock(Scanner& in, CivilTime& t) {
  t.hour = in.number(2);
  in.literal(":");
  t.minute = in.number(2);
  in.literal(":");
  t.second = in.number(2);
}

void read_zone_gmt(Scanner& in) {
  in.literal(" ");
  if (!in.accept("GMT") && !in.accept("UTC") && !in.accept("+0000")) in.literal("-0000");
  in.end();
}

// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<WallTime> parse_fixdate(std::string_view text) {
  Scanner in(text);
  CivilTime t;
  in.word();
  in.literal(", ");
  t.day = in.number(2);
  in.literal(" ");
  t.month = in.month();
  in.literal(" ");
  t.year = in.number(4);
  in.literal(" ");
  read_clock(in, t);
  read_zone_gmt(in);
  return in.ok() ? to_wall(t) : std::nullopt;
}

// Sunday, 06-Nov-94 08:49:37 GMT. Two digits below 70 are of this century.
std::optional<WallTime> parse_rfc850(std::string_view text) {
  Scanner in(text);
  CivilTime t;
  in.word();
  in.literal(", ");
  t.day = in.number(2);
  in.literal("-");
  t.month = in.month();
  in.literal("-");
  t.year = in.number(2);
  t.year += t.year < 70 ? 2000 : 1900;
  in.literal(" ");
  read_clock(in, t);
  read_zone_gmt(in);
  return in.ok() ? to_wall(t) : std::nullopt;
}

// Sun Nov  6 08:49:37 1994
std::optional<WallTime> parse_asctime(std::string_view text) {
  Scanner in(text);
  CivilTime t;
  in.word();
  in.literal(" ");
  t.month = in.month();
  in.literal(" ");
  t.day = in.accept(" ") ? in.number(1) : in.number(2);
  in.literal(" ");
  read_clock(in, t);
  in.literal(" ");
  t.year = in.number(4);
  in.end();
  return in.ok() ? to_wall(t) : std::nullopt;
}

template <typename... Args>
std::string formatted(const char* format, Args... args) {
  std::array<char, 64> text;
  const int size = std::snprintf(text.data(), text.size(), format, args...);
  return std::string(text.data(), static_cast<size_t>(size));
}

}  // namespace

std::optional<WallTime> parse_http_date(std::string_view text) {
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos) return parse_asctime(text);
  if (std::optional<WallTime> time = parse_fixdate(text)) return time;
  return parse_rfc850(text);
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
  Scanner in(text);
  CivilTime t;
  t.year = in.number(4);
  in.literal("-");
  t.month = in.number(2);
  in.literal("-");
  t.day = in.number(2);
  if (in.ok() && in.at_end()) return to_wall(t);
  in.literal("T");
  read_clock(in, t);
  int64_t offset_minutes = 0;
  if (in.accept(".")) {
    // Milliseconds are kept, finer digits are dropped.
    t.millisecond = in.number(1) * 100;
    int weight = 10;
    while (in.ok() && in.peek() >= '0' && in.peek() <= '9') {
      t.millisecond += in.number(1) * weight;
      weight /= 10;
    }
  }
  if (!in.accept("Z") && !in.at_end()) {
    const int sign = in.accept("-") ? -1 : 1;
    if (sign > 0) in.literal("+");
    const int hours_count = in.number(2);
    in.accept(":");
    const int minutes_count = in.number(2);
    if (hours_count > 14 || minutes_count > 59) return std::nullopt;
    offset_minutes = sign * (hours_count * 60 + minutes_count);
  }
  in.end();
  if (!in.ok()) return std::nullopt;
  std::optional<WallTime> time = to_wall(t);
  if (time) time->unix_ms -= offset_minutes * 60 * 1000;
  return time;
}

std::optional<WallTime> parse_amz_date(std::string_view text) {
  Scanner in(text);
  CivilTime t;
  t.year = in.number(4);
  t.month = in.number(2);
  t.day = in.number(2);
  in.literal("T");
  t.hour = in.number(2);
  t.minute = in.number(2);
  t.second = in.number(2);
  in.literal("Z");
  in.end();
  return in.ok() ? to_wall(t) : std::nullopt;
}

std::optional<WallTime> parse_any_date(std::string_view text) {
  if (std::optional<WallTime> time = parse_http_date(text)) return time;
  if (std::optional<WallTime> time = parse_iso8601(text)) return time;
  return parse_amz_date(text);
}

std::string format_http_date(WallTime time) {
  const CivilTime t = to_civil(time);
  // 1970-01-01 was a Thursday.
  int64_t days_count = time.unix_ms / 86400000;
  if (time.unix_ms % 86400000 < 0) --days_count;
  const int64_t weekday = ((days_count + 4) % 7 + 7) % 7;
  return formatted(
      "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[static_cast<size_t>(weekday)].data(), t.day,
      kMonths[static_cast<size_t>(t.month - 1)].data(), t.year, t.hour, t.minute, t.second);
}

// Written by hand: a listing formats a thousand of them.
std::string format_iso8601_ms(WallTime time) {
  const CivilTime t = to_civil(time);
  std::string text = "0000-00-00T00:00:00.000Z";
  const auto put = [&text](size_t end, size_t width, int value) {
    for (size_t i = 0; i < width; ++i, value /= 10) {
      text[end - 1 - i] = static_cast<char>('0' + value % 10);
    }
  };
  put(4, 4, t.year);
  put(7, 2, t.month);
  put(10, 2, t.day);
  put(13, 2, t.hour);
  put(16, 2, t.minute);
  put(19, 2, t.second);
  put(23, 3, t.millisecond);
  return text;
}

std::string format_iso8601(WallTime time) {
  const CivilTime t = to_civil(time);
  return formatted("%04d-%02d-%02dT%02d:%02d:%02dZ", t.year, t.month, t.day, t.hour, t.minute,
                   t.second);
}

std::string format_amz_date(WallTime time) {
  const CivilTime t = to_civil(time);
  return formatted("%04d%02d%02dT%02d%02d%02dZ", t.year, t.month, t.day, t.hour, t.minute,
                   t.second);
}

}  // namespace cairn
