// Text as a JSON string, for the answers of admin commands.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"

namespace cairn::server {

// With its quotes; bytes that are not UTF-8 become \u00XX.
inline std::string json_text(std::string_view text) {
  std::string out = "\"";
  log::append_json_escaped(out, text);
  out += '"';
  return out;
}

}  // namespace cairn::server
