// Errors as IAM and STS tell them (IAM API reference, "Common errors"; each action's own).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "s3/errors.h"

namespace cairn::query {

struct QueryError {
  std::string_view code;  // Static.
  int status = 400;
  std::string message;
};

// A failure of accounts (iam/errors.h) or of what lies below them.
QueryError translate(const Error& error);
// A failure of authentication, told by S3's authenticator, in the words of the query services.
QueryError translate(const s3::S3Error& error);

QueryError access_denied(std::string message);

// ErrorResponse with the namespace of the service.
std::string render_error(const QueryError& error, std::string_view xml_namespace,
                         std::string_view request_id);

}  // namespace cairn::query
