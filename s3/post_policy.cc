#include "s3/post_policy.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "base/dates.h"
#include "base/encoding.h"
#include "s3/json_text.h"
#include "s3/request_view.h"

namespace cairn::s3 {
namespace {

std::unexpected<S3Error> invalid(std::string_view what) {
  return s3_fail(S3Code::kInvalidPolicyDocument, "Invalid Policy: " + std::string(what));
}
std::unexpected<S3Error> not_json() {
  return invalid("Invalid JSON.");
}
std::unexpected<S3Error> denied(std::string_view what) {
  return s3_fail(S3Code::kAccessDenied, "Invalid according to Policy: " + std::string(what));
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// 2026-01-02T03:04:05Z, with or without a fraction: S3 takes no other zone.
std::optional<WallTime> parse_expiration(std::string_view text) {
  if (!text.ends_with('Z') || text.find('T') == std::string_view::npos) return std::nullopt;
  return parse_iso8601(text);
}

// {"field": "value"}
S3Result<PostCondition> parse_simple(const Json& json) {
  if (json.items.size() != 1) {
    return invalid(
        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
  }
  const std::string& name = json.names.front();
  const Json& value = json.items.front();
  if (value.kind == Json::Kind::kNull) return not_json();
  if (!value.is_string()) return invalid("Invalid Simple-Condition: value must be a string.");
  PostCondition out;
  out.field = lower_case(name);
  out.value = value.string;
  out.text = "[\"eq\", " + json_quoted("$" + name) + ", " + json_quoted(value.string) + "]";
  return out;
}

// A bound of content-length-range: a whole number, which may stand in quotes.
std::optional<uint64_t> parse_bound(const Json& json) {
  const std::string_view text = json.is_string() ? std::string_view(json.string) : json.raw;
  uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (text.empty() || error != std::errc{} || end != last) return std::nullopt;
  return value;
}

// ["eq", "$field", "value"], ["starts-with", ...], ["content-length-range", min, max]
S3Status parse_list(const Json& json, PostPolicy& policy) {
  if (json.items.empty()) return invalid("Invalid Condition: missing operation identifier.");
  if (!json.items[0].is_string()) return not_json();
  const std::string operation = lower_case(json.items[0].string);
  const bool is_range = operation == "content-length-range";
  const bool is_prefix = operation == "starts-with";
  if (!is_range && !is_prefix && operation != "eq") {
    return invalid("Invalid Condition: unknown operation '" + json.items[0].string + "'.");
  }
  if (json.items.size() != 3) {
    return invalid("Invalid " + operation + ": wrong number of arguments.");
  }
  if (is_range) {
    const std::optional<uint64_t> least = parse_bound(json.items[1]);
    const std::optional<uint64_t> most = parse_bound(json.items[2]);
    if (!least || !most) return not_json();
    policy.size_bytes_min = std::max(policy.size_bytes_min, *least);
    policy.size_bytes_max = std::min(policy.size_bytes_max, *most);
    return {};
  }
  if (!json.items[1].is_string() || !json.items[2].is_string()) return not_json();
  PostCondition& condition = policy.conditions.emplace_back();
  const std::string_view field = json.items[1].string;
  if (field.starts_with('$')) condition.field = lower_case(field.substr(1));
  condition.value = json.items[2].string;
  condition.is_prefix = is_prefix;
  condition.text = json.raw;
  return {};
}

S3Status parse_conditions(const Json& list, PostPolicy& policy) {
  if (list.kind != Json::Kind::kList) {
    return invalid("Invalid 'conditions' value: must be a List.");
  }
  for (const Json& item : list.items) {
    if (item.kind == Json::Kind::kObject) {
      S3Result<PostCondition> simple = parse_simple(item);
      if (!simple) return std::unexpected(std::move(simple.error()));
      policy.conditions.push_back(std::move(*simple));
    } else if (item.kind == Json::Kind::kList) {
      if (S3Status parsed = parse_list(item, policy); !parsed) return parsed;
    } else {
      return invalid("Invalid condition test: must be a List or Object.");
    }
  }
  return {};
}

// The fields that sign the form, or are not part of what is stored.
bool needs_no_condition(std::string_view field) {
  return field == "awsaccesskeyid" || field == "signature" || field == "x-amz-signature" ||
         field == "policy" || field == "file" || field.starts_with("x-ignore-");
}

// Content-Type may be a list, of which every entry must have the prefix.
bool has_prefix(std::string_view field, std::string_view value, std::string_view prefix) {
  if (field != "content-type" || prefix.empty()) return value.starts_with(prefix);
  for (size_t from = 0; from <= value.size();) {
    const size_t to = std::min(value.find(',', from), value.size());
    if (!trimmed(value.substr(from, to - from)).starts_with(prefix)) return false;
    from = to + 1;
  }
  return true;
}

bool holds(const PostCondition& condition, const std::vector<FormField>& fields,
           std::string_view bucket) {
  if (condition.field.empty()) return false;
  std::optional<std::string_view> value;
  if (condition.field == "bucket") {
    value = bucket;
  } else {
    const auto found = std::ranges::find(fields, condition.field, &FormField::name);
    if (found != fields.end()) value = found->value;
  }
  if (!value) return false;
  return condition.is_prefix ? has_prefix(condition.field, *value, condition.value)
                             : *value == condition.value;
}

}  // namespace

S3Result<PostPolicy> parse_post_policy(std::string_view base64) {
  const std::optional<Bytes> bytes = from_base64(base64);
  if (!bytes) return invalid("invalid Base64 encoding.");
  if (bytes->empty()) return invalid("Expecting '{' but found End-of-Input");
  const std::optional<Json> json = parse_json(as_text(*bytes));
  if (!json || json->kind != Json::Kind::kObject) return not_json();
  const Json* expiration = nullptr;
  const Json* conditions = nullptr;
  for (size_t i = 0; i < json->items.size(); ++i) {
    const std::string& name = json->names[i];
    const Json** const slot = name == "expiration"   ? &expiration
                              : name == "conditions" ? &conditions
                                                     : nullptr;
    if (slot == nullptr) return invalid("Unexpected: " + json_quoted(name));
    if (*slot != nullptr) return not_json();
    *slot = &json->items[i];
  }
  if (expiration == nullptr) return invalid("Policy missing expiration.");
  if (!expiration->is_string()) return not_json();
  PostPolicy policy;
  const std::optional<WallTime> time = parse_expiration(expiration->string);
  if (!time) return invalid("Invalid 'expiration' value: '" + expiration->string + "'");
  policy.expiration = *time;
  if (conditions == nullptr) return invalid("Policy missing conditions.");
  if (S3Status parsed = parse_conditions(*conditions, policy); !parsed) {
    return std::unexpected(std::move(parsed.error()));
  }
  return policy;
}

S3Status check_post_policy(const PostPolicy& policy, const std::vector<FormField>& fields,
                           std::string_view bucket, WallTime now) {
  if (now >= policy.expiration) return denied("Policy expired.");
  for (const PostCondition& condition : policy.conditions) {
    if (!holds(condition, fields, bucket)) {
      return denied("Policy Condition failed: " + condition.text);
    }
  }
  const auto covered = [&](std::string_view name) {
    return std::ranges::find(policy.conditions, name, &PostCondition::field) !=
           policy.conditions.end();
  };
  std::string extra = covered("bucket") ? "" : "bucket";
  for (const FormField& field : fields) {
    if (needs_no_condition(field.name) || field.name == "bucket" || covered(field.name)) continue;
    if (!extra.empty()) extra += ", ";
    extra += field.sent_name;
  }
  if (!extra.empty()) return denied("Extra input fields: " + extra);
  return {};
}

S3Status check_post_size(const PostPolicy& policy, uint64_t size_bytes) {
  if (size_bytes < policy.size_bytes_min) {
    return s3_fail(S3Code::kEntityTooSmall, {},
                   {{"ProposedSize", std::to_string(size_bytes)},
                    {"MinSizeAllowed", std::to_string(policy.size_bytes_min)}});
  }
  if (size_bytes > policy.size_bytes_max) {
    return s3_fail(S3Code::kEntityTooLarge, {},
                   {{"ProposedSize", std::to_string(size_bytes)},
                    {"MaxSizeAllowed", std::to_string(policy.size_bytes_max)}});
  }
  return {};
}

}  // namespace cairn::s3
