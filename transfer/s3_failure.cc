#include "transfer/s3_failure.h"

#include <array>

namespace cairn::transfer {
namespace {

struct StatusRow {
  int status;
  std::string_view code;  // When the answer has no body.
  Code error;
};
constexpr std::array<StatusRow, 14> kStatuses = {{
    {301, "PermanentRedirect", Code::kFailedPrecondition},
    {304, "NotModified", Code::kFailedPrecondition},
    {307, "TemporaryRedirect", Code::kFailedPrecondition},
    {400, "BadRequest", Code::kInvalidArgument},
    {403, "AccessDenied", Code::kPermissionDenied},
    {404, "NotFound", Code::kNotFound},
    {405, "MethodNotAllowed", Code::kUnsupported},
    {409, "Conflict", Code::kFailedPrecondition},
    {412, "PreconditionFailed", Code::kFailedPrecondition},
    {416, "InvalidRange", Code::kOutOfRange},
    {429, "SlowDown", Code::kUnavailable},
    {501, "NotImplemented", Code::kUnsupported},
    {503, "SlowDown", Code::kUnavailable},
    {507, "InsufficientStorage", Code::kNoSpace},
}};

// Codes whose class or retry differs from their status'.
struct CodeRow {
  std::string_view code;
  Code error;
  bool is_retryable;
};
constexpr std::array<CodeRow, 8> kCodes = {{
    {"BucketAlreadyExists", Code::kAlreadyExists, false},
    {"BucketAlreadyOwnedByYou", Code::kAlreadyExists, false},
    {"ConditionalRequestConflict", Code::kUnavailable, true},
    {"OperationAborted", Code::kUnavailable, true},
    {"QuotaExceeded", Code::kNoSpace, false},
    {"RequestTimeout", Code::kDeadlineExceeded, true},
    {"BadDigest", Code::kCorruption, true},
    {"XAmzContentSHA256Mismatch", Code::kCorruption, true},
}};

bool is_retryable_class(Code code) {
  return code == Code::kIo || code == Code::kClosed || code == Code::kUnavailable ||
         code == Code::kDeadlineExceeded;
}

}  // namespace

Failure::Failure(Error from)
    : error(std::move(from)), is_retryable(is_retryable_class(error.code)) {}

Failure::Failure(Error from, int http_status, std::string s3_code)
    : error(std::move(from)), status(http_status), code(std::move(s3_code)) {}

Failure failure_of(int status, std::string code, std::string message, std::string request_id) {
  Code error = status >= 500 ? Code::kUnavailable : Code::kInvalidArgument;
  for (const StatusRow& row : kStatuses) {
    if (row.status != status) continue;
    error = row.error;
    if (code.empty()) code = row.code;
  }
  bool is_retryable =
      status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
  for (const CodeRow& row : kCodes) {
    if (row.code != code) continue;
    error = row.error;
    is_retryable = row.is_retryable;
  }
  if (code.empty()) code = "HTTP " + std::to_string(status);
  std::string text = message.empty() ? "the server answered " + code : code + ": " + message;
  text += " (status " + std::to_string(status);
  if (!request_id.empty()) text += ", request " + request_id;
  text += ")";
  Failure failure(Error{error, std::move(text)}, status, std::move(code));
  failure.request_id = std::move(request_id);
  failure.is_retryable = is_retryable;
  return failure;
}

}  // namespace cairn::transfer
