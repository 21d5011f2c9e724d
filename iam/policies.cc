// Managed policies and their versions.
#include <algorithm>
#include <utility>

#include "iam/grants.h"

namespace cairn::iam {
namespace {

// A copy of the account's own policy: those that come with the server do not change.
Result<ManagedPolicy> own_policy(const Draft& draft, TenantId tenant, std::string_view arn) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  const auto found = find_policy(**account, arn);
  if (found == nullptr) {
    return fail(Code::kNotFound, "Policy " + std::string(arn) + " was not found.");
  }
  const std::optional<IamArn> parsed = parse_iam_arn(arn);
  if (!parsed->account) {
    return fail(Code::kPermissionDenied, "Policies of AWS's names cannot be changed.");
  }
  return *found;
}

Status in_use(std::string message) {
  return fail(Code::kFailedPrecondition, std::move(message));
}

}  // namespace

Result<ManagedPolicy> create_policy(Draft& draft, TenantId tenant, NewPolicy wanted) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  for (const Status& checked :
       {check_name(wanted.name, "policyName", kLongNameBytesMax), check_path(wanted.path),
        check_description(wanted.description), check_tags(wanted.tags),
        check_document(wanted.document, PolicyKind::kIdentity, kManagedPolicyBytesMax)}) {
    if (!checked) return std::unexpected(checked.error());
  }
  if ((*account)->policies.contains(wanted.name)) {
    return fail(Code::kAlreadyExists, "A policy called " + wanted.name +
                                          " already exists. Duplicate names are not allowed.");
  }
  if ((*account)->policies.size() >= kPoliciesMax) {
    return over_limit("PoliciesPerAccount", kPoliciesMax);
  }
  ManagedPolicy policy;
  policy.id = make_unique_id(kPolicyIdPrefix, draft.random());
  policy.name = std::move(wanted.name);
  policy.path = std::move(wanted.path);
  policy.description = std::move(wanted.description);
  policy.tags = std::move(wanted.tags);
  policy.created = draft.now();
  policy.updated = draft.now();
  policy.versions.push_back({1, std::move(wanted.document), draft.now()});
  policy.default_version = 1;
  policy.last_version = 1;
  draft.put(tenant, policy);
  return policy;
}

Status delete_policy(Draft& draft, TenantId tenant, std::string_view arn) {
  const Result<ManagedPolicy> policy = own_policy(draft, tenant, arn);
  if (!policy) return std::unexpected(policy.error());
  const PolicyUses uses = uses_of(**draft.account(tenant), arn);
  if (!uses.attached.empty() || !uses.boundary_of.empty()) {
    return in_use("Cannot delete a policy attached to entities.");
  }
  if (policy->versions.size() > 1) {
    return in_use(
        "This policy has more than one version. Before you delete a policy, you must "
        "delete the policy's versions.");
  }
  draft.remove(tenant, *policy);
  return {};
}

Status delete_policy_and_all(Draft& draft, TenantId tenant, std::string_view arn) {
  const Result<ManagedPolicy> policy = own_policy(draft, tenant, arn);
  if (!policy) return std::unexpected(policy.error());
  const PolicyUses uses = uses_of(**draft.account(tenant), arn);
  if (!uses.boundary_of.empty()) {
    return in_use("The policy is the permissions boundary of " + uses.boundary_of.front().name +
                  ": give that one another boundary first.");
  }
  for (const Holder& holder : uses.attached) {
    const Status detached = detach_policy(draft, tenant, holder, arn);
    if (!detached) return detached;
  }
  draft.remove(tenant, *policy);
  return {};
}

Result<PolicyVersion> create_policy_version(Draft& draft, TenantId tenant, std::string_view arn,
                                            std::string document, bool as_default) {
  Result<ManagedPolicy> policy = own_policy(draft, tenant, arn);
  if (!policy) return std::unexpected(policy.error());
  const Status usable = check_document(document, PolicyKind::kIdentity, kManagedPolicyBytesMax);
  if (!usable) return std::unexpected(usable.error());
  if (policy->versions.size() >= kPolicyVersionsMax) {
    return fail(Code::kResourceExhausted,
                "A managed policy can have up to 5 versions. Before you create a new version, you "
                "must delete an existing version.");
  }
  PolicyVersion version{++policy->last_version, std::move(document), draft.now()};
  policy->versions.push_back(version);
  if (as_default) policy->default_version = version.number;
  policy->updated = draft.now();
  draft.put(tenant, std::move(*policy));
  return version;
}

Status delete_policy_version(Draft& draft, TenantId tenant, std::string_view arn, uint32_t number) {
  Result<ManagedPolicy> policy = own_policy(draft, tenant, arn);
  if (!policy) return std::unexpected(policy.error());
  if (policy->version(number) == nullptr) {
    return fail(Code::kNotFound, "Policy version v" + std::to_string(number) + " does not exist.");
  }
  if (policy->default_version == number) {
    return in_use("Cannot delete the default version of a policy.");
  }
  std::erase_if(policy->versions,
                [&](const PolicyVersion& version) { return version.number == number; });
  draft.put(tenant, std::move(*policy));
  return {};
}

Status set_default_policy_version(Draft& draft, TenantId tenant, std::string_view arn,
                                  uint32_t number) {
  Result<ManagedPolicy> policy = own_policy(draft, tenant, arn);
  if (!policy) return std::unexpected(policy.error());
  if (policy->version(number) == nullptr) {
    return fail(Code::kNotFound, "Policy version v" + std::to_string(number) + " does not exist.");
  }
  policy->default_version = number;
  policy->updated = draft.now();
  draft.put(tenant, std::move(*policy));
  return {};
}

}  // namespace cairn::iam
