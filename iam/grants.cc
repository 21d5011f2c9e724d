#include "iam/grants.h"

#include <algorithm>
#include <functional>

namespace cairn::iam {
namespace {

std::string_view kind_name(HolderKind kind) {
  switch (kind) {
    case HolderKind::kUser: return "user";
    case HolderKind::kGroup: return "group";
    case HolderKind::kRole: return "role";
  }
  return "entity";
}

size_t inline_bytes_max(HolderKind kind) {
  switch (kind) {
    case HolderKind::kUser: return kUserInlineBytesMax;
    case HolderKind::kGroup: return kGroupInlineBytesMax;
    case HolderKind::kRole: break;
  }
  return kRoleInlineBytesMax;
}

// IAM counts no white space.
size_t counted_bytes(std::string_view document) {
  return static_cast<size_t>(std::ranges::count_if(
      document, [](char c) { return c != ' ' && c != '\t' && c != '\n' && c != '\r'; }));
}

template <typename T>
Status change_named(Draft& draft, TenantId tenant, const ByName<T>& names, const Holder& holder,
                    const std::function<Status(Grants&)>& change) {
  const auto found = names.find(holder.name);
  if (found == names.end()) return no_such(kind_name(holder.kind), holder.name);
  T value = *found->second;
  if (const Status changed = change(value.grants); !changed) return changed;
  draft.put(tenant, std::move(value));
  return {};
}

Status change_grants(Draft& draft, TenantId tenant, const Holder& holder,
                     const std::function<Status(Grants&)>& change) {
  const Result<const Account*> found = draft.account(tenant);
  if (!found) return std::unexpected(found.error());
  const Account& account = **found;
  switch (holder.kind) {
    case HolderKind::kUser: return change_named(draft, tenant, account.users, holder, change);
    case HolderKind::kGroup: return change_named(draft, tenant, account.groups, holder, change);
    case HolderKind::kRole: return change_named(draft, tenant, account.roles, holder, change);
  }
  return fail(Code::kInternal, "a holder of no kind");
}

template <typename T>
const Grants* grants_in(const ByName<T>& names, std::string_view name) {
  const auto found = names.find(name);
  return found == names.end() ? nullptr : &found->second->grants;
}

}  // namespace

Status check_document(std::string_view document, PolicyKind kind, size_t bytes_max) {
  if (counted_bytes(document) > bytes_max) return over_limit("PolicySize", bytes_max);
  const auto parsed = Policy::parse(document, kind);
  if (parsed) return {};
  return fail_with(Code::kInvalidArgument, reason::kMalformedPolicy, parsed.error().message);
}

Status check_policy_exists(const Account& account, std::string_view arn) {
  if (find_policy(account, arn) != nullptr) return {};
  if (!parse_iam_arn(arn)) {
    return fail_with(Code::kInvalidArgument, reason::kInvalidInput,
                     "ARN " + std::string(arn) + " is not valid.");
  }
  return fail(Code::kNotFound,
              "Policy " + std::string(arn) + " does not exist or is not attachable.");
}

const Grants* grants_of(const Account& account, const Holder& holder) {
  switch (holder.kind) {
    case HolderKind::kUser: return grants_in(account.users, holder.name);
    case HolderKind::kGroup: return grants_in(account.groups, holder.name);
    case HolderKind::kRole: return grants_in(account.roles, holder.name);
  }
  return nullptr;
}

Status put_inline_policy(Draft& draft, TenantId tenant, const Holder& holder,
                         std::string policy_name, std::string document) {
  if (const Status checked = check_name(policy_name, "policyName", kLongNameBytesMax); !checked) {
    return checked;
  }
  const size_t bytes_max = inline_bytes_max(holder.kind);
  if (const Status checked = check_document(document, PolicyKind::kIdentity, bytes_max); !checked) {
    return checked;
  }
  return change_grants(draft, tenant, holder, [&](Grants& grants) -> Status {
    grants.inline_policies.insert_or_assign(std::move(policy_name), std::move(document));
    size_t total_bytes = 0;
    for (const auto& [name, text] : grants.inline_policies) total_bytes += counted_bytes(text);
    if (total_bytes > bytes_max) return over_limit("InlinePolicySize", bytes_max);
    if (grants.inline_policies.size() > kInlinePoliciesMax) {
      return over_limit("InlinePolicies", kInlinePoliciesMax);
    }
    return {};
  });
}

Status delete_inline_policy(Draft& draft, TenantId tenant, const Holder& holder,
                            std::string_view policy_name) {
  return change_grants(draft, tenant, holder, [&](Grants& grants) -> Status {
    if (grants.inline_policies.erase(std::string(policy_name)) > 0) return {};
    return no_such(std::string(kind_name(holder.kind)) + " policy", policy_name);
  });
}

Status attach_policy(Draft& draft, TenantId tenant, const Holder& holder, std::string_view arn) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  if (const Status known = check_policy_exists(**account, arn); !known) return known;
  return change_grants(draft, tenant, holder, [&](Grants& grants) -> Status {
    if (std::ranges::find(grants.attached, arn) != grants.attached.end()) return {};
    if (grants.attached.size() >= kAttachedMax) {
      return over_limit("PoliciesPer" + std::string(kind_name(holder.kind)), kAttachedMax);
    }
    grants.attached.emplace_back(arn);
    return {};
  });
}

Status detach_policy(Draft& draft, TenantId tenant, const Holder& holder, std::string_view arn) {
  return change_grants(draft, tenant, holder, [&](Grants& grants) -> Status {
    if (std::erase(grants.attached, arn) > 0) return {};
    return fail(Code::kNotFound, "Policy " + std::string(arn) + " was not found.");
  });
}

Status set_boundary(Draft& draft, TenantId tenant, const Holder& holder, std::string arn) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  if (!arn.empty()) {
    if (const Status known = check_policy_exists(**account, arn); !known) return known;
  }
  return change_grants(draft, tenant, holder, [&](Grants& grants) -> Status {
    if (arn.empty() && grants.boundary.empty()) {
      return fail(Code::kNotFound, "The " + std::string(kind_name(holder.kind)) + " " +
                                       holder.name + " has no permissions boundary.");
    }
    grants.boundary = std::move(arn);
    return {};
  });
}

PolicyUses uses_of(const Account& account, std::string_view arn) {
  PolicyUses uses;
  const auto look = [&](HolderKind kind, const auto& names) {
    for (const auto& [name, value] : names) {
      const Grants& grants = value->grants;
      if (std::ranges::find(grants.attached, arn) != grants.attached.end()) {
        uses.attached.push_back({kind, value->name});
      }
      if (grants.boundary == arn) uses.boundary_of.push_back({kind, value->name});
    }
  };
  look(HolderKind::kUser, account.users);
  look(HolderKind::kGroup, account.groups);
  look(HolderKind::kRole, account.roles);
  return uses;
}

}  // namespace cairn::iam
