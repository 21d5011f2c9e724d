// One JSON object on one line: what --json prints. Text that is no UTF-8 (names of files may be
// anything) is shown with U+FFFD in place of the bad bytes.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::cli {

class JsonLine {
 public:
  JsonLine() = default;
  // {"event":"...", ...}
  explicit JsonLine(std::string_view event) { add("event", event); }

  JsonLine& add(std::string_view name, std::string_view value);
  JsonLine& add(std::string_view name, const char* value) {
    return add(name, std::string_view(value));
  }
  template <std::unsigned_integral Number>
    requires(!std::same_as<Number, bool>)
  JsonLine& add(std::string_view name, Number value) {
    return add_raw(name, std::to_string(value));
  }
  JsonLine& add(std::string_view name, int value) { return add_raw(name, std::to_string(value)); }
  JsonLine& add(std::string_view name, bool value) {
    return add_raw(name, value ? "true" : "false");
  }
  JsonLine& add(std::string_view name, double value);
  // `value` is JSON already.
  JsonLine& add_raw(std::string_view name, std::string_view value);
  // Nothing is added when `value` is empty.
  JsonLine& add_if(std::string_view name, std::string_view value);

  // Without a line feed.
  std::string text() const { return "{" + fields_ + "}"; }

 private:
  std::string fields_;
};

// `text` in quotes, escaped.
std::string json_string(std::string_view text);

}  // namespace cairn::cli
