#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace cairn::log {
namespace {

std::atomic<Level> g_level{Level::kInfo};  // The one process-wide setting of this file.

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarning: return "warning";
    case Level::kError: return "error";
  }
  return "error";
}

void append_time(std::string& out) {
  const int64_t unix_ms = system_clock().wall_now().unix_ms;
  const time_t whole = static_cast<time_t>(unix_ms / 1000);
  tm parts{};
  ::gmtime_r(&whole, &parts);
  char text[40];
  const size_t size = ::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  out.append(text, size);
  char fraction[8];
  std::snprintf(fraction, sizeof(fraction), ".%03dZ", static_cast<int>(unix_ms % 1000));
  out += fraction;
}

void append_value(std::string& out, const Field& field) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    out += '"';
    append_json_escaped(out, *text);
    out += '"';
  } else if (const auto* number = std::get_if<int64_t>(&field.value)) {
    out += std::to_string(*number);
  } else if (const auto* count = std::get_if<uint64_t>(&field.value)) {
    out += std::to_string(*count);
  } else if (const auto* real = std::get_if<double>(&field.value)) {
    out += std::to_string(*real);
  } else {
    out += std::get<bool>(field.value) ? "true" : "false";
  }
}

// Length of the well-formed UTF-8 sequence at the front of `text`, 0 when there is none (RFC 3629).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

}  // namespace

void append_json_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const char c = text.front();
    const size_t length = utf8_length(text);
    const bool plain =
        length > 1 || (length == 1 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7F);
    if (plain) {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x",
                    static_cast<unsigned>(static_cast<uint8_t>(c)));
      out += escape;
    }
    text.remove_prefix(1);
  }
}

void set_level(Level level) {
  g_level.store(level, std::memory_order_relaxed);
}
bool enabled(Level level) {
  return level >= g_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  std::string line = "{\"time\":\"";
  append_time(line);
  line += "\",\"level\":\"";
  line += level_name(level);
  line += "\",\"event\":\"";
  append_json_escaped(line, event);
  line += '"';
  for (const Field& field : fields) {
    line += ",\"";
    append_json_escaped(line, field.name);
    line += "\":";
    append_value(line, field);
  }
  line += "}\n";
  // One write(2) per line, so that lines of several threads do not mix. A closed stderr is no
  // error.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace cairn::log
