// Joins the verdicts of all policies that have a say (IAM User Guide, "Policy evaluation logic"):
// an explicit deny wins; inside an account the identity's policies or the resource's may allow;
// across accounts both must; boundary and session policies only take away. Pure; any thread.
#pragma once

#include <cstdint>

#include "crypto/key_ring.h"
#include "iam/policy.h"
#include "iam/request.h"

namespace cairn::iam {

enum class Decision : uint8_t {
  kAllow,
  kDenyImplicit,  // Nobody allowed it.
  kDenyExplicit,  // A Deny statement applies.
};

// What is attached to the caller, by itself.
struct IdentityVerdict {
  bool is_denied = false;   // A Deny applies in a policy, the boundary or a session policy.
  bool is_allowed = false;  // A policy allows; true for the root.
  bool is_limited = false;  // The boundary or the session policies do not allow.
};
IdentityVerdict evaluate_identity(const Request& request);

// `owner` is the account that owns the resource, `resource` the strongest verdict of its policy and
// its ACL. Boundary and session policies limit also what the resource's policy gives: that is
// stricter than AWS for grants that name a user or a session by its ARN.
Decision decide(const Request& request, crypto::TenantId owner, Verdict resource);

}  // namespace cairn::iam
