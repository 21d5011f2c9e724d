// The routes of the S3 door, as data: what identifies a request, which right it needs, how it may
// be authenticated, what body it brings and who serves it.
//
// Invariant (checked at compile time in routes.cc): every route names an action of the form
// "s3:...", at least one kind of authentication and a handler. Nothing is served beside this table
// but refusals.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "io/task.h"
#include "s3/auth.h"
#include "s3/errors.h"
#include "s3/uri.h"

namespace cairn::s3 {

struct Call;
using Handler = io::Task<S3Status> (*)(Call& call);

enum class Method : uint8_t { kGet, kHead, kPut, kPost, kDelete, kOther };
inline constexpr size_t kMethodsCount = 6;
Method parse_method(std::string_view method);

enum class Resource : uint8_t { kService, kBucket, kObject };
inline constexpr size_t kResourcesCount = 3;
constexpr Resource resource_of(const Target& target) {
  if (target.bucket.empty()) return Resource::kService;
  return target.key.empty() ? Resource::kBucket : Resource::kObject;
}

// What the door does with the body before the handler runs.
enum class BodyKind : uint8_t {
  kIgnored,   // Not read.
  kDocument,  // Read whole, at most `body_bytes_max`; hashes and checksums compared.
  kStream,    // The handler receives it; the only kind that may be aws-chunked.
};

// Who asks for the right to the route's action.
enum class Gate : uint8_t {
  kDoor,      // The door, before the handler runs.
  kDocument,  // The door, when it has read the document: what it says is asked about.
  kHandler,   // The handler, for each thing that the body names; the door asks for nothing.
};

// A set of AuthKind.
using AuthKinds = uint8_t;
constexpr AuthKinds auth_bit(AuthKind kind) {
  return AuthKinds(1U << static_cast<unsigned>(kind));
}
inline constexpr AuthKinds kSigned = auth_bit(AuthKind::kV4Header) | auth_bit(AuthKind::kV4Query) |
                                     auth_bit(AuthKind::kV2Header) | auth_bit(AuthKind::kV2Query);

// What nobody needs to sign where it is granted to everybody (S3.md 1.7).
inline constexpr AuthKinds kOpen = kSigned | auth_bit(AuthKind::kAnonymous);

struct Route {
  std::string_view name;  // For metrics and logs: "GetObject".
  Method method = Method::kOther;
  Resource resource = Resource::kService;
  std::string_view query = {};      // Parameter that must be there; empty = none.
  std::string_view query_too = {};  // A second one.
  std::string_view header = {};     // Header that must be there.
  std::string_view action;          // "s3:GetObject"
  AuthKinds auth = 0;
  Gate gate = Gate::kDoor;
  bool needs_bucket = true;  // The bucket must exist and is looked up before the handler.
  BodyKind body = BodyKind::kIgnored;
  size_t body_bytes_max = 0;
  // x-amz-checksum-* speak of the object that the request makes, not of the document sent.
  bool checksums_of_object = false;
  Handler handler = nullptr;
};

// Whether requests of the route may change something.
constexpr bool mutates(const Route& route) {
  return route.method == Method::kPut || route.method == Method::kPost ||
         route.method == Method::kDelete;
}

std::span<const Route> routes();

// The route of a request. MethodNotAllowed where the resource knows no such method;
// NotImplemented for a sub-resource that S3 has and Cairn has not (never a listing instead).
S3Result<const Route*> find_route(const RequestView& request, const Query& query,
                                  const Target& target);

}  // namespace cairn::s3
