#include "query/errors.h"

#include "base/log.h"
#include "iam/errors.h"
#include "s3/xml_writer.h"

namespace cairn::query {
namespace {

namespace reason = iam::reason;

struct Named {
  std::string_view reason;
  std::string_view code;
  int status;
};

// Messages that begin with a name of their own.
constexpr Named kNamed[] = {
    {reason::kMalformedPolicy, "MalformedPolicyDocument", 400},
    {reason::kInvalidInput, "InvalidInput", 400},
    {reason::kUnmodifiable, "UnmodifiableEntity", 400},
    {reason::kExpiredToken, "ExpiredTokenException", 400},
    {reason::kInvalidToken, "InvalidIdentityToken", 400},
    {reason::kRejectedClaim, "IDPRejectedClaim", 403},
    {reason::kProviderUnreachable, "IDPCommunicationError", 400},
    {"PackedPolicyTooLarge: ", "PackedPolicyTooLarge", 400},
    {"InvalidAction: ", "InvalidAction", 400},
};

}  // namespace

QueryError translate(const Error& error) {
  for (const Named& one : kNamed) {
    if (error.message.starts_with(one.reason)) {
      return {one.code, one.status, error.message.substr(one.reason.size())};
    }
  }
  switch (error.code) {
    case Code::kNotFound: return {"NoSuchEntity", 404, error.message};
    case Code::kAlreadyExists: return {"EntityAlreadyExists", 409, error.message};
    case Code::kResourceExhausted: return {"LimitExceeded", 409, error.message};
    case Code::kFailedPrecondition: return {"DeleteConflict", 409, error.message};
    case Code::kInvalidArgument: return {"ValidationError", 400, error.message};
    case Code::kPermissionDenied: return {"AccessDenied", 403, error.message};
    case Code::kUnsupported: return {"NotImplemented", 501, error.message};
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kCancelled: return {"ServiceUnavailable", 503, "Please try again."};
    default: break;
  }
  log::error("account-request-failed",
             {{"code", to_string(error.code)}, {"message", std::string_view(error.message)}});
  return {"ServiceFailure", 500, "The request processing has failed because of an internal error."};
}

QueryError translate(const s3::S3Error& error) {
  using s3::S3Code;
  const std::string message(error.text());
  switch (error.code) {
    case S3Code::kInvalidAccessKeyId:
    case S3Code::kInvalidToken:
      return {"InvalidClientTokenId", 403,
              "The security token included in the request is invalid."};
    case S3Code::kExpiredToken:
      return {"ExpiredToken", 403, "The security token included in the request is expired"};
    case S3Code::kSignatureDoesNotMatch: return {"SignatureDoesNotMatch", 403, message};
    case S3Code::kRequestTimeTooSkewed: return {"SignatureDoesNotMatch", 403, message};
    case S3Code::kAuthorizationHeaderMalformed:
    case S3Code::kAuthorizationQueryParametersError: return {"IncompleteSignature", 400, message};
    case S3Code::kAccessDenied: return {"AccessDenied", 403, message};
    case S3Code::kNotImplemented: return {"NotImplemented", 501, message};
    default: break;
  }
  return {"IncompleteSignature", 400, message};
}

QueryError access_denied(std::string message) {
  return {"AccessDenied", 403, std::move(message)};
}

std::string render_error(const QueryError& error, std::string_view xml_namespace,
                         std::string_view request_id) {
  std::string out = "<ErrorResponse xmlns=\"" + std::string(xml_namespace) + "\">\n";
  s3::XmlWriter xml(out);
  xml.open("Error");
  xml.element("Type", error.status >= 500 ? "Receiver" : "Sender");
  xml.element("Code", error.code);
  xml.element("Message", error.message);
  xml.close("Error");
  xml.element("RequestId", request_id);
  out += "</ErrorResponse>\n";
  return out;
}

}  // namespace cairn::query
