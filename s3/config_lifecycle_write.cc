// The LifecycleConfiguration document out: what is stored and what GET answers.
#include "s3/config_lifecycle.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

void write_number(XmlWriter& xml, std::string_view name, const std::optional<int64_t>& value) {
  if (value) xml.element(name, static_cast<uint64_t>(*value));
}

void write_conditions(XmlWriter& xml, const LifecycleRule& rule) {
  if (rule.prefix) xml.element("Prefix", *rule.prefix);
  for (const auto& [key, value] : rule.tags) {
    xml.open("Tag");
    xml.element("Key", key);
    xml.element("Value", value);
    xml.close("Tag");
  }
  write_number(xml, "ObjectSizeGreaterThan", rule.size_greater_than_bytes);
  write_number(xml, "ObjectSizeLessThan", rule.size_less_than_bytes);
}

// A rule that came with a prefix beside its actions goes back so, as in AWS; all others have a
// Filter, though it be empty.
void write_filter(XmlWriter& xml, const LifecycleRule& rule) {
  if (rule.form == LifecycleRule::FilterForm::kPrefix) {
    xml.element("Prefix", rule.prefix.value_or(""));
    return;
  }
  xml.open("Filter");
  if (rule.form == LifecycleRule::FilterForm::kAnd) xml.open("And");
  write_conditions(xml, rule);
  if (rule.form == LifecycleRule::FilterForm::kAnd) xml.close("And");
  xml.close("Filter");
}

void write_expiration(XmlWriter& xml, const LifecycleRule& rule) {
  if (!rule.expiration_days && !rule.expiration_date && !rule.expired_object_delete_marker) return;
  xml.open("Expiration");
  write_number(xml, "Days", rule.expiration_days);
  if (rule.expiration_date) xml.element("Date", *rule.expiration_date);
  if (rule.expired_object_delete_marker) {
    xml.element("ExpiredObjectDeleteMarker", *rule.expired_object_delete_marker);
  }
  xml.close("Expiration");
}

void write_transitions(XmlWriter& xml, const LifecycleRule& rule) {
  for (const LifecycleTransition& transition : rule.transitions) {
    xml.open("Transition");
    write_number(xml, "Days", transition.days);
    if (transition.date) xml.element("Date", *transition.date);
    xml.element("StorageClass", transition.storage_class);
    xml.close("Transition");
  }
  for (const LifecycleTransition& transition : rule.noncurrent_transitions) {
    xml.open("NoncurrentVersionTransition");
    write_number(xml, "NoncurrentDays", transition.days);
    write_number(xml, "NewerNoncurrentVersions", transition.newer_noncurrent_versions);
    xml.element("StorageClass", transition.storage_class);
    xml.close("NoncurrentVersionTransition");
  }
}

void write_rule(XmlWriter& xml, const LifecycleRule& rule) {
  xml.open("Rule");
  write_expiration(xml, rule);
  xml.element("ID", rule.id);
  write_filter(xml, rule);
  xml.element("Status", rule.enabled ? "Enabled" : "Disabled");
  write_transitions(xml, rule);
  if (rule.noncurrent_days) {
    xml.open("NoncurrentVersionExpiration");
    write_number(xml, "NoncurrentDays", rule.noncurrent_days);
    write_number(xml, "NewerNoncurrentVersions", rule.newer_noncurrent_versions);
    xml.close("NoncurrentVersionExpiration");
  }
  if (rule.abort_upload_days) {
    xml.open("AbortIncompleteMultipartUpload");
    write_number(xml, "DaysAfterInitiation", rule.abort_upload_days);
    xml.close("AbortIncompleteMultipartUpload");
  }
  xml.close("Rule");
}

}  // namespace

std::string write_lifecycle(const LifecycleRules& rules) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("LifecycleConfiguration");
  for (const LifecycleRule& rule : rules) write_rule(xml, rule);
  xml.close("LifecycleConfiguration");
  return body;
}

}  // namespace cairn::s3
