#include "s3/cors.h"

#include <memory>
#include <string>

#include "s3/bucket_cache.h"
#include "s3/config_kinds.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kRequestMethod = "access-control-request-method";
constexpr std::string_view kRequestHeaders = "access-control-request-headers";

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += ", ";
    out += text;
  }
  return out;
}

std::vector<ErrorField> headers_of(const CorsMatch& match, const CorsRequest& request) {
  std::vector<ErrorField> headers;
  headers.push_back(
      {"Access-Control-Allow-Origin", match.any_origin ? "*" : std::string(request.origin)});
  if (!match.any_origin) headers.push_back({"Access-Control-Allow-Credentials", "true"});
  headers.push_back({"Access-Control-Allow-Methods", joined(match.rule->allowed_methods)});
  if (!request.headers.empty()) {
    headers.push_back({"Access-Control-Allow-Headers", std::string(request.headers)});
  }
  if (!match.rule->expose_headers.empty()) {
    headers.push_back({"Access-Control-Expose-Headers", joined(match.rule->expose_headers)});
  }
  if (match.rule->max_age_seconds) {
    headers.push_back({"Access-Control-Max-Age", std::to_string(*match.rule->max_age_seconds)});
  }
  headers.push_back(
      {"Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"});
  return headers;
}

std::unexpected<S3Error> forbidden(const Call& call, std::string message) {
  const bool is_object = resource_of(call.target) == Resource::kObject;
  return s3_fail(S3Code::kAccessForbidden, std::move(message),
                 {{"Method", std::string(call.view.header(kRequestMethod).value_or(""))},
                  {"ResourceType", is_object ? "OBJECT" : "BUCKET"}});
}

S3Status check_preflight(const Call& call) {
  if (!call.view.header("origin")) {
    return s3_fail(S3Code::kBadRequest, "Insufficient information. Origin request header needed.");
  }
  const std::string_view method = call.view.header(kRequestMethod).value_or("null");
  if (!is_cors_method(method)) {
    return s3_fail(S3Code::kBadRequest,
                   "Invalid Access-Control-Request-Method: " + std::string(method));
  }
  return {};
}

}  // namespace

io::Task<void> prepare_cors(Call& call) {
  const std::optional<std::string_view> origin = call.view.header("origin");
  if (!origin || call.target.bucket.empty()) co_return;
  const Result<object::BucketInfo> bucket = co_await call.objects().find_bucket(call.target.bucket);
  if (!bucket) co_return;
  const std::shared_ptr<const CorsRules> rules = call.context.bucket_cache->get<CorsKind>(*bucket);
  if (rules == nullptr) co_return;
  const CorsRequest request{*origin, call.view.header(kRequestMethod).value_or(call.view.method),
                            call.view.header(kRequestHeaders).value_or("")};
  const std::optional<CorsMatch> match = match_cors(*rules, request);
  if (!match) co_return;
  for (ErrorField& header : headers_of(*match, request)) {
    call.reply_headers.push_back(std::move(header));
  }
}

io::Task<S3Status> answer_preflight(Call& call) {
  co_await or_fail(check_preflight(call));
  if (!call.reply_headers.empty()) co_return co_await call.respond_empty(200);
  Result<object::BucketInfo> found = co_await call.objects().find_bucket(call.target.bucket);
  const object::BucketInfo bucket = co_await or_fail(translated(call, std::move(found)));
  if (bucket.config->document(document::kCors) == nullptr) {
    co_return forbidden(call, "CORSResponse: CORS is not enabled for this bucket.");
  }
  co_return forbidden(
      call,
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of "
      "Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers "
      "are not whitelisted by the resource's CORS spec.");
}

}  // namespace cairn::s3
