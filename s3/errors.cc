#include "s3/errors.h"

#include <array>

#include "s3/xml_writer.h"

namespace cairn::s3 {
namespace {

// In the order of S3Code. Statuses and names: S3.md section 3; texts as AWS sends them.
constexpr std::array<S3CodeInfo, static_cast<size_t>(S3Code::kCount)> kCodes = {{
    {"PermanentRedirect", 301,
     "The bucket you are attempting to access must be addressed using the specified endpoint. "
     "Please send all future requests to this endpoint."},
    {"NotModified", 304, "Not Modified"},
    {"TemporaryRedirect", 307,
     "Please re-send this request to the specified temporary endpoint. Continue to use the "
     "original request endpoint for future requests."},
    {"AuthorizationHeaderMalformed", 400, "The authorization header is malformed."},
    {"AuthorizationQueryParametersError", 400,
     "Query-string authentication parameters are not valid."},
    {"BadDigest", 400, "The Content-MD5 you specified did not match what we received."},
    {"BadRequest", 400, "Bad Request"},
    {"EncryptionTypeMismatch", 400,
     "The existing object was created with a different encryption type."},
    {"EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"},
    {"EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size"},
    {"ExpiredToken", 400, "The provided token has expired."},
    {"IdempotencyParameterMismatch", 400,
     "Parameters on this idempotent request are inconsistent with parameters used in previous "
     "request(s)."},
    {"IllegalLocationConstraintException", 400,
     "The location constraint is incompatible for the region specific endpoint this request was "
     "sent to."},
    {"IllegalVersioningConfigurationException", 400, "The Versioning element must be specified"},
    {"IncompleteBody", 400, "The request body terminated unexpectedly"},
    {"InvalidArgument", 400, "Invalid Argument"},
    {"InvalidBucketName", 400, "The specified bucket is not valid."},
    {"InvalidChunkSizeError", 400,
     "Only the last chunk is allowed to have a size less than 8192 bytes"},
    {"InvalidDigest", 400, "The Content-MD5 you specified was invalid."},
    {"InvalidEncryptionAlgorithmError", 400,
     "The Encryption request you specified is not valid. Supported value: AES256."},
    {"InvalidLocationConstraint", 400, "The specified location-constraint is not valid"},
    {"InvalidPart", 400,
     "One or more of the specified parts could not be found.  The part may not have been uploaded, "
     "or the specified entity tag may not match the part's entity tag."},
    {"InvalidPartOrder", 400,
     "The list of parts was not in ascending order. Parts must be ordered by part number."},
    {"InvalidPolicyDocument", 400,
     "The content of the form does not meet the conditions specified in the policy document."},
    {"InvalidRedirectLocation", 400, "The website redirect location is not valid."},
    {"InvalidRequest", 400, "Invalid Request"},
    {"InvalidRetentionPeriod", 400, "The specified retention period is not valid."},
    {"InvalidStorageClass", 400, "The storage class you specified is not valid"},
    {"InvalidTag", 400, "The tag provided was not a valid tag."},
    {"InvalidTargetBucketForLogging", 400, "The target bucket for logging does not exist."},
    {"InvalidToken", 400, "The provided token is malformed or otherwise invalid."},
    {"InvalidURI", 400, "Couldn't parse the specified URI."},
    {"InvalidWriteOffset", 400,
     "The write offset value that you specified does not match the current object size."},
    {"KeyTooLongError", 400, "Your key is too long"},
    {"KMS.DisabledException", 400, "The KMS key is disabled."},
    {"KMS.NotFoundException", 400, "The KMS key does not exist."},
    {"MalformedACLError", 400,
     "The XML you provided was not well-formed or did not validate against our published schema"},
    {"MalformedPOSTRequest", 400,
     "The body of your POST request is not well-formed multipart/form-data."},
    {"MalformedPolicy", 400, "Policies must be valid JSON and the first byte must be '{'"},
    {"MalformedTrailerError", 400,
     "The request contained trailing data that was not well-formed or did not conform to our "
     "published schema."},
    {"MalformedXML", 400,
     "The XML you provided was not well-formed or did not validate against our published schema"},
    {"MaxMessageLengthExceeded", 400, "Your request was too large."},
    {"MaxPostPreDataLengthExceeded", 400,
     "Your POST request fields preceding the upload file were too large."},
    {"MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed metadata size"},
    {"MissingRequestBodyError", 400, "Request Body is empty"},
    {"MissingSecurityHeader", 400, "Your request was missing a required header"},
    {"RequestHeaderSectionTooLarge", 400,
     "Your request header section exceeds the maximum allowed request header section size"},
    {"RequestTimeout", 400,
     "Your socket connection to the server was not read from or written to within the timeout "
     "period. Idle connections will be closed."},
    {"TooManyBuckets", 400, "You have attempted to create more buckets than allowed"},
    {"TooManyParts", 400,
     "You have attempted to add more parts than the maximum of 10000 that are allowed for this "
     "object."},
    {"UnexpectedContent", 400, "This request does not support content"},
    {"UnresolvableGrantByEmailAddress", 400,
     "The email address you provided does not match any account on record."},
    {"XAmzContentSHA256Mismatch", 400,
     "The provided 'x-amz-content-sha256' header does not match what was computed."},
    {"AccessControlListNotSupported", 400, "The bucket does not allow ACLs"},
    {"InvalidBucketAclWithObjectOwnership", 400,
     "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"},
    {"AccessDenied", 403, "Access Denied"},
    {"AccessForbidden", 403, "CORSResponse: This CORS request is not allowed."},
    {"AllAccessDisabled", 403, "All access to this object has been disabled"},
    {"InvalidAccessKeyId", 403,
     "The AWS Access Key Id you provided does not exist in our records."},
    {"InvalidObjectState", 403, "The operation is not valid for the object's storage class"},
    {"RequestTimeTooSkewed", 403,
     "The difference between the request time and the current time is too large."},
    {"SignatureDoesNotMatch", 403,
     "The request signature we calculated does not match the signature you provided. Check your "
     "key and signing method."},
    {"ObjectAlreadyInActiveTierError", 403,
     "Restore is not allowed as object's storage class is not GLACIER."},
    {"QuotaExceeded", 403, "Your request was denied because a quota is used up."},
    {"NoSuchBucket", 404, "The specified bucket does not exist"},
    {"NoSuchKey", 404, "The specified key does not exist."},
    {"NoSuchUpload", 404,
     "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
     "been aborted or completed."},
    {"NoSuchVersion", 404, "The specified version does not exist."},
    {"NoSuchBucketPolicy", 404, "The bucket policy does not exist"},
    {"NoSuchCORSConfiguration", 404, "The CORS configuration does not exist"},
    {"NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist"},
    {"NoSuchTagSet", 404, "The TagSet does not exist"},
    {"NoSuchWebsiteConfiguration", 404,
     "The specified bucket does not have a website configuration"},
    {"NoSuchConfiguration", 404, "The specified configuration does not exist."},
    {"NoSuchPublicAccessBlockConfiguration", 404,
     "The public access block configuration was not found"},
    {"NoSuchObjectLockConfiguration", 404,
     "The specified object does not have a ObjectLock configuration"},
    {"ObjectLockConfigurationNotFoundError", 404,
     "Object Lock configuration does not exist for this bucket"},
    {"OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found"},
    {"ReplicationConfigurationNotFoundError", 404, "The replication configuration was not found"},
    {"ServerSideEncryptionConfigurationNotFoundError", 404,
     "The server side encryption configuration was not found"},
    {"MethodNotAllowed", 405, "The specified method is not allowed against this resource."},
    {"BucketAlreadyExists", 409,
     "The requested bucket name is not available. The bucket namespace is shared by all users of "
     "the system. Please select a different name and try again."},
    {"BucketAlreadyOwnedByYou", 409,
     "Your previous request to create the named bucket succeeded and you already own it."},
    {"BucketNotEmpty", 409, "The bucket you tried to delete is not empty"},
    {"ConditionalRequestConflict", 409,
     "The conditional request cannot succeed due to a conflicting operation against this "
     "resource."},
    {"InvalidBucketState", 409, "The request is not valid with the current state of the bucket."},
    {"OperationAborted", 409,
     "A conflicting conditional operation is currently in progress against this resource. Please "
     "try again."},
    {"RestoreAlreadyInProgress", 409, "Object restore is already in progress"},
    {"MissingContentLength", 411, "You must provide the Content-Length HTTP header."},
    {"PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold"},
    {"InvalidRange", 416, "The requested range is not satisfiable"},
    {"InvalidPartNumber", 416, "The requested partnumber is not satisfiable"},
    {"InternalError", 500, "We encountered an internal error. Please try again."},
    {"NotImplemented", 501, "A header you provided implies functionality that is not implemented"},
    {"SlowDown", 503, "Please reduce your request rate."},
    {"ServiceUnavailable", 503, "Service is unable to handle request."},
    {"InsufficientStorage", 507,
     "The store is full. Reads and deletes still work; free space and try again."},
}};
static_assert(!kCodes.back().name.empty(), "every code has a row");

}  // namespace

const S3CodeInfo& code_info(S3Code code) {
  return kCodes[static_cast<size_t>(code)];
}

std::unexpected<S3Error> s3_fail(S3Code code, std::string message, std::vector<ErrorField> fields) {
  return std::unexpected<S3Error>(S3Error{code, std::move(message), std::move(fields)});
}

std::unexpected<S3Error> invalid_argument(std::string message, std::string_view name,
                                          std::string_view value) {
  return s3_fail(S3Code::kInvalidArgument, std::move(message),
                 {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(value)}});
}

void append_error_element(std::string& out, const S3Error& error, const ErrorContext& context) {
  XmlWriter xml(out);
  xml.open("Error");
  xml.element("Code", code_info(error.code).name);
  xml.element("Message", error.text());
  for (const ErrorField& field : error.fields) xml.element(field.name, field.value);
  if (!context.resource.empty()) xml.element("Resource", context.resource);
  xml.element("RequestId", context.request_id);
  xml.element("HostId", context.host_id);
  xml.close("Error");
}

std::string render_error(const S3Error& error, const ErrorContext& context) {
  std::string out(kXmlDeclaration);
  append_error_element(out, error, context);
  return out;
}

}  // namespace cairn::s3
