#include "s3/config_encryption.h"

#include <algorithm>

#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

constexpr size_t kKeyIdBytesMax = 2048;

S3Status parse_default(const XmlElement& element, EncryptionConfig& config) {
  const XmlElement* const algorithm = element.child("SSEAlgorithm");
  if (algorithm == nullptr || !element.has_only({"SSEAlgorithm", "KMSMasterKeyID"})) {
    return malformed_xml();
  }
  if (const XmlElement* const key = element.child("KMSMasterKeyID")) {
    config.kms_key_id = key->token();
    if (config.kms_key_id.empty() || config.kms_key_id.size() > kKeyIdBytesMax) {
      return malformed_xml();
    }
  }
  if (algorithm->token() == "aws:kms:dsse") {
    return s3_fail(S3Code::kNotImplemented,
                   "aws:kms:dsse is not implemented: use aws:kms or AES256.");
  }
  if (algorithm->token() == "aws:kms") {
    config.algorithm = DefaultEncryption::kKms;
    return {};
  }
  if (algorithm->token() != "AES256") return malformed_xml();
  if (!config.kms_key_id.empty()) {
    return invalid_argument(
        "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
        "aws:kms:dsse",
        "KMSMasterKeyID", config.kms_key_id);
  }
  return {};
}

S3Status parse_blocked_types(const XmlElement& blocked, EncryptionConfig& config) {
  if (blocked.children.empty() || !blocked.has_only({}, {"EncryptionType"})) {
    return malformed_xml();
  }
  config.tells_blocked = true;
  for (const XmlElement& type : blocked.children) {
    if (type.token() != "SSE-C" && type.token() != "NONE") return malformed_xml();
    config.blocks_customer_keys = config.blocks_customer_keys || type.token() == "SSE-C";
  }
  return {};
}

}  // namespace

S3Result<EncryptionConfig> parse_encryption(std::string_view body) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "ServerSideEncryptionConfiguration");
  if (!root) return std::unexpected(root.error());
  const XmlElement* const rule = root->child("Rule");
  if (rule == nullptr || !root->has_only({"Rule"})) return malformed_xml();
  const XmlElement* const by_default = rule->child("ApplyServerSideEncryptionByDefault");
  const XmlElement* const blocked = rule->child("BlockedEncryptionTypes");
  if ((by_default == nullptr && blocked == nullptr) ||
      !rule->has_only(
          {"ApplyServerSideEncryptionByDefault", "BucketKeyEnabled", "BlockedEncryptionTypes"})) {
    return malformed_xml();
  }
  EncryptionConfig config;
  if (by_default != nullptr) {
    if (S3Status parsed = parse_default(*by_default, config); !parsed) {
      return std::unexpected(std::move(parsed.error()));
    }
  }
  if (const XmlElement* const bucket_key = rule->child("BucketKeyEnabled")) {
    if (bucket_key->token() != "true" && bucket_key->token() != "false") return malformed_xml();
    config.bucket_key = bucket_key->token() == "true";
  }
  if (blocked != nullptr) {
    if (S3Status parsed = parse_blocked_types(*blocked, config); !parsed) {
      return std::unexpected(std::move(parsed.error()));
    }
  }
  return config;
}

std::string write_encryption(const EncryptionConfig& config) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("ServerSideEncryptionConfiguration");
  xml.open("Rule");
  xml.open("ApplyServerSideEncryptionByDefault");
  xml.element("SSEAlgorithm", config.algorithm == DefaultEncryption::kKms ? "aws:kms" : "AES256");
  if (!config.kms_key_id.empty()) xml.element("KMSMasterKeyID", config.kms_key_id);
  xml.close("ApplyServerSideEncryptionByDefault");
  xml.element("BucketKeyEnabled", config.bucket_key);
  if (config.tells_blocked) {
    xml.open("BlockedEncryptionTypes");
    xml.element("EncryptionType", config.blocks_customer_keys ? "SSE-C" : "NONE");
    xml.close("BlockedEncryptionTypes");
  }
  xml.close("Rule");
  xml.close("ServerSideEncryptionConfiguration");
  return body;
}

}  // namespace cairn::s3
