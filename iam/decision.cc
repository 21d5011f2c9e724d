#include "iam/decision.h"

#include <algorithm>

namespace cairn::iam {
namespace {

bool allows(Verdict verdict) {
  return verdict == Verdict::kAllow;
}

}  // namespace

IdentityVerdict evaluate_identity(const Request& request) {
  IdentityVerdict result;
  const Principal* caller = request.principal();
  if (caller == nullptr) return result;
  Verdict strongest = Verdict::kNone;
  for (const std::shared_ptr<const Policy>& policy : caller->policies) {
    strongest = std::max(strongest, policy->evaluate(request));
    if (strongest == Verdict::kDeny) break;
  }
  result.is_denied = strongest == Verdict::kDeny;
  result.is_allowed = caller->kind == PrincipalKind::kRoot || allows(strongest);
  if (caller->boundary != nullptr) {
    const Verdict boundary = caller->boundary->evaluate(request);
    result.is_denied = result.is_denied || boundary == Verdict::kDeny;
    result.is_limited = !allows(boundary);
  }
  if (!caller->session_policies.empty()) {
    Verdict session = Verdict::kNone;
    for (const std::shared_ptr<const Policy>& policy : caller->session_policies) {
      session = std::max(session, policy->evaluate(request));
    }
    result.is_denied = result.is_denied || session == Verdict::kDeny;
    result.is_limited = result.is_limited || !allows(session);
  }
  return result;
}

Decision decide(const Request& request, crypto::TenantId owner, Verdict resource) {
  const IdentityVerdict identity = evaluate_identity(request);
  if (identity.is_denied || resource == Verdict::kDeny) return Decision::kDenyExplicit;
  if (identity.is_limited) return Decision::kDenyImplicit;
  const Principal* caller = request.principal();
  bool allowed = false;
  if (caller == nullptr) {
    allowed = resource == Verdict::kAllow;
  } else if (caller->account == owner) {
    allowed = identity.is_allowed || resource == Verdict::kAllow;
  } else {
    allowed = identity.is_allowed && resource >= Verdict::kAllowAccount;
  }
  return allowed ? Decision::kAllow : Decision::kDenyImplicit;
}

}  // namespace cairn::iam
