#include "s3/call.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "iam/account.h"
#include "s3/conditions.h"
#include "s3/encryption.h"

namespace cairn::s3 {
namespace {

// S3's version ids are 32 characters; those of other stores that clients bring along look alike.
constexpr size_t kVersionIdCharsMin = 20;
constexpr size_t kVersionIdCharsMax = 64;

namespace reason = object::reason;

bool is(const Error& error, std::string_view why) {
  return error.message.starts_with(why);
}

S3Error make(S3Code code, std::vector<ErrorField> fields = {}, std::string message = {}) {
  return S3Error{code, std::move(message), std::move(fields)};
}

S3Error translate_missing(const Call& call, const Error& error, std::string_view bucket,
                          std::string_view key) {
  if (is(error, reason::kNoSuchBucket)) {
    return make(S3Code::kNoSuchBucket, {{"BucketName", std::string(bucket)}});
  }
  if (is(error, reason::kNoSuchUpload)) {
    return make(S3Code::kNoSuchUpload, {{"UploadId", std::string(call.param("uploadId"))}});
  }
  if (is(error, reason::kNoSuchVersion)) {
    return make(S3Code::kNoSuchVersion,
                {{"Key", std::string(key)}, {"VersionId", std::string(call.param("versionId"))}});
  }
  S3Error missing = make(S3Code::kNoSuchKey, {{"Key", std::string(key)}});
  const size_t marker = error.message.find(reason::kIsDeleteMarker);
  if (marker != std::string::npos) {
    const size_t id_begin = marker + reason::kIsDeleteMarker.size();
    missing.headers = {{"x-amz-delete-marker", "true"},
                       {"x-amz-version-id", error.message.substr(id_begin)}};
  }
  return missing;
}

// The version that was named is a delete marker: all that can be done with it is to delete it.
S3Error translate_marker(const Call& call) {
  S3Error refused = make(S3Code::kMethodNotAllowed, {{"Method", std::string(call.view.method)},
                                                     {"ResourceType", "DeleteMarker"}});
  refused.headers = {{"Allow", "DELETE"}, {"x-amz-delete-marker", "true"}};
  const std::string_view version = call.param("versionId");
  if (!version.empty()) refused.headers.push_back({"x-amz-version-id", std::string(version)});
  return refused;
}

S3Error translate_refused(const Error& error, std::string_view bucket) {
  const std::string name(bucket);
  if (is(error, reason::kBucketNotEmpty)) {
    return make(S3Code::kBucketNotEmpty, {{"BucketName", name}});
  }
  if (is(error, reason::kSourceCondition)) return precondition_failed("x-amz-rename-source");
  if (is(error, reason::kConditionIfNoneMatch)) return precondition_failed("If-None-Match");
  if (is(error, reason::kConditionIfMatch)) return precondition_failed("If-Match");
  if (is(error, reason::kConditionSize)) return precondition_failed("x-amz-if-match-size");
  if (is(error, reason::kConditionModified)) {
    return precondition_failed("x-amz-if-match-last-modified-time");
  }
  return make(S3Code::kOperationAborted);
}

S3Error translate_invalid(const Error& error) {
  if (is(error, reason::kInvalidWriteOffset)) return make(S3Code::kInvalidWriteOffset);
  if (is(error, reason::kTooManyParts)) return make(S3Code::kTooManyParts);
  if (is(error, reason::kTokenMismatch)) return make(S3Code::kIdempotencyParameterMismatch);
  if (is(error, reason::kInvalidPartOrder)) return make(S3Code::kInvalidPartOrder);
  if (is(error, reason::kInvalidPart)) return make(S3Code::kInvalidPart);
  if (is(error, reason::kPartTooSmall)) {
    return make(S3Code::kEntityTooSmall,
                {{"MinSizeAllowed", std::to_string(object::kPartBytesMin)}});
  }
  if (is(error, reason::kChecksumMismatch)) return make(S3Code::kBadDigest, {}, error.message);
  if (is(error, reason::kSizeMismatch)) return make(S3Code::kInvalidRequest, {}, error.message);
  return make(S3Code::kInvalidRequest, {}, error.message);
}

S3Error translate_failure(const Call& call, const Error& error) {
  log::error("request-failed", {{"request_id", std::string_view(call.request_id)},
                                {"route", call.route ? call.route->name : "none"},
                                {"bucket", std::string_view(call.target.bucket)},
                                {"key", std::string_view(call.target.key)},
                                {"code", to_string(error.code)},
                                {"message", std::string_view(error.message)}});
  return make(S3Code::kInternalError);
}

}  // namespace

S3Error translate_named(const Call& call, const Error& error, std::string_view bucket,
                        std::string_view key) {
  if (std::optional<S3Error> about_keys = translate_encryption(error)) {
    return std::move(*about_keys);
  }
  switch (error.code) {
    case Code::kNotFound: return translate_missing(call, error, bucket, key);
    case Code::kAlreadyExists:
      return make(is(error, reason::kBucketOwned) ? S3Code::kBucketAlreadyOwnedByYou
                                                  : S3Code::kBucketAlreadyExists,
                  {{"BucketName", std::string(bucket)}});
    case Code::kFailedPrecondition:
      if (is(error, reason::kIsDeleteMarker)) return translate_marker(call);
      return translate_refused(error, bucket);
    case Code::kInvalidArgument: return translate_invalid(error);
    case Code::kOutOfRange: return make(S3Code::kInvalidRange);
    case Code::kPermissionDenied:
      return make(S3Code::kAccessDenied, {},
                  is(error, reason::kObjectLocked)
                      ? "Access Denied because object protected by object lock."
                      : "");
    case Code::kNoSpace: return make(S3Code::kInsufficientStorage);
    case Code::kResourceExhausted:
      return make(is(error, reason::kQuotaExceeded) ? S3Code::kQuotaExceeded : S3Code::kSlowDown);
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kCancelled: return make(S3Code::kServiceUnavailable);
    case Code::kUnsupported: return make(S3Code::kNotImplemented, {}, error.message);
    case Code::kCorruption:
    case Code::kIo:
    case Code::kClosed:
    case Code::kInternal: break;
  }
  return translate_failure(call, error);
}

S3Error translate(const Call& call, const Error& error) {
  return translate_named(call, error, call.target.bucket, call.target.key);
}

http::ResponseHead Call::make_head(int status) const {
  http::ResponseHead head(status);
  head.add("x-amz-request-id", request_id);
  head.add("x-amz-id-2", context.host_id);
  for (const ErrorField& header : reply_headers) head.add(header.name, header.value);
  return head;
}

io::Task<S3Status> Call::respond_empty(int status) {
  const http::ResponseHead head = make_head(status);
  // A reply that cannot be sent is the connection's business: the http server closes it.
  static_cast<void>(co_await exchange.respond(head, BytesView()));
  co_return S3Status();
}

io::Task<S3Status> Call::respond_xml(http::ResponseHead head, std::string body) {
  head.add("Content-Type", "application/xml");
  static_cast<void>(co_await exchange.respond(head, as_bytes(body)));
  co_return S3Status();
}

io::Task<S3Status> Call::respond_xml(std::string body) {
  return respond_xml(make_head(200), std::move(body));
}

io::Task<Result<object::BucketInfo>> Call::find_bucket(std::string name) const {
  if (caller() != nullptr && caller()->is_isolated)
    return objects().bucket(caller()->account, std::move(name));
  return objects().find_bucket(std::move(name));
}

const Identity& Call::identity() const {
  static const Identity nobody;
  return auth.identity ? *auth.identity : nobody;
}

std::string object_location(const Call& call, Slash slash) {
  std::string location = call.exchange.is_encrypted() ? "https://" : "http://";
  location.append(call.exchange.head().host);
  if (!call.target.virtual_host) location.append("/").append(call.target.bucket);
  location += '/';
  append_uri_encoded(location, call.target.key, slash);
  return location;
}

Owner owner_of(crypto::TenantId tenant) {
  return {iam::canonical_id(tenant), iam::account_display_name(tenant)};
}

S3Status check_version_id(std::string_view id, std::string_view argument) {
  if (id.empty()) return invalid_argument("Version id cannot be the empty string", argument, id);
  const bool plausible = id.size() >= kVersionIdCharsMin && id.size() <= kVersionIdCharsMax &&
                         std::ranges::all_of(id, [](char c) {
                           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                                  (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
                         });
  if (plausible || id == object::kNullVersionId) return {};
  return invalid_argument("Invalid version id specified", argument, id);
}

std::optional<uint64_t> parse_number(std::string_view text, uint64_t least, uint64_t most) {
  uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (text.empty() || error != std::errc() || end != last || value < least || value > most) {
    return std::nullopt;
  }
  return value;
}

}  // namespace cairn::s3
