#include "gateway/reply.h"

#include <algorithm>
#include <optional>

#include "base/dates.h"

namespace cairn::gateway {
namespace {

using s3::Call;
using s3::S3Code;
using s3::S3Error;
using transfer::Failure;

std::optional<S3Code> code_named(std::string_view name) {
  for (size_t i = 0; i < static_cast<size_t>(S3Code::kCount); ++i) {
    const auto code = static_cast<S3Code>(i);
    if (s3::code_info(code).name == name) return code;
  }
  return std::nullopt;
}

// Where the upstream's code is none of S3's, or lies about its status.
S3Code code_of_status(const Call& call, int status) {
  switch (status) {
    case 404:
      if (call.target.key.empty()) return S3Code::kNoSuchBucket;
      return call.version_id().empty() ? S3Code::kNoSuchKey : S3Code::kNoSuchVersion;
    case 405: return S3Code::kMethodNotAllowed;
    case 409: return S3Code::kOperationAborted;
    case 411: return S3Code::kMissingContentLength;
    case 412: return S3Code::kPreconditionFailed;
    case 416: return S3Code::kInvalidRange;
    case 501: return S3Code::kNotImplemented;
    default: return S3Code::kInvalidRequest;
  }
}

const std::string* header_of(const Failure& failure, std::string_view name) {
  const auto found = std::ranges::find(failure.headers, name, &transfer::HeaderPair::first);
  return found == failure.headers.end() ? nullptr : &found->second;
}

// Of these, clients read what they do next.
void add_headers(S3Error& error, const Failure& failure) {
  for (const std::string_view name :
       {std::string_view("x-amz-delete-marker"), std::string_view("x-amz-version-id")}) {
    if (const std::string* value = header_of(failure, name))
      error.headers.push_back({name, *value});
  }
}

// What clients are told of a refusal besides its code: S3's own elements that name nothing of the
// upstream's. `MinSizeAllowed` some servers leave out.
void add_details(S3Error& error, const Failure& failure) {
  static constexpr std::string_view kTold[] = {
      "ActualObjectSize", "ActualPartCount", "ArgumentName",
      "ArgumentValue",    "Condition",       "ETag",
      "MaxSizeAllowed",   "MinSizeAllowed",  "PartNumber",
      "ProposedSize",     "RangeRequested",  "PartNumberRequested",
      "UploadId"};
  bool has_min = false;
  for (const auto& [name, value] : failure.details) {
    const auto* const told = std::ranges::find(kTold, std::string_view(name));
    if (told == std::end(kTold)) continue;
    has_min = has_min || name == "MinSizeAllowed";
    error.fields.push_back({*told, value});
  }
  if (error.code == S3Code::kEntityTooSmall && !has_min) {
    error.fields.push_back({"MinSizeAllowed", std::to_string(object::kPartBytesMin)});
  }
}

S3Error unavailable(const Failure& failure, bool is_slow_down) {
  S3Error error;
  error.code = is_slow_down ? S3Code::kSlowDown : S3Code::kServiceUnavailable;
  error.message = "The upstream of this bucket: " + failure.error.message;
  if (const std::string* after = header_of(failure, "retry-after")) {
    error.headers.push_back({"Retry-After", *after});
  }
  return error;
}

}  // namespace

S3Error error_of(const Call& call, const Failure& failure) {
  const int status = failure.status;
  // The difference of the clocks is known now: a body that cannot be sent again has to come again.
  if (failure.code == "RequestTimeTooSkewed") return unavailable(failure, false);
  const bool is_refusal = status == 401 || status == 403;
  if (is_refusal && failure.code != "InvalidObjectState") {
    return {S3Code::kAccessDenied,
            "The upstream of this bucket refuses: " +
                (failure.code.empty() ? failure.error.message : failure.code),
            {}};
  }
  if (status == 503 || status == 429) return unavailable(failure, true);
  if (status == 501) {
    return {S3Code::kNotImplemented, "The upstream of this bucket does not do this.", {}};
  }
  if (status == 0 || status >= 500) return unavailable(failure, false);
  if (status >= 300 && status < 400 && status != 304) return unavailable(failure, false);
  if (failure.code == "NoSuchBucket") {
    return {S3Code::kNoSuchBucket,
            "The upstream of this bucket has no such bucket.",
            {{"BucketName", call.target.bucket}}};
  }
  const std::optional<S3Code> named = code_named(failure.code);
  // Answers to HEAD name no code: one is made up from the status.
  const bool may_be_version = status == 404 && failure.code == "NoSuchKey";
  const bool is_same = named && s3::code_info(*named).status == status && !may_be_version;
  S3Error error;
  error.code = is_same ? *named : code_of_status(call, status);
  error.message = failure.error.message;
  if (!call.target.key.empty()) error.fields.push_back({"Key", call.target.key});
  if (error.code == S3Code::kNoSuchKey) error.message.clear();
  if (error.code == S3Code::kNoSuchVersion) {
    error.message.clear();
    error.fields.push_back({"VersionId", call.version_id()});
  }
  if (error.code == S3Code::kMethodNotAllowed) error.headers.push_back({"Allow", "DELETE"});
  add_details(error, failure);
  add_headers(error, failure);
  return error;
}

void add_validators(http::ResponseHead& head, const ObjectFacts& facts) {
  head.add("ETag", "\"" + facts.etag + "\"");
  if (facts.modified != WallTime{}) head.add("Last-Modified", format_http_date(facts.modified));
  if (!facts.version_id.empty()) head.add("x-amz-version-id", facts.version_id);
  for (const auto& [name, value] : facts.headers) {
    if (name == "cache-control" || name == "expires") head.add(name, value);
  }
}

void add_facts(http::ResponseHead& head, const Call& call, const ObjectFacts& facts,
               bool overrides) {
  static constexpr std::pair<std::string_view, std::string_view> kOverrides[] = {
      {"content-type", "response-content-type"},
      {"cache-control", "response-cache-control"},
      {"content-disposition", "response-content-disposition"},
      {"content-encoding", "response-content-encoding"},
      {"content-language", "response-content-language"},
      {"expires", "response-expires"}};
  const auto overriding = [&](std::string_view name) -> std::optional<std::string_view> {
    const auto* const row =
        std::ranges::find(kOverrides, name, [](const auto& r) { return r.first; });
    if (!overrides || row == std::end(kOverrides)) return std::nullopt;
    return call.query.find(row->second);
  };
  head.add("ETag", "\"" + facts.etag + "\"");
  if (facts.modified != WallTime{}) head.add("Last-Modified", format_http_date(facts.modified));
  head.add("Accept-Ranges", "bytes");
  for (const auto& [name, value] : facts.headers) {
    if (!overriding(name)) head.add(name, value);
  }
  const std::string_view type =
      facts.content_type.empty() ? "binary/octet-stream" : std::string_view(facts.content_type);
  if (!overriding("content-type")) head.add("Content-Type", type);
  for (const auto& [name, parameter] : kOverrides) {
    if (const auto value = overriding(name)) head.add(name, *value);
  }
}

void pass_headers(http::ResponseHead& head, const http::ReceivedHead& from) {
  for (const http::Field field : from.fields) {
    std::string name(field.name);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (is_told(name) || name == "etag" || name == "last-modified")
      head.add(field.name, field.value);
  }
}

}  // namespace cairn::gateway
