#include "s3/config_website.h"

#include <algorithm>

#include "s3/uri.h"
#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

constexpr size_t kHostBytesMax = 255;

std::unexpected<S3Error> refuse(std::string message) {
  return s3_fail(S3Code::kInvalidRequest, std::move(message));
}

// A host goes into a Location header.
S3Status check_host(std::string_view host) {
  const bool is_host =
      !host.empty() && host.size() <= kHostBytesMax && std::ranges::all_of(host, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-._:[]").contains(c);
      });
  if (!is_host) return refuse("The provided host name (" + std::string(host) + ") is not valid.");
  return {};
}

S3Status check_protocol(std::string_view protocol) {
  if (protocol == "http" || protocol == "https") return {};
  return refuse(
      "Invalid protocol, protocol can be http or https. If not defined the protocol will be "
      "selected automatically.");
}

S3Status parse_condition(const XmlElement& element, RoutingRule& rule) {
  rule.has_condition = true;
  if (element.children.empty() ||
      !element.has_only({"HttpErrorCodeReturnedEquals", "KeyPrefixEquals"})) {
    return malformed_xml();
  }
  rule.key_prefix_equals = element.child_text("KeyPrefixEquals");
  if (const XmlElement* const code = element.child("HttpErrorCodeReturnedEquals")) {
    const std::optional<int64_t> number = code->number();
    if (!number) return malformed_xml();
    if (*number < 400 || *number > 599) {
      return refuse("The provided HTTP error code (" + std::string(code->token()) +
                    ") is not valid. Valid codes are 4XX or 5XX.");
    }
    rule.error_code_equals = static_cast<int>(*number);
  }
  return {};
}

S3Status parse_redirect(const XmlElement& element, RoutingRule& rule) {
  if (element.children.empty() || !element.has_only({"HostName", "HttpRedirectCode", "Protocol",
                                                     "ReplaceKeyPrefixWith", "ReplaceKeyWith"})) {
    return malformed_xml();
  }
  if (const XmlElement* const host = element.child("HostName")) {
    rule.host = host->token();
    if (S3Status checked = check_host(rule.host); !checked) return checked;
  }
  if (const XmlElement* const protocol = element.child("Protocol")) {
    rule.protocol = protocol->token();
    if (S3Status checked = check_protocol(rule.protocol); !checked) return checked;
  }
  if (const XmlElement* const code = element.child("HttpRedirectCode")) {
    const std::optional<int64_t> number = code->number();
    if (!number) return malformed_xml();
    if (*number <= 300 || *number > 399) {
      return refuse("The provided HTTP redirect code (" + std::string(code->token()) +
                    ") is not valid. Valid codes are 3XX except 300.");
    }
    rule.redirect_code = static_cast<int>(*number);
    rule.has_redirect_code = true;
  }
  rule.replace_key_prefix_with = element.child_text("ReplaceKeyPrefixWith");
  rule.replace_key_with = element.child_text("ReplaceKeyWith");
  if (rule.replace_key_prefix_with && rule.replace_key_with) {
    return refuse("You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
  }
  return {};
}

S3Status parse_routing_rules(const XmlElement& element, WebsiteConfig& config) {
  if (element.children.empty() || !element.has_only({}, {"RoutingRule"})) return malformed_xml();
  if (element.children.size() > kRoutingRulesMax) {
    return refuse("The number of routing rules must not exceed the allowed limit of 50 rules.");
  }
  for (const XmlElement& child : element.children) {
    RoutingRule& rule = config.rules.emplace_back();
    const XmlElement* const redirect = child.child("Redirect");
    if (redirect == nullptr || !child.has_only({"Condition", "Redirect"})) return malformed_xml();
    if (const XmlElement* const condition = child.child("Condition")) {
      if (S3Status parsed = parse_condition(*condition, rule); !parsed) return parsed;
    }
    if (S3Status parsed = parse_redirect(*redirect, rule); !parsed) return parsed;
  }
  return {};
}

S3Status parse_redirect_all(const XmlElement& root, const XmlElement& element,
                            WebsiteConfig& config) {
  if (root.children.size() > 1) {
    return invalid_argument(
        "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
        "RedirectAllRequestsTo", "not null");
  }
  const XmlElement* const host = element.child("HostName");
  if (host == nullptr || !element.has_only({"HostName", "Protocol"})) return malformed_xml();
  config.redirect_all_host = host->token();
  if (S3Status checked = check_host(config.redirect_all_host); !checked) return checked;
  if (const XmlElement* const protocol = element.child("Protocol")) {
    config.redirect_all_protocol = protocol->token();
    return check_protocol(config.redirect_all_protocol);
  }
  return {};
}

S3Status parse_documents(const XmlElement& root, WebsiteConfig& config) {
  const XmlElement* const index = root.child("IndexDocument");
  if (index == nullptr) {
    return invalid_argument(
        "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
        "IndexDocument", "null");
  }
  if (!index->has_only({"Suffix"})) return malformed_xml();
  config.index_suffix = index->child_text("Suffix").value_or("");
  if (config.index_suffix.empty() || config.index_suffix.contains('/') ||
      config.index_suffix.size() > kKeySizeBytesMax) {
    return invalid_argument("The IndexDocument Suffix is not well formed", "IndexDocument",
                            config.index_suffix);
  }
  if (const XmlElement* const error = root.child("ErrorDocument")) {
    if (!error->has_only({"Key"})) return malformed_xml();
    config.error_key = error->child_text("Key").value_or("");
    if (config.error_key.empty() || config.error_key.size() > kKeySizeBytesMax) {
      return invalid_argument("The ErrorDocument Key is not well formed", "ErrorDocument",
                              config.error_key);
    }
  }
  return {};
}

void write_routing_rule(XmlWriter& xml, const RoutingRule& rule) {
  xml.open("RoutingRule");
  if (rule.has_condition) {
    xml.open("Condition");
    if (rule.key_prefix_equals) xml.element("KeyPrefixEquals", *rule.key_prefix_equals);
    if (rule.error_code_equals) {
      xml.element("HttpErrorCodeReturnedEquals", static_cast<uint64_t>(*rule.error_code_equals));
    }
    xml.close("Condition");
  }
  xml.open("Redirect");
  if (!rule.protocol.empty()) xml.element("Protocol", rule.protocol);
  if (!rule.host.empty()) xml.element("HostName", rule.host);
  if (rule.replace_key_prefix_with) {
    xml.element("ReplaceKeyPrefixWith", *rule.replace_key_prefix_with);
  }
  if (rule.replace_key_with) xml.element("ReplaceKeyWith", *rule.replace_key_with);
  if (rule.has_redirect_code) {
    xml.element("HttpRedirectCode", static_cast<uint64_t>(rule.redirect_code));
  }
  xml.close("Redirect");
  xml.close("RoutingRule");
}

}  // namespace

S3Result<WebsiteConfig> parse_website(std::string_view body) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "WebsiteConfiguration");
  if (!root) return std::unexpected(root.error());
  if (!root->has_only(
          {"IndexDocument", "ErrorDocument", "RedirectAllRequestsTo", "RoutingRules"})) {
    return malformed_xml();
  }
  WebsiteConfig config;
  S3Status parsed;
  if (const XmlElement* const all = root->child("RedirectAllRequestsTo")) {
    parsed = parse_redirect_all(*root, *all, config);
  } else {
    parsed = parse_documents(*root, config);
    const XmlElement* const rules = root->child("RoutingRules");
    if (parsed && rules != nullptr) parsed = parse_routing_rules(*rules, config);
  }
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  return config;
}

std::string write_website(const WebsiteConfig& config) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("WebsiteConfiguration");
  if (!config.redirect_all_host.empty()) {
    xml.open("RedirectAllRequestsTo");
    xml.element("HostName", config.redirect_all_host);
    if (!config.redirect_all_protocol.empty()) {
      xml.element("Protocol", config.redirect_all_protocol);
    }
    xml.close("RedirectAllRequestsTo");
  } else {
    xml.open("IndexDocument");
    xml.element("Suffix", config.index_suffix);
    xml.close("IndexDocument");
  }
  if (!config.error_key.empty()) {
    xml.open("ErrorDocument");
    xml.element("Key", config.error_key);
    xml.close("ErrorDocument");
  }
  if (!config.rules.empty()) {
    xml.open("RoutingRules");
    for (const RoutingRule& rule : config.rules) write_routing_rule(xml, rule);
    xml.close("RoutingRules");
  }
  xml.close("WebsiteConfiguration");
  return body;
}

const RoutingRule* find_routing_rule(const WebsiteConfig& config, std::string_view key,
                                     std::optional<int> error_code) {
  const auto applies = [&](const RoutingRule& rule) {
    return rule.error_code_equals == error_code &&
           key.starts_with(rule.key_prefix_equals.value_or(""));
  };
  const auto found = std::ranges::find_if(config.rules, applies);
  return found == config.rules.end() ? nullptr : &*found;
}

std::string redirect_location(const RoutingRule& rule, std::string_view key,
                              std::string_view protocol, std::string_view host) {
  std::string target(key);
  if (rule.replace_key_with) {
    target = *rule.replace_key_with;
  } else if (rule.replace_key_prefix_with) {
    const size_t prefix_bytes = rule.key_prefix_equals.value_or("").size();
    target = *rule.replace_key_prefix_with + target.substr(std::min(prefix_bytes, target.size()));
  }
  std::string location(rule.protocol.empty() ? protocol : std::string_view(rule.protocol));
  location.append("://").append(rule.host.empty() ? host : std::string_view(rule.host));
  location.append("/").append(url_encode_key(target));
  return location;
}

std::string redirect_all_location(const WebsiteConfig& config, std::string_view key,
                                  std::string_view protocol) {
  RoutingRule rule;
  rule.host = config.redirect_all_host;
  rule.protocol = config.redirect_all_protocol;
  return redirect_location(rule, key, protocol, {});
}

std::string index_key(const WebsiteConfig& config, std::string_view key) {
  std::string full(key);
  if (full.empty() || full.ends_with('/')) full += config.index_suffix;
  return full;
}

}  // namespace cairn::s3
