#include "server/account_json.h"

#include "base/dates.h"
#include "iam/account.h"
#include "iam/grants.h"
#include "iam/managed_policies.h"
#include "iam/people.h"

namespace cairn::server {
namespace {

using Json = nlohmann::json;

std::vector<std::string> names_of(const iam::Grants& grants) {
  std::vector<std::string> names;
  for (const auto& [name, document] : grants.inline_policies) names.push_back(name);
  for (const std::string& arn : grants.attached) {
    names.emplace_back(iam::parse_iam_arn(arn)->name);
  }
  return names;
}

}  // namespace

Json tenant_json(const iam::Account& account) {
  const iam::Tenant& tenant = *account.tenant;
  return {{"name", tenant.name},
          {"account", iam::account_number(tenant.id)},
          {"canonical_id", iam::canonical_id(tenant.id)},
          {"isolated", tenant.isolated},
          {"users", account.users.size()},
          {"created", format_iso8601(tenant.created)}};
}

Json user_json(iam::TenantId tenant, const iam::User& user) {
  return {{"name", user.name},
          {"id", user.id},
          {"arn", iam::user_arn(tenant, user.path, user.name)},
          {"enabled", !user.disabled},
          {"groups", user.groups},
          {"policies", names_of(user.grants)},
          {"created", format_iso8601(user.created)}};
}

Json group_json(const iam::Account& account, const iam::Group& group) {
  std::vector<std::string> members;
  for (const auto& user : iam::members_of(account, group.name)) members.push_back(user->name);
  return {{"name", group.name},
          {"arn", iam::group_arn(account.tenant->id, group.path, group.name)},
          {"members", members},
          {"policies", names_of(group.grants)}};
}

Json policy_json(const iam::Account& account, const iam::ManagedPolicy& policy) {
  const std::string builtin = iam::builtin_policy_arn(policy);
  const bool is_builtin = iam::builtin_policy(builtin).get() == &policy;
  const std::string arn =
      is_builtin ? builtin : iam::policy_arn(account.tenant->id, policy.path, policy.name);
  const iam::PolicyUses uses = iam::uses_of(account, arn);
  return {{"name", policy.name},
          {"arn", arn},
          {"version", policy.default_version},
          {"attached", uses.attached.size()},
          {"boundary_of", uses.boundary_of.size()}};
}

Json key_json(const iam::AccessKey& key) {
  return {{"access_key", key.access_key},
          {"user", key.user.empty() ? "root" : key.user},
          {"active", key.active},
          {"service_account", key.is_service_account},
          {"narrowed", !key.policy.empty()},
          {"description", key.description},
          {"created", format_iso8601(key.created)}};
}

}  // namespace cairn::server
