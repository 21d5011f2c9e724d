#include <algorithm>
#include <array>

#include "native/guest.h"
#include "native/handlers.h"
#include "native/messages.h"
#include "object/site_messages.h"

namespace cairn::native {
namespace {

using s3::BodyKind;
using s3::Method;
using s3::Resource;
namespace h = handlers;

// Nobody is anonymous here, and nothing is presigned: both are for clients that know no protocol.
constexpr s3::AuthKinds kAuth = s3::auth_bit(s3::AuthKind::kV4Header);

constexpr std::string_view kPut = "s3:PutObject";

constexpr s3::Route kRoutes[] = {
    {.name = "NativeBegin",
     .method = Method::kPost,
     .resource = Resource::kObject,
     .query = "begin",
     .action = kPut,
     .auth = kAuth,
     .body = BodyKind::kDocument,
     .body_bytes_max = kBeginBytesMax,
     .handler = h::begin},
    {.name = "NativeOffer",
     .method = Method::kPost,
     .resource = Resource::kObject,
     .query = "offer",
     .query_too = "session",
     .action = kPut,
     .auth = kAuth,
     .body = BodyKind::kDocument,
     .body_bytes_max = kOfferBytesMax,
     .handler = h::offer},
    {.name = "NativeSegments",
     .method = Method::kPost,
     .resource = Resource::kObject,
     .query = "segments",
     .query_too = "session",
     .action = kPut,
     .auth = kAuth,
     .body = BodyKind::kDocument,
     .body_bytes_max = kOfferBytesMax,
     .handler = h::segments},
    {.name = "NativeProve",
     .method = Method::kPost,
     .resource = Resource::kObject,
     .query = "prove",
     .query_too = "session",
     .action = kPut,
     .auth = kAuth,
     .body = BodyKind::kDocument,
     .body_bytes_max = kProveBytesMax,
     .handler = h::prove},
    {.name = "NativeFill",
     .method = Method::kPost,
     .resource = Resource::kObject,
     .query = "fill",
     .query_too = "session",
     .action = kPut,
     .auth = kAuth,
     .body = BodyKind::kStream,
     .handler = h::fill},
    {.name = "NativeCommit",
     .method = Method::kPost,
     .resource = Resource::kObject,
     .query = "commit",
     .query_too = "session",
     .action = kPut,
     .auth = kAuth,
     .body = BodyKind::kDocument,
     .body_bytes_max = kCommitBytesMax,
     .checksums_of_object = true,
     .handler = h::commit},
    {.name = "NativeReplicate",
     .method = Method::kPost,
     .resource = Resource::kObject,
     .query = "replicate",
     .action = h::kReplicateObject,
     .auth = kAuth,
     .body = BodyKind::kDocument,
     .body_bytes_max = object::kReplicaRequestBytesMax,
     .handler = h::replicate},
    {.name = "NativeCompare",
     .method = Method::kPost,
     .resource = Resource::kObject,
     .query = "compare",
     .action = h::kReplicateObject,
     .auth = kAuth,
     .body = BodyKind::kDocument,
     .body_bytes_max = object::kCompareBytesMax,
     .handler = h::compare},
    {.name = "NativeStatus",
     .method = Method::kGet,
     .resource = Resource::kObject,
     .query = "session",
     .action = "s3:ListMultipartUploadParts",
     .auth = kAuth,
     .handler = h::status},
    {.name = "NativeAbort",
     .method = Method::kDelete,
     .resource = Resource::kObject,
     .query = "session",
     .action = "s3:AbortMultipartUpload",
     .auth = kAuth,
     .handler = h::abort},
};

constexpr bool is_complete(const s3::Route& route) {
  return !route.name.empty() && !route.query.empty() && route.action.starts_with("s3:") &&
         route.resource == Resource::kObject && route.needs_bucket &&
         route.auth == s3::auth_bit(s3::AuthKind::kV4Header) && route.handler != nullptr &&
         (route.body == BodyKind::kDocument) == (route.body_bytes_max > 0);
}
static_assert(std::ranges::all_of(kRoutes, is_complete),
              "a route lacks its name, action, authentication, handler or body bound");

bool matches(const s3::Route& route, s3::Method method, const s3::Query& query) {
  return route.method == method && query.has(route.query) &&
         (route.query_too.empty() || query.has(route.query_too));
}

}  // namespace

std::span<const s3::Route> routes() {
  return kRoutes;
}

bool Guest::wants(const http::RequestHead& head) const {
  const bool has_method = head.method == "GET" || head.method == "POST" || head.method == "DELETE";
  return has_method && head.path.starts_with(kPathPrefix) && head.get(kRequestHeader).has_value();
}

s3::S3Result<s3::Target> Guest::target(const http::RequestHead& head) const {
  if (head.get(kRequestHeader) != kProtocol) {
    return s3::s3_fail(s3::S3Code::kNotImplemented,
                       "This server speaks version 1 of the protocol of /cairn/v1/.");
  }
  // The bucket is always in the path, whatever the host says.
  const std::string_view path = head.path.substr(kPathPrefix.size() - 1);
  s3::S3Result<s3::Target> target = s3::split_target({}, path, {});
  if (target && (target->bucket.empty() || target->key.empty())) {
    return s3::s3_fail(s3::S3Code::kMethodNotAllowed, "The path is /cairn/v1/BUCKET/KEY.");
  }
  return target;
}

s3::S3Result<const s3::Route*> Guest::find_route(const s3::RequestView& request,
                                                 const s3::Query& query) const {
  const s3::Method method = s3::parse_method(request.method);
  for (const s3::Route& route : kRoutes) {
    if (matches(route, method, query)) return &route;
  }
  return s3::s3_fail(s3::S3Code::kMethodNotAllowed,
                     "The protocol of /cairn/v1/ has no such request.");
}

std::span<const s3::Route> Guest::routes() const {
  return native::routes();
}

s3::ErrorField Guest::reply_header() const {
  return {kReplyHeader, std::string(kProtocol)};
}

}  // namespace cairn::native
