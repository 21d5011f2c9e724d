#include "query/call.h"

#include "s3/uri.h"

namespace cairn::query {

std::string Call::own_user() const {
  if (!caller || caller->kind == iam::CredentialKind::kRoleSession) return {};
  return caller->principal->kind == iam::PrincipalKind::kUser &&
                 caller->principal->arn != iam::root_arn(tenant)
             ? caller->principal->name
             : std::string();
}

Result<std::string> Call::user_param() const {
  const std::optional<std::string_view> given = params.find("UserName");
  if (given && !given->empty()) return std::string(*given);
  std::string own = own_user();
  const bool is_root = caller && caller->principal->kind == iam::PrincipalKind::kRoot;
  if (!given && (is_root || !own.empty())) return own;
  return fail(Code::kInvalidArgument,
              "Must specify userName when calling with non-User credentials");
}

Result<std::string> required(const Call& call, std::string_view name) {
  const std::optional<std::string_view> value = call.params.find(name);
  if (value && !value->empty()) return std::string(*value);
  // IAM's words, which begin the name with a small letter.
  std::string member(name);
  if (member[0] >= 'A' && member[0] <= 'Z') member[0] = static_cast<char>(member[0] - 'A' + 'a');
  return fail(Code::kInvalidArgument,
              "1 validation error detected: Value at '" + member +
                  "' failed to satisfy constraint: " +
                  (value ? "Member must have length greater than or equal to 1"
                         : "Member must not be null"));
}

Result<PageRequest> page_request(const Call& call) {
  PageRequest page;
  page.after = call.params.text("Marker");
  const std::optional<std::string_view> limit = call.params.find("MaxItems");
  if (!limit) return page;
  const std::optional<uint64_t> number = parse_number(*limit);
  if (!number || *number == 0 || *number > kPageMax) {
    return fail(Code::kInvalidArgument, "MaxItems must be a number from 1 to 1000.");
  }
  page.limit = *number;
  return page;
}

std::string encoded_document(std::string_view document) {
  std::string out;
  s3::append_uri_encoded(out, document, s3::Slash::kEncode);
  return out;
}

void append_tags(s3::XmlWriter& xml, const iam::Tags& tags) {
  xml.open("Tags");
  for (const auto& [key, value] : tags) {
    xml.open("member");
    xml.element("Key", key);
    xml.element("Value", value);
    xml.close("member");
  }
  xml.close("Tags");
}

}  // namespace cairn::query
