// The admin commands about gateway buckets (gateway/).
//
//   GET  /admin/v1/gateway-list
//   POST /admin/v1/gateway-add      with a form: bucket, endpoint, region, upstream-bucket, prefix,
//                                   addressing, ca, ttl, stale-if-error, read-only, access-key,
//                                   secret-key, tenant
//   POST /admin/v1/gateway-remove   with a form: bucket, tenant
//
// Adding makes the bucket, or gives one that is a gateway already other settings; then what is not
// given is as it was. Removing takes the bucket away and touches nothing of the upstream. Secrets
// come in a body, are sealed at once and never shown. Replies are JSON.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/key_ring.h"
#include "gateway/gateway.h"
#include "iam/store.h"
#include "io/task.h"
#include "object/objects.h"

namespace cairn::server {

inline constexpr std::string_view kGatewayPrefix = "gateway-";
inline constexpr std::string_view kGatewayListCommand = "gateway-list";

struct GatewayAdmin {
  object::Objects& objects;
  const crypto::KeyRing& keys;
  const iam::Store& accounts;
  gateway::Gateway& gateways;
};

// `name` begins with kGatewayPrefix. kNotFound for no such command or bucket, kInvalidArgument for
// parameters that are wrong or missing, kAlreadyExists for a bucket that has objects of its own.
io::Task<Result<std::string>> run_gateway_command(GatewayAdmin admin, std::string name,
                                                  std::string form);

// "90", "90s", "500ms", "5m", "2h" or "1d" as a time.
Result<Duration> parse_span(std::string_view text);

}  // namespace cairn::server
