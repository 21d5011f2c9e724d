// The process log: one JSON line per event on standard error, injection-safe. Secrets are never
// passed here. Thread rule: any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace cairn::log {

enum class Level : unsigned char { kDebug, kInfo, kWarning, kError };

// One named value of an event.
struct Field {
  std::string_view name;
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value;
};

// Events below `level` are dropped. Default kInfo.
void set_level(Level level);
bool enabled(Level level);

// Writes {"time":...,"level":...,"event":...,<fields>}; every value is JSON-escaped.
void write(Level level, std::string_view event, std::initializer_list<Field> fields = {});

inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kInfo, event, fields);
}
inline void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kWarning, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kError, event, fields);
}

// Appends `text` to `out` as the inside of a JSON string; bytes that are not UTF-8 become \u00XX.
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace cairn::log
