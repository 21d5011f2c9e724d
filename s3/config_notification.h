// NotificationConfiguration (S3.md 2.4): which events of a bucket go to which webhook. Pure
// functions; delivery is done elsewhere.
//
// Targets are webhooks that the server's operator has configured by name; a rule names one by
// `arn:cairn:webhook:<region>::<name>`, in a Topic, Queue or CloudFunction element alike.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "s3/errors.h"

namespace cairn::s3 {

inline constexpr size_t kNotificationRulesMax = 100;  // AWS
inline constexpr size_t kFilterValueBytesMax = 1024;  // AWS

// The element that a rule came in; told back.
enum class NotificationKind : uint8_t { kTopic, kQueue, kFunction };

struct NotificationRule {
  NotificationKind kind = NotificationKind::kQueue;
  std::string id;
  std::string target;               // The name of the webhook.
  std::string arn;                  // As it was given.
  std::vector<std::string> events;  // "s3:ObjectCreated:Put", "s3:ObjectCreated:*", ...
  std::optional<std::string> prefix;
  std::optional<std::string> suffix;

  // `event` without wildcard, e.g. "s3:ObjectCreated:Put".
  bool matches(std::string_view event, std::string_view key) const;
};
using NotificationRules = std::vector<NotificationRule>;

// True for every webhook name that the server knows.
using TargetExists = std::function<bool(std::string_view name)>;

// No rules: notifications are off. Rules without an Id get one. MalformedXML; InvalidArgument for
// events, filters, overlaps and targets; NotImplemented for EventBridge.
S3Result<NotificationRules> parse_notification(std::string_view body,
                                               const TargetExists& target_exists);
std::string write_notification(const NotificationRules& rules);

// The name in an ARN of a webhook; nullopt when it is no such ARN.
std::optional<std::string> webhook_name(std::string_view arn);

}  // namespace cairn::s3
