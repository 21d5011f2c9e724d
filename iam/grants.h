// Policies and where they hang: inline policies, managed policies and their versions, boundaries.
// Operations over a Draft; failures as in errors.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "iam/draft.h"
#include "iam/errors.h"
#include "iam/policy.h"

namespace cairn::iam {

enum class HolderKind : uint8_t { kUser, kGroup, kRole };
// A user, group or role by name.
struct Holder {
  HolderKind kind = HolderKind::kUser;
  std::string name;
};

// MalformedPolicyDocument when the text is no policy of that kind; LimitExceeded when it is longer
// than `bytes_max` without white space between tokens.
Status check_document(std::string_view document, PolicyKind kind, size_t bytes_max);
// NoSuchEntity when the ARN names no managed policy that the account sees.
Status check_policy_exists(const Account& account, std::string_view arn);

// Null when there is none.
const Grants* grants_of(const Account& account, const Holder& holder);

Status put_inline_policy(Draft& draft, TenantId tenant, const Holder& holder,
                         std::string policy_name, std::string document);
Status delete_inline_policy(Draft& draft, TenantId tenant, const Holder& holder,
                            std::string_view policy_name);
// Attaching twice changes nothing; detaching what is not attached is NoSuchEntity.
Status attach_policy(Draft& draft, TenantId tenant, const Holder& holder, std::string_view arn);
Status detach_policy(Draft& draft, TenantId tenant, const Holder& holder, std::string_view arn);
// Users and roles; an empty ARN removes it.
Status set_boundary(Draft& draft, TenantId tenant, const Holder& holder, std::string arn);

struct NewPolicy {
  std::string name;
  std::string path = "/";
  std::string document;
  std::string description;
  Tags tags;
};
Result<ManagedPolicy> create_policy(Draft& draft, TenantId tenant, NewPolicy policy);
// DeleteConflict while it is attached, a boundary, or has versions besides the default one.
Status delete_policy(Draft& draft, TenantId tenant, std::string_view arn);
// Detached everywhere first. A boundary is never taken off that way: that would give rights.
Status delete_policy_and_all(Draft& draft, TenantId tenant, std::string_view arn);
Result<PolicyVersion> create_policy_version(Draft& draft, TenantId tenant, std::string_view arn,
                                            std::string document, bool as_default);
Status delete_policy_version(Draft& draft, TenantId tenant, std::string_view arn, uint32_t number);
Status set_default_policy_version(Draft& draft, TenantId tenant, std::string_view arn,
                                  uint32_t number);

// Who has a policy attached, and whose boundary it is.
struct PolicyUses {
  std::vector<Holder> attached;
  std::vector<Holder> boundary_of;
};
PolicyUses uses_of(const Account& account, std::string_view arn);

}  // namespace cairn::iam
