// Percent coding, query parameters and the canonical forms of both (S3.md 1.2). A path is opaque:
// `//`, `.` and `..` mean nothing here.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::sigv4 {

inline constexpr size_t kQueryParamsMax = 256;

enum class Plus : uint8_t { kLiteral, kSpace };

// Decodes %XX once. nullopt on an incomplete or non-hex escape.
std::optional<std::string> percent_decode(std::string_view text, Plus plus);

enum class Slash : uint8_t { kKeep, kEncode };
enum class Tilde : uint8_t { kKeep, kEncode };
// Appends `text` with every byte but A-Za-z0-9-._~ (and '/', when kept) as %XX, upper-case.
void append_uri_encoded(std::string& out, std::string_view text, Slash slash,
                        Tilde tilde = Tilde::kKeep);

// Decodes and encodes in one pass, which makes one canonical form of all encodings of a path.
// False on a bad escape. The path is never normalised.
bool append_canonical_path(std::string& out, std::string_view raw_path, Tilde tilde = Tilde::kKeep);

// One parameter, decoded ('+' is a space). Views into the request or into the Query.
struct QueryParam {
  std::string_view name;
  std::string_view value;     // Empty when there is no '='.
  std::string_view raw_name;  // As on the wire.
  std::string_view raw_value;
};

// The parameters in order of arrival. Refers to the raw query it was parsed from. Movable.
class Query {
 public:
  Query() = default;
  // kInvalidArgument on a bad escape, kResourceExhausted on more than kQueryParamsMax parameters.
  // Empty pieces (`&&`) are dropped.
  static Result<Query> parse(std::string_view raw);

  std::span<const QueryParam> params() const { return params_; }
  // First of that exact name.
  std::optional<std::string_view> find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name).has_value(); }
  // Names compared without case: X-Amz-* and hoisted headers.
  std::optional<std::string_view> find_ignoring_case(std::string_view name) const;
  size_t count_ignoring_case(std::string_view name) const;

 private:
  std::vector<QueryParam> params_;
  std::unique_ptr<char[]> decoded_;  // Only when something had to be decoded.
};

// Appends the canonical query of SigV4: encoded, sorted by name then value, duplicates kept,
// without parameters named `without` (any case).
void append_canonical_query(std::string& out, const Query& query, std::string_view without = {},
                            Tilde tilde = Tilde::kKeep);

}  // namespace cairn::sigv4
