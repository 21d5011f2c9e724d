#include "s3/config_cors.h"

#include <algorithm>

#include "s3/request_view.h"
#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kMethods[] = {"GET", "PUT", "HEAD", "POST", "DELETE"};

std::unexpected<S3Error> refuse(std::string message) {
  return s3_fail(S3Code::kInvalidRequest, std::move(message));
}

std::vector<std::string> texts_of(const XmlElement& rule, std::string_view name) {
  std::vector<std::string> texts;
  for (const XmlElement& child : rule.children) {
    if (child.name == name) texts.emplace_back(child.token());
  }
  return texts;
}

// Characters of a header's name (RFC 9110 section 5.6.2, token).
bool is_header_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    const bool is_alnum =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return is_alnum || std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

bool has_many_wildcards(std::string_view text) {
  return std::ranges::count(text, '*') > 1;
}

S3Status check_rule(const CorsRule& rule) {
  if (rule.allowed_methods.empty() || rule.allowed_origins.empty()) return malformed_xml();
  if (rule.id.size() > kRuleIdCharsMax) {
    return s3_fail(S3Code::kInvalidArgument, "ID length should not exceed allowed limit of 255");
  }
  for (const std::string& method : rule.allowed_methods) {
    if (is_cors_method(method)) continue;
    return refuse("Found unsupported HTTP method in CORS config. Unsupported method is " + method);
  }
  for (const std::string& origin : rule.allowed_origins) {
    if (origin.empty()) return malformed_xml();
    if (has_many_wildcards(origin)) {
      return refuse("AllowedOrigin \"" + origin + "\" can not have more than one wildcard.");
    }
  }
  for (const std::string& header : rule.allowed_headers) {
    if (has_many_wildcards(header)) {
      return refuse("AllowedHeader \"" + header + "\" can not have more than one wildcard.");
    }
    if (!is_header_name(header)) {
      return refuse("AllowedHeader \"" + header + "\" contains invalid character.");
    }
  }
  for (const std::string& header : rule.expose_headers) {
    if (header.contains('*')) {
      return refuse("ExposeHeader \"" + header +
                    "\" contains wildcard. We currently do not support wildcard for ExposeHeader.");
    }
    if (!is_header_name(header)) {
      return refuse("ExposeHeader \"" + header + "\" contains invalid character.");
    }
  }
  return {};
}

S3Result<CorsRule> parse_rule(const XmlElement& element) {
  if (element.name != "CORSRule" ||
      !element.has_only({"ID", "MaxAgeSeconds"},
                        {"AllowedHeader", "AllowedMethod", "AllowedOrigin", "ExposeHeader"})) {
    return malformed_xml();
  }
  CorsRule rule;
  rule.id = element.child_text("ID").value_or("");
  rule.allowed_headers = texts_of(element, "AllowedHeader");
  rule.allowed_methods = texts_of(element, "AllowedMethod");
  rule.allowed_origins = texts_of(element, "AllowedOrigin");
  rule.expose_headers = texts_of(element, "ExposeHeader");
  if (const XmlElement* const age = element.child("MaxAgeSeconds")) {
    rule.max_age_seconds = age->number();
    // A negative age is taken, as on AWS: browsers then keep nothing.
    if (!rule.max_age_seconds || *rule.max_age_seconds < INT32_MIN ||
        *rule.max_age_seconds > INT32_MAX) {
      return malformed_xml();
    }
  }
  if (S3Status checked = check_rule(rule); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return rule;
}

void write_texts(XmlWriter& xml, std::string_view name, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) xml.element(name, text);
}

bool matches_ignoring_case(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return equal_ignoring_case(pattern, text);
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return text.size() >= head.size() + tail.size() &&
         equal_ignoring_case(head, text.substr(0, head.size())) &&
         equal_ignoring_case(tail, text.substr(text.size() - tail.size()));
}

bool allows_headers(const CorsRule& rule, std::string_view list) {
  size_t headers_count = 0;
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    const std::string_view header = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (header.empty()) continue;
    if (++headers_count > kCorsRequestHeadersMax) return false;
    const bool is_allowed = std::ranges::any_of(
        rule.allowed_headers,
        [&](const std::string& pattern) { return matches_ignoring_case(pattern, header); });
    if (!is_allowed) return false;
  }
  return true;
}

}  // namespace

bool is_cors_method(std::string_view method) {
  return std::ranges::find(kMethods, method) != std::end(kMethods);
}

S3Result<CorsRules> parse_cors(std::string_view body) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "CORSConfiguration");
  if (!root) return std::unexpected(root.error());
  if (root->children.empty()) return malformed_xml();
  if (root->children.size() > kCorsRulesMax) {
    return refuse("The number of CORS rules should not exceed allowed limit of 100 rules.");
  }
  CorsRules rules;
  for (const XmlElement& element : root->children) {
    S3Result<CorsRule> rule = parse_rule(element);
    if (!rule) return std::unexpected(std::move(rule.error()));
    rules.push_back(std::move(*rule));
  }
  return rules;
}

std::string write_cors(const CorsRules& rules) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("CORSConfiguration");
  for (const CorsRule& rule : rules) {
    xml.open("CORSRule");
    if (!rule.id.empty()) xml.element("ID", rule.id);
    write_texts(xml, "AllowedHeader", rule.allowed_headers);
    write_texts(xml, "AllowedMethod", rule.allowed_methods);
    write_texts(xml, "AllowedOrigin", rule.allowed_origins);
    write_texts(xml, "ExposeHeader", rule.expose_headers);
    if (rule.max_age_seconds) {
      xml.element("MaxAgeSeconds", std::to_string(*rule.max_age_seconds));
    }
    xml.close("CORSRule");
  }
  xml.close("CORSConfiguration");
  return body;
}

bool matches_wildcard(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return text.size() >= head.size() + tail.size() && text.starts_with(head) && text.ends_with(tail);
}

std::optional<CorsMatch> match_cors(const CorsRules& rules, const CorsRequest& request) {
  for (const CorsRule& rule : rules) {
    if (std::ranges::find(rule.allowed_methods, request.method) == rule.allowed_methods.end()) {
      continue;
    }
    const auto origin = std::ranges::find_if(rule.allowed_origins, [&](const std::string& pattern) {
      return matches_wildcard(pattern, request.origin);
    });
    if (origin == rule.allowed_origins.end() || !allows_headers(rule, request.headers)) continue;
    return CorsMatch{&rule, *origin == "*"};
  }
  return std::nullopt;
}

}  // namespace cairn::s3
