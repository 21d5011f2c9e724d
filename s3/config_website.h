// WebsiteConfiguration (S3.md 2.4, AWS "Configuring a webpage redirect"): the document, and which
// redirect a request takes. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3/errors.h"

namespace cairn::s3 {

inline constexpr size_t kRoutingRulesMax = 50;  // AWS

struct RoutingRule {
  bool has_condition = false;
  std::optional<int> error_code_equals;  // 4xx or 5xx.
  std::optional<std::string> key_prefix_equals;
  std::string host;      // Empty = the host that was asked.
  std::string protocol;  // "http", "https" or empty = the one that was asked with.
  int redirect_code = 301;
  bool has_redirect_code = false;
  std::optional<std::string> replace_key_prefix_with;  // At most one of these two.
  std::optional<std::string> replace_key_with;
};

struct WebsiteConfig {
  // With redirect_all_host nothing else is set.
  std::string redirect_all_host;
  std::string redirect_all_protocol;
  std::string index_suffix;
  std::string error_key;  // Empty = none.
  std::vector<RoutingRule> rules;
};

// MalformedXML, InvalidArgument, InvalidRequest.
S3Result<WebsiteConfig> parse_website(std::string_view body);
std::string write_website(const WebsiteConfig& config);

// The first rule for a key asked for (`error_code` unset: before it is looked up) or that failed
// with `error_code`. Null when none applies.
const RoutingRule* find_routing_rule(const WebsiteConfig& config, std::string_view key,
                                     std::optional<int> error_code);
// Where a redirect leads: protocol://host/key, the key URL-encoded. `host` (with its port) and
// `protocol` are those of the request.
std::string redirect_location(const RoutingRule& rule, std::string_view key,
                              std::string_view protocol, std::string_view host);
// The same for redirect_all_host.
std::string redirect_all_location(const WebsiteConfig& config, std::string_view key,
                                  std::string_view protocol);
// The key that a path of a browser means: with the index suffix when it is empty or ends in '/'.
std::string index_key(const WebsiteConfig& config, std::string_view key);

}  // namespace cairn::s3
