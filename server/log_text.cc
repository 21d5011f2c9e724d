#include "server/log_text.h"

#include <charconv>
#include <ctime>
#include <iterator>

#include "base/log.h"

namespace cairn::server {

void append_iso_time(std::string& out, WallTime at) {
  const time_t second = static_cast<time_t>(at.unix_ms / 1000);
  tm parts{};
  gmtime_r(&second, &parts);
  char text[32];
  const size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  out.append(text, size);
  const auto rest = static_cast<unsigned>(at.unix_ms % 1000);
  out += '.';
  out += static_cast<char>('0' + rest / 100);
  out += static_cast<char>('0' + rest / 10 % 10);
  out += static_cast<char>('0' + rest % 10);
  out += 'Z';
}

void append_text_field(std::string& out, std::string_view name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":\"";
  log::append_json_escaped(out, text);
  out += '"';
}

void append_count_field(std::string& out, std::string_view name, uint64_t value) {
  char digits[20];
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), value);
  out += ",\"";
  out += name;
  out += "\":";
  out.append(digits, static_cast<size_t>(end - digits));
}

}  // namespace cairn::server
