// Errors as S3 tells them: a closed table of codes (S3.md section 3), an error value with the extra
// elements that clients read, and its XML.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::s3 {

// One per code that S3 clients know; kFoo is written <Code>Foo</Code>, the KMS ones KMS.*Exception.
// NotModified has no body.
enum class S3Code : uint8_t {
  kPermanentRedirect,
  kNotModified,
  kTemporaryRedirect,
  // 400
  kAuthorizationHeaderMalformed,
  kAuthorizationQueryParametersError,
  kBadDigest,
  kBadRequest,
  kEncryptionTypeMismatch,
  kEntityTooLarge,
  kEntityTooSmall,
  kExpiredToken,
  kIdempotencyParameterMismatch,
  kIllegalLocationConstraintException,
  kIllegalVersioningConfigurationException,
  kIncompleteBody,
  kInvalidArgument,
  kInvalidBucketName,
  kInvalidChunkSizeError,
  kInvalidDigest,
  kInvalidEncryptionAlgorithmError,
  kInvalidLocationConstraint,
  kInvalidPart,
  kInvalidPartOrder,
  kInvalidPolicyDocument,
  kInvalidRedirectLocation,
  kInvalidRequest,
  kInvalidRetentionPeriod,
  kInvalidStorageClass,
  kInvalidTag,
  kInvalidTargetBucketForLogging,
  kInvalidToken,
  kInvalidURI,
  kInvalidWriteOffset,
  kKeyTooLongError,
  kKmsDisabled,
  kKmsNotFound,
  kMalformedACLError,
  kMalformedPOSTRequest,
  kMalformedPolicy,
  kMalformedTrailerError,
  kMalformedXML,
  kMaxMessageLengthExceeded,
  kMaxPostPreDataLengthExceeded,
  kMetadataTooLarge,
  kMissingRequestBodyError,
  kMissingSecurityHeader,
  kRequestHeaderSectionTooLarge,
  kRequestTimeout,
  kTooManyBuckets,
  kTooManyParts,
  kUnexpectedContent,
  kUnresolvableGrantByEmailAddress,
  kXAmzContentSHA256Mismatch,
  kAccessControlListNotSupported,
  kInvalidBucketAclWithObjectOwnership,
  // 403
  kAccessDenied,
  kAccessForbidden,
  kAllAccessDisabled,
  kInvalidAccessKeyId,
  kInvalidObjectState,
  kRequestTimeTooSkewed,
  kSignatureDoesNotMatch,
  kObjectAlreadyInActiveTierError,
  kQuotaExceeded,
  // 404
  kNoSuchBucket,
  kNoSuchKey,
  kNoSuchUpload,
  kNoSuchVersion,
  kNoSuchBucketPolicy,
  kNoSuchCORSConfiguration,
  kNoSuchLifecycleConfiguration,
  kNoSuchTagSet,
  kNoSuchWebsiteConfiguration,
  kNoSuchConfiguration,
  kNoSuchPublicAccessBlockConfiguration,
  kNoSuchObjectLockConfiguration,
  kObjectLockConfigurationNotFoundError,
  kOwnershipControlsNotFoundError,
  kReplicationConfigurationNotFoundError,
  kServerSideEncryptionConfigurationNotFoundError,
  // 405, 409, 411, 412, 416
  kMethodNotAllowed,
  kBucketAlreadyExists,
  kBucketAlreadyOwnedByYou,
  kBucketNotEmpty,
  kConditionalRequestConflict,
  kInvalidBucketState,
  kOperationAborted,
  kRestoreAlreadyInProgress,
  kMissingContentLength,
  kPreconditionFailed,
  kInvalidRange,
  kInvalidPartNumber,
  // 5xx
  kInternalError,
  kNotImplemented,
  kSlowDown,
  kServiceUnavailable,
  kInsufficientStorage,
  kCount,  // Not a code: the size of the table.
};

struct S3CodeInfo {
  std::string_view name;
  int status = 0;
  std::string_view message;  // Used when an error brings none.
};
const S3CodeInfo& code_info(S3Code code);

// Extra element of an error, e.g. {"Key", "a/b"}. Names are literals.
struct ErrorField {
  std::string_view name;
  std::string value;
};

struct [[nodiscard]] S3Error {
  S3Code code = S3Code::kInternalError;
  std::string message;  // Empty = the code's default.
  std::vector<ErrorField> fields;
  std::vector<ErrorField> headers = {};  // Of the reply; clients read some only there.

  int status() const { return code_info(code).status; }
  std::string_view text() const { return message.empty() ? code_info(code).message : message; }
};

template <typename T>
using S3Result = std::expected<T, S3Error>;
using S3Status = S3Result<void>;

// Makes the value that a function returning any S3Result<T> can return on failure.
std::unexpected<S3Error> s3_fail(S3Code code, std::string message = {},
                                 std::vector<ErrorField> fields = {});
// 400 InvalidArgument with ArgumentName and ArgumentValue.
std::unexpected<S3Error> invalid_argument(std::string message, std::string_view name,
                                          std::string_view value);

// What the door adds to every error.
struct ErrorContext {
  std::string_view resource;  // Decoded path, `/bucket/key`; left out when empty.
  std::string_view request_id;
  std::string_view host_id;
};
// The whole body: declaration, Error without xmlns, Code, Message, the fields in order, Resource,
// RequestId, HostId.
std::string render_error(const S3Error& error, const ErrorContext& context);
// The <Error> element alone, for a Complete that fails after its 200 was sent.
void append_error_element(std::string& out, const S3Error& error, const ErrorContext& context);

}  // namespace cairn::s3
