#include "s3/config_lifecycle.h"

#include <algorithm>
#include <set>

#include "base/dates.h"
#include "base/encoding.h"
#include "crypto/digest.h"
#include "s3/config_cors.h"
#include "s3/storage_classes.h"
#include "s3/uri.h"
#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
constexpr size_t kTransitionsPerRuleMax =
    16;  // Two for each class that objects can go to, and more.

std::unexpected<S3Error> invalid_value(std::string message) {
  return s3_fail(S3Code::kInvalidArgument, std::move(message));
}

std::unexpected<S3Error> invalid_request(std::string message) {
  return s3_fail(S3Code::kInvalidRequest, std::move(message));
}

// A count of days in `element`, which AWS wants to be positive.
S3Result<int64_t> parse_days(const XmlElement& element, std::string_view action, int64_t least) {
  const std::optional<int64_t> days = element.number();
  if (!days) return malformed_xml();
  if (*days < least) {
    return invalid_value("'" + element.name + "' for " + std::string(action) +
                         " action must be a " + (least > 0 ? "positive" : "nonnegative") +
                         " integer");
  }
  if (*days > INT32_MAX) return malformed_xml();
  return *days;
}

S3Result<WallTime> parse_midnight(const XmlElement& element) {
  const std::optional<WallTime> date = parse_iso8601(element.token());
  if (!date) return malformed_xml();
  if (date->unix_ms % kDayMs != 0) return invalid_value("'Date' must be at midnight GMT");
  return *date;
}

S3Result<int64_t> parse_newer_versions(const XmlElement& element) {
  const std::optional<int64_t> count = element.number();
  if (!count) return malformed_xml();
  if (*count < 1 || *count > kNewerNoncurrentVersionsMax) {
    return invalid_value("'NewerNoncurrentVersions' must be an integer between 1 and 100");
  }
  return *count;
}

// Puts a parsed value where it belongs; the status of one that did not parse.
template <typename T>
S3Status store(S3Result<T> parsed, std::optional<T>& target) {
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  target = std::move(*parsed);
  return {};
}

S3Result<int64_t> parse_size(const XmlElement& element) {
  const std::optional<int64_t> size = element.number();
  if (!size || *size < 0) return malformed_xml();
  return *size;
}

S3Status parse_tag(const XmlElement& element, LifecycleRule& rule) {
  std::optional<std::string> key = element.child_text("Key");
  std::optional<std::string> value = element.child_text("Value");
  if (!key || !value || !element.has_only({"Key", "Value"})) return malformed_xml();
  rule.tags.emplace_back(std::move(*key), std::move(*value));
  return {};
}

// A condition of Filter or of And.
S3Status parse_condition(const XmlElement& element, LifecycleRule& rule) {
  if (element.name == "Prefix") {
    rule.prefix = element.text;
    return {};
  }
  if (element.name == "Tag") return parse_tag(element, rule);
  if (element.name == "ObjectSizeGreaterThan") {
    return store(parse_size(element), rule.size_greater_than_bytes);
  }
  if (element.name == "ObjectSizeLessThan") {
    return store(parse_size(element), rule.size_less_than_bytes);
  }
  return malformed_xml();
}

S3Status parse_filter(const XmlElement& element, LifecycleRule& rule) {
  if (!element.has_only({"Prefix", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan", "And"})) {
    return malformed_xml();
  }
  // One condition, beside which an empty prefix, which restricts nothing, does no harm.
  const XmlElement* const prefix = element.child("Prefix");
  const bool is_idle_prefix = prefix != nullptr && prefix->text.empty();
  if (element.children.size() - (is_idle_prefix ? 1 : 0) > 1) return malformed_xml();
  const XmlElement* const all = element.child("And");
  if (all == nullptr) {
    for (const XmlElement& child : element.children) {
      if (S3Status parsed = parse_condition(child, rule); !parsed) return parsed;
    }
    return {};
  }
  rule.form = LifecycleRule::FilterForm::kAnd;
  if (all->children.empty() ||
      !all->has_only({"Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan"}, {"Tag"})) {
    return malformed_xml();
  }
  for (const XmlElement& child : all->children) {
    if (S3Status parsed = parse_condition(child, rule); !parsed) return parsed;
  }
  return {};
}

S3Status parse_expiration(const XmlElement& element, LifecycleRule& rule) {
  const bool has_one = element.children.size() == 1;
  if (!has_one || !element.has_only({"Days", "Date", "ExpiredObjectDeleteMarker"})) {
    return malformed_xml();
  }
  const XmlElement& chosen = element.children.front();
  if (chosen.name == "Days") {
    return store(parse_days(chosen, "Expiration", 1), rule.expiration_days);
  }
  if (chosen.name == "Date") return store(parse_midnight(chosen), rule.expiration_date);
  if (chosen.token() != "true" && chosen.token() != "false") return malformed_xml();
  rule.expired_object_delete_marker = chosen.token() == "true";
  return {};
}

S3Status parse_noncurrent_expiration(const XmlElement& element, LifecycleRule& rule) {
  const XmlElement* const days = element.child("NoncurrentDays");
  if (days == nullptr || !element.has_only({"NoncurrentDays", "NewerNoncurrentVersions"})) {
    return malformed_xml();
  }
  S3Status stored =
      store(parse_days(*days, "NoncurrentVersionExpiration", 1), rule.noncurrent_days);
  const XmlElement* const newer = element.child("NewerNoncurrentVersions");
  if (!stored || newer == nullptr) return stored;
  return store(parse_newer_versions(*newer), rule.newer_noncurrent_versions);
}

S3Status parse_abort(const XmlElement& element, LifecycleRule& rule) {
  const XmlElement* const days = element.child("DaysAfterInitiation");
  if (days == nullptr || !element.has_only({"DaysAfterInitiation"})) return malformed_xml();
  return store(parse_days(*days, "AbortIncompleteMultipartUpload", 1), rule.abort_upload_days);
}

S3Status check_transition(const LifecycleTransition& transition) {
  if (!is_transition_class(transition.storage_class)) return malformed_xml();
  if (is_infrequent_class(transition.storage_class) && transition.days &&
      *transition.days < kInfrequentDaysMin) {
    return invalid_value(
        "'Days' in Transition action must be greater than or equal to 30 for storageClass '" +
        transition.storage_class + "'");
  }
  return {};
}

S3Status parse_transition(const XmlElement& element, LifecycleRule& rule) {
  const XmlElement* const days = element.child("Days");
  const XmlElement* const date = element.child("Date");
  const XmlElement* const storage_class = element.child("StorageClass");
  if ((days == nullptr) == (date == nullptr) || storage_class == nullptr ||
      !element.has_only({"Days", "Date", "StorageClass"})) {
    return malformed_xml();
  }
  LifecycleTransition& transition = rule.transitions.emplace_back();
  transition.storage_class = storage_class->token();
  S3Status stored = days != nullptr ? store(parse_days(*days, "Transition", 0), transition.days)
                                    : store(parse_midnight(*date), transition.date);
  if (!stored) return stored;
  return check_transition(transition);
}

S3Status parse_noncurrent_transition(const XmlElement& element, LifecycleRule& rule) {
  const XmlElement* const days = element.child("NoncurrentDays");
  const XmlElement* const storage_class = element.child("StorageClass");
  if (days == nullptr || storage_class == nullptr ||
      !element.has_only({"NoncurrentDays", "StorageClass", "NewerNoncurrentVersions"})) {
    return malformed_xml();
  }
  LifecycleTransition& transition = rule.noncurrent_transitions.emplace_back();
  transition.storage_class = storage_class->token();
  S3Status stored = store(parse_days(*days, "NoncurrentVersionTransition", 0), transition.days);
  if (!stored) return stored;
  if (const XmlElement* const newer = element.child("NewerNoncurrentVersions")) {
    stored = store(parse_newer_versions(*newer), transition.newer_noncurrent_versions);
    if (!stored) return stored;
  }
  return check_transition(transition);
}

S3Status parse_action(const XmlElement& element, LifecycleRule& rule) {
  if (element.name == "Expiration") return parse_expiration(element, rule);
  if (element.name == "NoncurrentVersionExpiration") {
    return parse_noncurrent_expiration(element, rule);
  }
  if (element.name == "AbortIncompleteMultipartUpload") return parse_abort(element, rule);
  if (element.name == "Transition") return parse_transition(element, rule);
  if (element.name == "NoncurrentVersionTransition") {
    return parse_noncurrent_transition(element, rule);
  }
  return {};
}

bool has_action(const LifecycleRule& rule) {
  return rule.expiration_days || rule.expiration_date || rule.expired_object_delete_marker ||
         rule.noncurrent_days || rule.abort_upload_days || !rule.transitions.empty() ||
         !rule.noncurrent_transitions.empty();
}

S3Status check_filter(const LifecycleRule& rule) {
  if (rule.prefix && rule.prefix->size() > kKeySizeBytesMax) {
    return invalid_request("The maximum size of a prefix is 1024.");
  }
  if (S3Status checked = check_tags(rule.tags, TagOwner::kObject); !checked) return checked;
  if (rule.size_greater_than_bytes && rule.size_less_than_bytes &&
      *rule.size_less_than_bytes <= *rule.size_greater_than_bytes) {
    return invalid_request(
        "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
  }
  if (rule.abort_upload_days) {
    // An upload has no tags and no size yet.
    if (!rule.tags.empty()) {
      return invalid_request("AbortIncompleteMultipartUpload cannot be specified with Tags.");
    }
    if (rule.size_greater_than_bytes || rule.size_less_than_bytes) {
      return invalid_request(
          "AbortIncompleteMultipartUpload cannot be specified with Object Size.");
    }
  }
  if (rule.expired_object_delete_marker && !rule.tags.empty()) {
    return invalid_request("ExpiredObjectDeleteMarker cannot be specified with Tags.");
  }
  return {};
}

// Two transitions of one rule: the lower class of the waterfall comes later.
S3Status check_pair(const LifecycleTransition& a, const LifecycleTransition& b,
                    std::string_view action) {
  if (a.storage_class == b.storage_class) {
    return invalid_request("'StorageClass' must be different for '" + std::string(action) +
                           "' actions in same 'Rule'");
  }
  if (waterfall_rank(a.storage_class) == waterfall_rank(b.storage_class)) {
    return invalid_request("One 'Rule' moves objects to one class of this server's own only");
  }
  const bool in_order = waterfall_rank(a.storage_class) < waterfall_rank(b.storage_class);
  const LifecycleTransition& upper = in_order ? a : b;
  const LifecycleTransition& lower = in_order ? b : a;
  if (upper.date && lower.date && *lower.date <= *upper.date) {
    return invalid_value("'Date' in the '" + std::string(action) + "' action for StorageClass '" +
                         lower.storage_class + "' must be later than that for StorageClass '" +
                         upper.storage_class + "'");
  }
  if (!upper.days || !lower.days) return {};
  const int64_t apart = is_infrequent_class(upper.storage_class) ? kInfrequentDaysMin : 1;
  if (*lower.days >= *upper.days + apart) return {};
  const std::string by = apart > 1 ? std::to_string(apart) + " days more" : "greater";
  return invalid_value("'Days' in the '" + std::string(action) + "' action for StorageClass '" +
                       lower.storage_class + "' must be " + by + " than that for StorageClass '" +
                       upper.storage_class + "'");
}

S3Status check_pairs(const std::vector<LifecycleTransition>& transitions, std::string_view action) {
  for (size_t i = 0; i < transitions.size(); ++i) {
    for (size_t j = i + 1; j < transitions.size(); ++j) {
      if (S3Status checked = check_pair(transitions[i], transitions[j], action); !checked) {
        return checked;
      }
    }
  }
  return {};
}

// A transition and the expiration of the same rule.
S3Status check_expiration_of(const LifecycleRule& rule, const LifecycleTransition& transition) {
  const bool mixed =
      (transition.date && rule.expiration_days) || (transition.days && rule.expiration_date);
  if (mixed) {
    return invalid_request(
        "Found mixed 'Date' and 'Days' based Expiration and Transition actions in a rule.");
  }
  if (transition.days && rule.expiration_days && *rule.expiration_days <= *transition.days) {
    return invalid_value(
        "'Days' in the Expiration action must be greater than 'Days' in the Transition action");
  }
  if (transition.date && rule.expiration_date && *rule.expiration_date <= *transition.date) {
    return invalid_value(
        "'Date' in the Expiration action must be later than 'Date' in the Transition action");
  }
  return {};
}

S3Status check_order(const LifecycleRule& rule) {
  // No rule has more than one for each class, so that the pairs are few.
  if (rule.transitions.size() > kTransitionsPerRuleMax ||
      rule.noncurrent_transitions.size() > kTransitionsPerRuleMax) {
    return malformed_xml();
  }
  for (const LifecycleTransition& transition : rule.transitions) {
    if (S3Status checked = check_expiration_of(rule, transition); !checked) return checked;
    if (transition.days.has_value() != rule.transitions.front().days.has_value()) {
      return invalid_request("Found mixed 'Date' and 'Days' based Transition actions in a rule.");
    }
  }
  for (const LifecycleTransition& transition : rule.noncurrent_transitions) {
    if (rule.noncurrent_days && *rule.noncurrent_days <= *transition.days) {
      return invalid_value(
          "'NoncurrentDays' in the NoncurrentVersionExpiration action must be greater than "
          "'NoncurrentDays' in the NoncurrentVersionTransition action");
    }
  }
  if (S3Status checked = check_pairs(rule.transitions, "Transition"); !checked) return checked;
  return check_pairs(rule.noncurrent_transitions, "NoncurrentVersionTransition");
}

S3Status check_rule(const LifecycleRule& rule) {
  if (rule.id.size() > kRuleIdCharsMax) {
    return invalid_value("ID length should not exceed allowed limit of 255");
  }
  if (!has_action(rule)) {
    return invalid_request("At least one action needs to be specified in a rule.");
  }
  if (S3Status checked = check_filter(rule); !checked) return checked;
  return check_order(rule);
}

S3Result<LifecycleRule> parse_rule(const XmlElement& element) {
  if (element.name != "Rule" ||
      !element.has_only({"ID", "Prefix", "Filter", "Status", "Expiration",
                         "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"},
                        {"Transition", "NoncurrentVersionTransition"})) {
    return malformed_xml();
  }
  const XmlElement* const status = element.child("Status");
  const XmlElement* const prefix = element.child("Prefix");
  const XmlElement* const filter = element.child("Filter");
  if (status == nullptr || (prefix == nullptr) == (filter == nullptr)) return malformed_xml();
  if (status->token() != "Enabled" && status->token() != "Disabled") return malformed_xml();
  LifecycleRule rule;
  rule.id = element.child_text("ID").value_or("");
  rule.enabled = status->token() == "Enabled";
  S3Status parsed;
  if (filter != nullptr) {
    parsed = parse_filter(*filter, rule);
  } else {
    rule.form = LifecycleRule::FilterForm::kPrefix;
    rule.prefix = prefix->text;
  }
  for (const XmlElement& child : element.children) {
    if (parsed) parsed = parse_action(child, rule);
  }
  if (parsed) parsed = check_rule(rule);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  return rule;
}

// Of the document and the place in it: a document has one canonical form.
std::string make_id(std::string_view body, size_t index) {
  const std::string seed = std::string(body) + "\n" + std::to_string(index);
  return to_hex(crypto::sha256(as_bytes(seed))).substr(0, 32);
}

}  // namespace

S3Result<LifecycleRules> parse_lifecycle(std::string_view body) {
  const S3Result<XmlElement> root =
      parse_xml_tree(body, "LifecycleConfiguration", kLifecycleBodyBytesMax);
  if (!root) return std::unexpected(root.error());
  if (root->children.empty() || root->children.size() > kLifecycleRulesMax) return malformed_xml();
  LifecycleRules rules;
  std::set<std::string> ids;
  for (const XmlElement& element : root->children) {
    S3Result<LifecycleRule> rule = parse_rule(element);
    if (!rule) return std::unexpected(std::move(rule.error()));
    if (rule->id.empty()) rule->id = make_id(body, rules.size());
    if (!ids.insert(rule->id).second) {
      return invalid_value("Rule ID must be unique. Found same ID for more than one rule");
    }
    rules.push_back(std::move(*rule));
  }
  return rules;
}

}  // namespace cairn::s3
