// A verified caller with everything that was attached to it when its credential was looked up.
// Immutable once made; shared by requests and cores.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/key_ring.h"

namespace cairn::iam {

class Policy;

enum class PrincipalKind : uint8_t {
  kRoot,         // The account itself.
  kUser,         // A user of the account.
  kRoleSession,  // Temporary credentials of an assumed role.
  kFederated,    // A token of an identity provider, before it has assumed a role.
};

struct Principal {
  crypto::TenantId account;
  PrincipalKind kind = PrincipalKind::kRoot;
  std::string name;  // User name, or name of the role; aws:username for users.
  // aws:userid: the user's unique id, "ROLEID:session" for a role session, the account's number for
  // the root.
  std::string id;
  // aws:PrincipalArn: of the root, the user, the ROLE of a session, or the identity provider.
  std::string arn;
  std::string session_arn;   // arn:aws:sts::...:assumed-role/role/session; role sessions only.
  std::string canonical_id;  // Of the account (iam/account.h).
  bool is_isolated = false;  // The account's buckets have names that only its callers see.

  // Attached to the user, its groups or the role, inline and managed. Unused for the root.
  std::vector<std::shared_ptr<const Policy>> policies;
  // The most that `policies` may give; null = no boundary.
  std::shared_ptr<const Policy> boundary;
  // Passed when the session was made: when there are any, one of them must allow too.
  std::vector<std::shared_ptr<const Policy>> session_policies;

  // aws:PrincipalTag/<key>
  std::vector<std::pair<std::string, std::string>> tags;
};

// The root of an account, with the rights of its owner.
std::shared_ptr<const Principal> make_root_principal(crypto::TenantId account);

}  // namespace cairn::iam
