// The actions of the query door, as data: which right each needs, on what, and who serves it.
//
// Invariant (checked at compile time in routes.cc): every route names a right of the form "iam:..."
// or "sts:...", a resource and exactly one handler.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "io/task.h"
#include "query/call.h"

namespace cairn::query {

enum class Service : uint8_t { kIam, kSts };
std::string_view version_of(Service service);        // "2010-05-08"
std::string_view xml_namespace_of(Service service);  // "https://iam.amazonaws.com/doc/2010-05-08/"

// Who may call.
enum class Admission : uint8_t {
  kAuthorised,   // Whom the policies allow `action` on `resource`.
  kOwnIdentity,  // Every verified caller: it asks or acts for itself only.
  kHandler,      // The handler decides by a trust policy.
  kUnsigned,     // Nobody signs; the handler verifies an identity token and the trust policy.
};

// The inside of <ACTIONResult>; empty = there is no such element.
using Read = Result<std::string> (*)(const Call& call);
using Write = Result<std::string> (*)(const Call& call, iam::Draft& draft);
using Wait = io::Task<Result<std::string>> (*)(Call& call);

struct Route {
  std::string_view name;    // "CreateUser"
  std::string_view action;  // "iam:CreateUser"
  Service service = Service::kIam;
  Admission admission = Admission::kAuthorised;
  std::string (*resource)(const Call& call) = nullptr;  // ARN
  Read read = nullptr;
  Write write = nullptr;
  Wait wait = nullptr;
  bool has_empty_result = false;
};

std::span<const Route> routes();
// InvalidAction; kUnsupported for actions that AWS has and Cairn has not.
Result<const Route*> find_route(const Params& params);

}  // namespace cairn::query
