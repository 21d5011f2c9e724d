// Principal elements of a policy: compiled and compared with a caller.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "iam/policy_document.h"
#include "iam/principal.h"

namespace cairn::iam {

class PrincipalMatcher {
 public:
  // kInvalidArgument "Invalid principal in policy".
  static Result<PrincipalMatcher> compile(const std::vector<PrincipalText>& texts);

  enum class Match : uint8_t {
    kNo,
    kAccount,  // The account is named, and the caller is one of its users or sessions.
    kYes,
  };
  // Null is an anonymous caller.
  Match match(const Principal* caller) const;
  bool is_everybody() const { return is_everybody_; }
  // Users, roles and sessions that are named.
  const std::vector<std::string>& arns() const { return arns_; }

 private:
  Status add_aws(const std::string& value);

  bool is_everybody_ = false;
  std::vector<crypto::TenantId> accounts_;
  std::vector<std::string> arns_;           // Users, roles, sessions.
  std::vector<std::string> canonical_ids_;  // Of accounts.
  std::vector<std::string> providers_;      // Federated.
};

}  // namespace cairn::iam
