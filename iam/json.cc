#include "iam/json.h"

#include <set>
#include <string>
#include <vector>

#include "base/encoding.h"

namespace cairn::iam {

std::optional<nlohmann::json> parse_json(std::string_view text, int depth_max) {
  using Event = nlohmann::json::parse_event_t;
  bool is_good = true;
  std::vector<std::set<std::string>> names;  // Of the objects that are open.
  const auto watch = [&](int depth, Event event, nlohmann::json& parsed) {
    if (depth > depth_max) is_good = false;
    if (!is_good) return false;
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key && !names.back().insert(parsed.get<std::string>()).second) {
      is_good = false;
    }
    return is_good;
  };
  // What nests too deep is dropped while it is parsed, so that nothing deep is destroyed
  // recursively afterwards.
  nlohmann::json json = nlohmann::json::parse(text, watch, /*allow_exceptions=*/false);
  if (!is_good || json.is_discarded()) return std::nullopt;
  return json;
}

std::optional<Bytes> from_base64url(std::string_view text) {
  std::string standard;
  standard.reserve(text.size() + 3);
  for (const char c : text) {
    if (c == '+' || c == '/' || c == '=') return std::nullopt;
    standard += c == '-' ? '+' : c == '_' ? '/' : c;
  }
  standard.append((4 - standard.size() % 4) % 4, '=');
  return from_base64(standard);
}

}  // namespace cairn::iam
