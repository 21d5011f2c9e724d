#include "s3/config_notification.h"

#include <algorithm>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "s3/config_cors.h"
#include "s3/request_view.h"
#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

// What S3 knows (AWS "Supported event types"). Those that nothing here can raise are taken too: a
// configuration written for AWS need not be changed.
constexpr std::string_view kEvents[] = {"s3:ObjectCreated:*",
                                        "s3:ObjectCreated:Put",
                                        "s3:ObjectCreated:Post",
                                        "s3:ObjectCreated:Copy",
                                        "s3:ObjectCreated:CompleteMultipartUpload",
                                        "s3:ObjectRemoved:*",
                                        "s3:ObjectRemoved:Delete",
                                        "s3:ObjectRemoved:DeleteMarkerCreated",
                                        "s3:ObjectRestore:*",
                                        "s3:ObjectRestore:Post",
                                        "s3:ObjectRestore:Completed",
                                        "s3:ObjectRestore:Delete",
                                        "s3:ReducedRedundancyLostObject",
                                        "s3:Replication:*",
                                        "s3:Replication:OperationFailedReplication",
                                        "s3:Replication:OperationMissedThreshold",
                                        "s3:Replication:OperationReplicatedAfterThreshold",
                                        "s3:Replication:OperationNotTracked",
                                        "s3:LifecycleExpiration:*",
                                        "s3:LifecycleExpiration:Delete",
                                        "s3:LifecycleExpiration:DeleteMarkerCreated",
                                        "s3:LifecycleTransition",
                                        "s3:IntelligentTiering",
                                        "s3:ObjectTagging:*",
                                        "s3:ObjectTagging:Put",
                                        "s3:ObjectTagging:Delete",
                                        "s3:ObjectAcl:Put"};

struct KindRow {
  NotificationKind kind;
  std::string_view element;
  std::string_view target;
};
constexpr KindRow kKinds[] = {
    {NotificationKind::kTopic, "TopicConfiguration", "Topic"},
    {NotificationKind::kQueue, "QueueConfiguration", "Queue"},
    {NotificationKind::kFunction, "CloudFunctionConfiguration", "CloudFunction"}};

// `*` at the end of a pattern stands for the rest.
bool event_matches(std::string_view pattern, std::string_view event) {
  if (!pattern.ends_with('*')) return pattern == event;
  return event.starts_with(pattern.substr(0, pattern.size() - 1));
}

S3Status parse_filter_rule(const XmlElement& element, NotificationRule& rule) {
  const XmlElement* const name = element.child("Name");
  const XmlElement* const value = element.child("Value");
  if (name == nullptr || value == nullptr || !element.has_only({"Name", "Value"})) {
    return malformed_xml();
  }
  const bool is_prefix = equal_ignoring_case(name->token(), "prefix");
  if (!is_prefix && !equal_ignoring_case(name->token(), "suffix")) {
    return invalid_argument("filter rule name must be either prefix or suffix", "FilterRule.Name",
                            name->token());
  }
  if (value->text.size() > kFilterValueBytesMax) {
    return invalid_argument(
        "Size of filter rule value cannot exceed 1024 bytes in UTF-8 "
        "representation",
        "FilterRule.Value", value->text);
  }
  std::optional<std::string>& field = is_prefix ? rule.prefix : rule.suffix;
  if (field) {
    return invalid_argument(is_prefix ? "Cannot specify more than one prefix rule in a filter."
                                      : "Cannot specify more than one suffix rule in a filter.",
                            "FilterRule", name->token());
  }
  field = value->text;
  return {};
}

S3Status parse_filter(const XmlElement& element, NotificationRule& rule) {
  if (!element.has_only({"S3Key"})) return malformed_xml();
  const XmlElement* const key = element.child("S3Key");
  if (key == nullptr) return {};
  if (!key->has_only({}, {"FilterRule"})) return malformed_xml();
  for (const XmlElement& child : key->children) {
    if (S3Status parsed = parse_filter_rule(child, rule); !parsed) return parsed;
  }
  return {};
}

S3Status parse_target(const XmlElement& element, const TargetExists& target_exists,
                      NotificationRule& rule) {
  rule.arn = element.token();
  const std::optional<std::string> name = webhook_name(rule.arn);
  if (!name || !target_exists(*name)) {
    return invalid_argument("Unable to validate the following destination configurations", rule.arn,
                            "No webhook of this name is configured: the server's setting is "
                            "notify-webhook, the ARN arn:cairn:webhook:<region>::<name>");
  }
  rule.target = *name;
  return {};
}

S3Result<NotificationRule> parse_rule(const XmlElement& element, const KindRow& row,
                                      const TargetExists& target_exists) {
  const XmlElement* const target = element.child(row.target);
  if (target == nullptr || !element.has_only({"Id", row.target, "Filter"}, {"Event"})) {
    return malformed_xml();
  }
  NotificationRule rule;
  rule.kind = row.kind;
  rule.id = element.child_text("Id").value_or("");
  if (rule.id.size() > kRuleIdCharsMax) {
    return invalid_argument("The ID must not be longer than 255 characters", "Id", rule.id);
  }
  for (const XmlElement& child : element.children) {
    if (child.name != "Event") continue;
    if (std::ranges::find(kEvents, child.token()) == std::end(kEvents)) {
      return invalid_argument("A specified event is not supported for notifications.", "Event",
                              child.token());
    }
    rule.events.emplace_back(child.token());
  }
  if (rule.events.empty()) return malformed_xml();
  if (const XmlElement* const filter = element.child("Filter")) {
    if (S3Status parsed = parse_filter(*filter, rule); !parsed) {
      return std::unexpected(std::move(parsed.error()));
    }
  }
  if (S3Status parsed = parse_target(*target, target_exists, rule); !parsed) {
    return std::unexpected(std::move(parsed.error()));
  }
  return rule;
}

bool events_overlap(const NotificationRule& a, const NotificationRule& b) {
  return std::ranges::any_of(a.events, [&](const std::string& one) {
    return std::ranges::any_of(b.events, [&](const std::string& other) {
      return event_matches(one, other) || event_matches(other, one);
    });
  });
}

bool either_starts_with(std::string_view a, std::string_view b) {
  return a.starts_with(b) || b.starts_with(a);
}

bool either_ends_with(std::string_view a, std::string_view b) {
  return a.ends_with(b) || b.ends_with(a);
}

// One event may go to one place only, as in AWS.
bool overlap(const NotificationRule& a, const NotificationRule& b) {
  return events_overlap(a, b) && either_starts_with(a.prefix.value_or(""), b.prefix.value_or("")) &&
         either_ends_with(a.suffix.value_or(""), b.suffix.value_or(""));
}

S3Status check_rules(const NotificationRules& rules) {
  for (size_t i = 0; i < rules.size(); ++i) {
    for (size_t k = i + 1; k < rules.size(); ++k) {
      if (overlap(rules[i], rules[k])) {
        return invalid_argument(
            "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules "
            "if the prefixes are overlapping for the same event type.",
            "Event", rules[k].events.front());
      }
      if (rules[i].id == rules[k].id) {
        return invalid_argument("Same ID used for multiple configurations. IDs must be unique.",
                                "Id", rules[i].id);
      }
    }
  }
  return {};
}

// An id for a rule that brought none: of what it says, so a document has one canonical form.
std::string make_id(const NotificationRule& rule, size_t index) {
  std::string seed = rule.arn + "\n" + std::to_string(index);
  for (const std::string& event : rule.events) seed += "\n" + event;
  return to_hex(crypto::sha256(as_bytes(seed))).substr(0, 32);
}

void write_filter(XmlWriter& xml, const NotificationRule& rule) {
  if (!rule.prefix && !rule.suffix) return;
  xml.open("Filter");
  xml.open("S3Key");
  const auto write = [&](std::string_view name, const std::optional<std::string>& value) {
    if (!value) return;
    xml.open("FilterRule");
    xml.element("Name", name);
    xml.element("Value", *value);
    xml.close("FilterRule");
  };
  write("Prefix", rule.prefix);
  write("Suffix", rule.suffix);
  xml.close("S3Key");
  xml.close("Filter");
}

}  // namespace

bool NotificationRule::matches(std::string_view event, std::string_view key) const {
  return key.starts_with(prefix.value_or("")) && key.ends_with(suffix.value_or("")) &&
         std::ranges::any_of(
             events, [&](const std::string& pattern) { return event_matches(pattern, event); });
}

std::optional<std::string> webhook_name(std::string_view arn) {
  constexpr std::string_view kPrefix = "arn:cairn:webhook:";
  if (!arn.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = arn.substr(kPrefix.size());
  const size_t region_end = rest.find("::");
  if (region_end == std::string_view::npos || rest.substr(0, region_end).contains(':')) {
    return std::nullopt;
  }
  const std::string_view name = rest.substr(region_end + 2);
  if (name.empty() || name.contains(':')) return std::nullopt;
  return std::string(name);
}

S3Result<NotificationRules> parse_notification(std::string_view body,
                                               const TargetExists& target_exists) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "NotificationConfiguration");
  if (!root) return std::unexpected(root.error());
  if (root->children.size() > kNotificationRulesMax) return malformed_xml();
  NotificationRules rules;
  for (const XmlElement& element : root->children) {
    if (element.name == "EventBridgeConfiguration") {
      return s3_fail(S3Code::kNotImplemented,
                     "There is no EventBridge here: name a webhook in a QueueConfiguration.");
    }
    const auto* const row = std::ranges::find(kKinds, element.name, &KindRow::element);
    if (row == std::end(kKinds)) return malformed_xml();
    S3Result<NotificationRule> rule = parse_rule(element, *row, target_exists);
    if (!rule) return std::unexpected(std::move(rule.error()));
    if (rule->id.empty()) rule->id = make_id(*rule, rules.size());
    rules.push_back(std::move(*rule));
  }
  if (S3Status checked = check_rules(rules); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return rules;
}

std::string write_notification(const NotificationRules& rules) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("NotificationConfiguration");
  for (const NotificationRule& rule : rules) {
    const KindRow& row = *std::ranges::find(kKinds, rule.kind, &KindRow::kind);
    xml.open(row.element);
    xml.element("Id", rule.id);
    xml.element(row.target, rule.arn);
    for (const std::string& event : rule.events) xml.element("Event", event);
    write_filter(xml, rule);
    xml.close(row.element);
  }
  xml.close("NotificationConfiguration");
  return body;
}

}  // namespace cairn::s3
