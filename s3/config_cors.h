// CORS (S3.md 2.3): the CORSConfiguration document, and which of its rules answers a request of a
// browser. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3/errors.h"

namespace cairn::s3 {

// Limits of AWS; the document itself is at most kXmlBodyBytesMax.
inline constexpr size_t kCorsRulesMax = 100;
inline constexpr size_t kRuleIdCharsMax = 255;
// A preflight needs no credentials, so what it may cost is bounded: one that names more headers
// matches no rule.
inline constexpr size_t kCorsRequestHeadersMax = 100;

// Origins, and headers without regard to case, hold at most one `*`.
struct CorsRule {
  std::string id;
  std::vector<std::string> allowed_headers;
  std::vector<std::string> allowed_methods;
  std::vector<std::string> allowed_origins;
  std::vector<std::string> expose_headers;
  std::optional<int64_t> max_age_seconds;
};
using CorsRules = std::vector<CorsRule>;

// MalformedXML; InvalidRequest for methods, wildcards and too many rules.
S3Result<CorsRules> parse_cors(std::string_view body);
std::string write_cors(const CorsRules& rules);

// One of GET, PUT, HEAD, POST and DELETE: what rules may allow.
bool is_cors_method(std::string_view method);

// What a browser asks before or with a request.
struct CorsRequest {
  std::string_view origin;
  std::string_view method;
  std::string_view headers;  // Access-Control-Request-Headers, comma-separated; may be empty.
};
struct CorsMatch {
  const CorsRule* rule = nullptr;
  bool any_origin = false;  // The rule's origin is `*`: answered so, without credentials.
};
// The first rule that allows origin, method and all headers; nullopt when none does.
std::optional<CorsMatch> match_cors(const CorsRules& rules, const CorsRequest& request);

// True when `text` matches `pattern`, in which one `*` stands for any run of characters.
bool matches_wildcard(std::string_view pattern, std::string_view text);

}  // namespace cairn::s3
