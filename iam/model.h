// What accounts are made of, as plain structures. Serialised form: proto/iam.proto.
//
// A tenant is an account: its buckets, its keys and its people. Names of users, groups, roles and
// policies are unique in their account without regard to case, as in AWS; `id`s are never reused.
// Values are immutable once they are in a Directory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "catalog/catalog.h"
#include "crypto/key_ring.h"

namespace cairn::iam {

using crypto::TenantId;

// Bounds of one account: AWS's own defaults ("IAM and AWS STS quotas"), and ours where it has none.
inline constexpr size_t kTenantsMax = 10'000;
inline constexpr size_t kUsersMax = 5000;
inline constexpr size_t kGroupsMax = 300;
inline constexpr size_t kRolesMax = 1000;
inline constexpr size_t kPoliciesMax = 1500;
inline constexpr size_t kProvidersMax = 100;
inline constexpr size_t kGroupsPerUserMax = 10;
inline constexpr size_t kAttachedMax = 10;    // Managed policies of one user, group or role.
inline constexpr size_t kKeysPerUserMax = 2;  // Service accounts not counted.
inline constexpr size_t kServiceKeysPerUserMax = 100;
inline constexpr size_t kTagsMax = 50;
inline constexpr size_t kPolicyVersionsMax = 5;
inline constexpr size_t kInlinePoliciesMax = 100;
inline constexpr size_t kTrustPolicyBytesMax = 4096;
inline constexpr size_t kUserInlineBytesMax = 2048;    // Sum of the inline policies of a user...
inline constexpr size_t kGroupInlineBytesMax = 5120;   // ...a group...
inline constexpr size_t kRoleInlineBytesMax = 10'240;  // ...a role.
inline constexpr uint32_t kSessionSecondsMin = 900;
inline constexpr uint32_t kSessionSecondsDefault = 3600;
inline constexpr uint32_t kRoleSessionSecondsMax = 12 * 3600;
inline constexpr uint32_t kUserSessionSecondsMax = 36 * 3600;
inline constexpr size_t kClientIdsMax = 100;
inline constexpr size_t kThumbprintsMax = 5;

using Tags = std::map<std::string, std::string>;

// The catalog's version of the row that a value came from: what a change of it depends on.
struct Stored {
  catalog::Version row_version = 0;
};

struct Tenant : Stored {
  TenantId id;
  std::string name;
  WallTime created;
  // Its own bucket namespace: its callers see its buckets only, and nobody else learns of them.
  bool isolated = false;
};

struct Entity : Stored {
  std::string id;
  std::string name;
  std::string path = "/";
  WallTime created;
  Tags tags;
};

// Policies of a user, a group or a role.
struct Grants {
  std::map<std::string, std::string> inline_policies;  // Name to JSON text.
  std::vector<std::string> attached;                   // ARNs of managed policies.
  std::string boundary;                                // ARN; empty = none.
};

struct User : Entity {
  Grants grants;
  std::vector<std::string> groups;  // Names.
  bool disabled = false;            // None of the user's keys works.
};

struct Group : Entity {
  Grants grants;
};

struct Role : Entity {
  Grants grants;
  std::string trust_policy;
  std::string description;
  uint32_t session_seconds_max = kSessionSecondsDefault;
};

struct PolicyVersion {
  uint32_t number = 0;
  std::string document;
  WallTime created;
};

struct ManagedPolicy : Entity {
  std::string description;
  std::vector<PolicyVersion> versions;  // Ascending; never empty.
  uint32_t default_version = 0;
  uint32_t last_version = 0;
  WallTime updated;
  const PolicyVersion* version(uint32_t number) const;  // Null when there is none.
  const std::string& document() const;                  // Of the default version.
};

struct AccessKey : Stored {
  std::string access_key;
  std::string secret;
  TenantId tenant;
  std::string user;  // Name; empty = the account's root user.
  bool active = true;
  WallTime created;
  std::string policy;  // A service account's: narrows the user's rights. Empty = the user's own.
  std::string description;
  bool is_service_account = false;
};

struct OidcProvider : Stored {
  std::string url;  // "https://" is left out: accounts.example.com/path
  std::vector<std::string> client_ids;
  std::vector<std::string> thumbprints;
  WallTime created;
  Tags tags;
  bool is_http = false;  // The scheme is http; see create_provider.
};

}  // namespace cairn::iam
