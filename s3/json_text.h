// A small reader of JSON documents that keeps the text of every value as it was written: S3 quotes
// the conditions of a POST policy that way. Beyond RFC 8259 it accepts the escape \$, which S3's
// documentation asks for.
//
// Bounds: kJsonDepthMax levels; the caller bounds the size. Views refer to the text that was
// parsed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::s3 {

inline constexpr size_t kJsonDepthMax = 16;

struct Json {
  enum class Kind : unsigned char { kNull, kBool, kNumber, kString, kList, kObject };
  Kind kind = Kind::kNull;
  std::string_view raw;            // As it was written.
  std::string string;              // Decoded; for kString.
  std::vector<Json> items;         // Of a list or an object, in order.
  std::vector<std::string> names;  // Of the items of an object; they may repeat.

  bool is_string() const { return kind == Kind::kString; }
};

// The whole of `text`; nullopt when it is no JSON value.
std::optional<Json> parse_json(std::string_view text);
// As a JSON string with its quotes.
std::string json_quoted(std::string_view text);

}  // namespace cairn::s3
