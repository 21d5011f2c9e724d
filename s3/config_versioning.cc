#include "s3/config_versioning.h"

#include "s3/xml_tree.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

// <root><name>value</name></root>
std::string write_choice(std::string_view root, std::string_view name, std::string_view value) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root(root);
  xml.element(name, value);
  xml.close(root);
  return body;
}

// The text of the only child, `name`; MalformedXML when it is anything else.
S3Result<std::string> parse_choice(std::string_view body, std::string_view root_name,
                                   std::string_view name) {
  const S3Result<XmlElement> root = parse_xml_tree(body, root_name);
  if (!root) return std::unexpected(root.error());
  const XmlElement* const chosen = root->child(name);
  if (chosen == nullptr || !root->has_only({name})) return malformed_xml();
  return std::string(chosen->token());
}

}  // namespace

S3Result<object::Versioning> parse_versioning(std::string_view body) {
  const S3Result<XmlElement> root = parse_xml_tree(body, "VersioningConfiguration");
  if (!root) return std::unexpected(root.error());
  if (!root->has_only({"Status", "MfaDelete"})) return malformed_xml();
  if (const XmlElement* const mfa = root->child("MfaDelete")) {
    if (mfa->token() == "Enabled") {
      return s3_fail(S3Code::kNotImplemented,
                     "MFA delete is not implemented: object lock keeps versions from being "
                     "deleted.");
    }
    if (mfa->token() != "Disabled") return malformed_xml();
  }
  const XmlElement* const status = root->child("Status");
  if (status == nullptr || status->token().empty()) {
    return s3_fail(S3Code::kIllegalVersioningConfigurationException);
  }
  if (status->token() == "Enabled") return object::Versioning::kEnabled;
  if (status->token() == "Suspended") return object::Versioning::kSuspended;
  return malformed_xml();
}

std::string write_versioning(object::Versioning versioning) {
  if (versioning == object::Versioning::kUnversioned) {
    std::string body;
    XmlWriter xml(body);
    xml.declaration();
    xml.empty_root("VersioningConfiguration");
    return body;
  }
  return write_choice("VersioningConfiguration", "Status",
                      versioning == object::Versioning::kEnabled ? "Enabled" : "Suspended");
}

S3Result<Payer> parse_request_payment(std::string_view body) {
  const S3Result<std::string> payer = parse_choice(body, "RequestPaymentConfiguration", "Payer");
  if (!payer) return std::unexpected(payer.error());
  if (*payer == "BucketOwner") return Payer::kBucketOwner;
  if (*payer == "Requester") return Payer::kRequester;
  return malformed_xml();
}

std::string write_request_payment(Payer payer) {
  return write_choice("RequestPaymentConfiguration", "Payer",
                      payer == Payer::kRequester ? "Requester" : "BucketOwner");
}

S3Result<Acceleration> parse_accelerate(std::string_view body) {
  const S3Result<std::string> status = parse_choice(body, "AccelerateConfiguration", "Status");
  if (!status) return std::unexpected(status.error());
  if (*status == "Enabled") return Acceleration::kEnabled;
  if (*status == "Suspended") return Acceleration::kSuspended;
  return malformed_xml();
}

std::string write_accelerate(Acceleration acceleration) {
  return write_choice("AccelerateConfiguration", "Status",
                      acceleration == Acceleration::kEnabled ? "Enabled" : "Suspended");
}

}  // namespace cairn::s3
