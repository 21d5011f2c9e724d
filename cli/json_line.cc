#include "cli/json_line.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace cairn::cli {

std::string json_string(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

JsonLine& JsonLine::add(std::string_view name, std::string_view value) {
  return add_raw(name, json_string(value));
}

JsonLine& JsonLine::add(std::string_view name, double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return add_raw(name, text);
}

JsonLine& JsonLine::add_raw(std::string_view name, std::string_view value) {
  fields_.append(fields_.empty() ? "" : ",").append(json_string(name)).append(":").append(value);
  return *this;
}

JsonLine& JsonLine::add_if(std::string_view name, std::string_view value) {
  return value.empty() ? *this : add(name, value);
}

}  // namespace cairn::cli
