#include "s3/config_logging.h"

#include "s3/uri.h"
#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

S3Result<LogKeyFormat> parse_key_format(const XmlElement& element) {
  const bool has_one = element.children.size() == 1;
  if (!has_one || !element.has_only({"SimplePrefix", "PartitionedPrefix"})) return malformed_xml();
  const XmlElement& chosen = element.children.front();
  if (chosen.name == "SimplePrefix") {
    if (!chosen.children.empty()) return malformed_xml();
    return LogKeyFormat::kSimple;
  }
  const XmlElement* const source = chosen.child("PartitionDateSource");
  if (!chosen.has_only({"PartitionDateSource"})) return malformed_xml();
  if (source == nullptr || source->token() == "DeliveryTime") {
    return LogKeyFormat::kPartitionedDeliveryTime;
  }
  if (source->token() == "EventTime") return LogKeyFormat::kPartitionedEventTime;
  return malformed_xml();
}

void write_key_format(XmlWriter& xml, LogKeyFormat format) {
  xml.open("TargetObjectKeyFormat");
  if (format == LogKeyFormat::kSimple) {
    xml.empty("SimplePrefix");
  } else {
    xml.open("PartitionedPrefix");
    xml.element("PartitionDateSource",
                format == LogKeyFormat::kPartitionedEventTime ? "EventTime" : "DeliveryTime");
    xml.close("PartitionedPrefix");
  }
  xml.close("TargetObjectKeyFormat");
}

}  // namespace

S3Result<std::optional<LoggingTarget>> parse_logging(std::string_view body) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "BucketLoggingStatus");
  if (!root) return std::unexpected(root.error());
  if (!root->has_only({"LoggingEnabled"})) return malformed_xml();
  const XmlElement* const enabled = root->child("LoggingEnabled");
  if (enabled == nullptr) return std::optional<LoggingTarget>();
  const XmlElement* const bucket = enabled->child("TargetBucket");
  const XmlElement* const prefix = enabled->child("TargetPrefix");
  if (bucket == nullptr || prefix == nullptr ||
      !enabled->has_only(
          {"TargetBucket", "TargetPrefix", "TargetGrants", "TargetObjectKeyFormat"})) {
    return malformed_xml();
  }
  const XmlElement* const grants = enabled->child("TargetGrants");
  if (grants != nullptr && !grants->children.empty()) {
    return s3_fail(S3Code::kNotImplemented,
                   "TargetGrants are not implemented: grant access to the logs with a policy of "
                   "the target bucket.");
  }
  LoggingTarget target;
  target.bucket = bucket->token();
  target.prefix = prefix->text;
  if (target.bucket.empty() || target.prefix.size() > kKeySizeBytesMax) return malformed_xml();
  if (const XmlElement* const format = enabled->child("TargetObjectKeyFormat")) {
    const S3Result<LogKeyFormat> parsed = parse_key_format(*format);
    if (!parsed) return std::unexpected(parsed.error());
    target.key_format = *parsed;
    target.has_key_format = true;
  }
  return std::optional<LoggingTarget>(std::move(target));
}

std::string write_logging(const std::optional<LoggingTarget>& target) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("BucketLoggingStatus");
  if (target) {
    xml.open("LoggingEnabled");
    xml.element("TargetBucket", target->bucket);
    xml.element("TargetPrefix", target->prefix);
    if (target->has_key_format) write_key_format(xml, target->key_format);
    xml.close("LoggingEnabled");
  }
  xml.close("BucketLoggingStatus");
  return body;
}

}  // namespace cairn::s3
