#include "s3/config_object_lock.h"

#include "base/dates.h"
#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
constexpr int64_t kYearDays = 365;

std::unexpected<S3Error> invalid_period(std::string message, std::string_view name,
                                        std::string_view value) {
  return s3_fail(S3Code::kInvalidRetentionPeriod, std::move(message),
                 {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(value)}});
}

S3Result<int64_t> parse_period(const XmlElement& element, int64_t most) {
  const std::optional<int64_t> period = element.number();
  if (!period) return malformed_xml();
  if (*period <= 0) {
    return invalid_period("Default retention period must be a positive integer value.",
                          element.name, element.token());
  }
  if (*period > most) {
    return invalid_period("Default retention period too large.", element.name, element.token());
  }
  return *period;
}

S3Result<DefaultRetention> parse_default_retention(const XmlElement& element) {
  const XmlElement* const mode = element.child("Mode");
  const XmlElement* const days = element.child("Days");
  const XmlElement* const years = element.child("Years");
  const bool has_one_period = (days == nullptr) != (years == nullptr);
  if (mode == nullptr || !has_one_period || !element.has_only({"Mode", "Days", "Years"})) {
    return malformed_xml();
  }
  DefaultRetention rule;
  const std::optional<object::LockMode> parsed_mode = parse_lock_mode(mode->token());
  if (!parsed_mode) return malformed_xml();
  rule.mode = *parsed_mode;
  const S3Result<int64_t> period = days != nullptr ? parse_period(*days, kRetentionDaysMax)
                                                   : parse_period(*years, kRetentionYearsMax);
  if (!period) return std::unexpected(period.error());
  (days != nullptr ? rule.days : rule.years) = *period;
  return rule;
}

}  // namespace

WallTime DefaultRetention::retain_until(WallTime now) const {
  return {now.unix_ms + (days + years * kYearDays) * kDayMs};
}

S3Result<ObjectLockConfig> parse_object_lock(std::string_view body) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "ObjectLockConfiguration");
  if (!root) return std::unexpected(root.error());
  const XmlElement* const enabled = root->child("ObjectLockEnabled");
  if (enabled == nullptr || enabled->token() != "Enabled" ||
      !root->has_only({"ObjectLockEnabled", "Rule"})) {
    return malformed_xml();
  }
  ObjectLockConfig config;
  if (const XmlElement* const rule = root->child("Rule")) {
    const XmlElement* const retention = rule->child("DefaultRetention");
    if (retention == nullptr || !rule->has_only({"DefaultRetention"})) return malformed_xml();
    S3Result<DefaultRetention> parsed = parse_default_retention(*retention);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    config.rule = *parsed;
  }
  return config;
}

std::string write_object_lock(const ObjectLockConfig& config) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("ObjectLockConfiguration");
  xml.element("ObjectLockEnabled", "Enabled");
  if (config.rule) {
    xml.open("Rule");
    xml.open("DefaultRetention");
    xml.element("Mode", lock_mode_name(config.rule->mode));
    const bool has_days = config.rule->days > 0;
    xml.element(has_days ? "Days" : "Years",
                static_cast<uint64_t>(has_days ? config.rule->days : config.rule->years));
    xml.close("DefaultRetention");
    xml.close("Rule");
  }
  xml.close("ObjectLockConfiguration");
  return body;
}

std::optional<object::LockMode> parse_lock_mode(std::string_view text) {
  if (text == "GOVERNANCE") return object::LockMode::kGovernance;
  if (text == "COMPLIANCE") return object::LockMode::kCompliance;
  return std::nullopt;
}

std::string_view lock_mode_name(object::LockMode mode) {
  switch (mode) {
    case object::LockMode::kGovernance: return "GOVERNANCE";
    case object::LockMode::kCompliance: return "COMPLIANCE";
    case object::LockMode::kNone: break;
  }
  return {};
}

S3Result<Retention> parse_retention(std::string_view body, WallTime now) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "Retention");
  if (!root) return std::unexpected(root.error());
  if (root->children.empty()) return Retention();
  const XmlElement* const mode = root->child("Mode");
  const XmlElement* const until = root->child("RetainUntilDate");
  if (mode == nullptr || until == nullptr || !root->has_only({"Mode", "RetainUntilDate"})) {
    return malformed_xml();
  }
  const std::optional<object::LockMode> parsed_mode = parse_lock_mode(mode->token());
  const std::optional<WallTime> date = parse_iso8601(until->token());
  if (!parsed_mode || !date) return malformed_xml();
  if (*date <= now) {
    return invalid_argument("The retain until date must be in the future!", "RetainUntilDate",
                            until->token());
  }
  return Retention{*parsed_mode, *date};
}

std::string write_retention(const Retention& retention) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("Retention");
  xml.element("Mode", lock_mode_name(retention.mode));
  xml.element("RetainUntilDate", retention.retain_until);
  xml.close("Retention");
  return body;
}

S3Result<bool> parse_legal_hold(std::string_view body) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "LegalHold");
  if (!root) return std::unexpected(root.error());
  const XmlElement* const status = root->child("Status");
  if (status == nullptr || !root->has_only({"Status"})) return malformed_xml();
  if (status->token() != "ON" && status->token() != "OFF") return malformed_xml();
  return status->token() == "ON";
}

std::string write_legal_hold(bool is_on) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("LegalHold");
  xml.element("Status", is_on ? "ON" : "OFF");
  xml.close("LegalHold");
  return body;
}

}  // namespace cairn::s3
