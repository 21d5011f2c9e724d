#include "iam/resolver.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "iam/account.h"
#include "iam/grants.h"
#include "iam/policy.h"

namespace cairn::iam {
namespace {

using Policies = std::vector<std::shared_ptr<const Policy>>;

constexpr std::string_view kAllowAll =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})";
constexpr std::string_view kDenyAll =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]})";

std::unexpected<Error> unusable() {
  return fail(Code::kNotFound, "The access key is unknown or may not be used.");
}

Result<std::shared_ptr<const Policy>> compile(std::string_view document, PolicyKind kind,
                                              std::string_view what) {
  auto policy = Policy::parse(document, kind);
  if (policy) return policy;
  return fail(Code::kCorruption,
              "the policy " + std::string(what) + " does not parse: " + policy.error().message);
}

Result<std::shared_ptr<const Policy>> compile_arn(const Account& account, std::string_view arn) {
  const std::shared_ptr<const ManagedPolicy> found = find_policy(account, arn);
  if (found == nullptr) {
    return fail(Code::kCorruption, "the policy " + std::string(arn) + " is gone");
  }
  return compile(found->document(), PolicyKind::kIdentity, arn);
}

Status add_grants(const Account& account, const Grants& grants, Policies& out) {
  for (const auto& [name, document] : grants.inline_policies) {
    auto policy = compile(document, PolicyKind::kIdentity, name);
    if (!policy) return std::unexpected(policy.error());
    out.push_back(std::move(*policy));
  }
  for (const std::string& arn : grants.attached) {
    auto policy = compile_arn(account, arn);
    if (!policy) return std::unexpected(policy.error());
    out.push_back(std::move(*policy));
  }
  return {};
}

Status set_grants(const Account& account, const Grants& grants, Principal& principal) {
  if (const Status added = add_grants(account, grants, principal.policies); !added) return added;
  if (grants.boundary.empty()) return {};
  auto boundary = compile_arn(account, grants.boundary);
  if (!boundary) return std::unexpected(boundary.error());
  principal.boundary = std::move(*boundary);
  return {};
}

Principal root_of(const Account& account) {
  Principal principal = *make_root_principal(account.tenant->id);
  principal.is_isolated = account.tenant->isolated;
  return principal;
}

// The root as a caller whose rights can be narrowed: a user with every right.
Result<Principal> limited_root(const Account& account) {
  Principal principal = root_of(account);
  principal.kind = PrincipalKind::kUser;
  auto all = compile(kAllowAll, PolicyKind::kIdentity, "root");
  if (!all) return std::unexpected(all.error());
  principal.policies.push_back(std::move(*all));
  return principal;
}

Result<Principal> make_user_principal(const Account& account, const User& user) {
  Principal principal;
  principal.account = account.tenant->id;
  principal.kind = PrincipalKind::kUser;
  principal.name = user.name;
  principal.id = user.id;
  principal.arn = user_arn(principal.account, user.path, user.name);
  principal.canonical_id = canonical_id(principal.account);
  principal.is_isolated = account.tenant->isolated;
  principal.tags.assign(user.tags.begin(), user.tags.end());
  if (const Status set = set_grants(account, user.grants, principal); !set) {
    return std::unexpected(set.error());
  }
  for (const std::string& name : user.groups) {
    const auto group = account.groups.find(name);
    if (group == account.groups.end()) continue;
    const Status added = add_grants(account, group->second->grants, principal.policies);
    if (!added) return std::unexpected(added.error());
  }
  return principal;
}

// Name and rights of a user; of the account's root where there is none. kNotFound when the user is
// gone or disabled.
Result<Principal> make_owner_principal(const Account& account, std::string_view user,
                                       bool is_narrowed) {
  if (user.empty()) {
    if (is_narrowed) return limited_root(account);
    return root_of(account);
  }
  const auto found = account.users.find(user);
  if (found == account.users.end() || found->second->disabled) return unusable();
  return make_user_principal(account, *found->second);
}

std::string user_text(std::string_view user) {
  return user.empty() ? "root" : std::string(user);
}

Status narrow_by_session(const Account& account, const Session& session, Principal& principal) {
  for (const std::string& document : session.policies) {
    auto policy = compile(document, PolicyKind::kSession, "of the session");
    if (!policy) return std::unexpected(policy.error());
    principal.session_policies.push_back(std::move(*policy));
  }
  for (const std::string& arn : session.policy_arns) {
    auto policy = compile_arn(account, arn);
    if (!policy) return std::unexpected(policy.error());
    principal.session_policies.push_back(std::move(*policy));
  }
  if (session.kind != SessionKind::kFederated) return {};
  principal.session_arn = federated_user_arn(principal.account, session.session_name);
  if (!principal.session_policies.empty()) return {};
  // A federated user without policies has no rights of its own.
  auto none = compile(kDenyAll, PolicyKind::kSession, "of the session");
  if (!none) return std::unexpected(none.error());
  principal.session_policies.push_back(std::move(*none));
  return {};
}

Result<Principal> make_role_principal(const Account& account, const Role& role,
                                      std::string_view session_name) {
  Principal principal;
  principal.account = account.tenant->id;
  principal.kind = PrincipalKind::kRoleSession;
  principal.name = role.name;
  principal.id = role.id + ":" + std::string(session_name);
  principal.arn = role_arn(principal.account, role.path, role.name);
  principal.session_arn = assumed_role_arn(principal.account, role.name, session_name);
  principal.canonical_id = canonical_id(principal.account);
  principal.is_isolated = account.tenant->isolated;
  principal.tags.assign(role.tags.begin(), role.tags.end());
  if (const Status set = set_grants(account, role.grants, principal); !set) {
    return std::unexpected(set.error());
  }
  return principal;
}

// The role or user as it is now; kNotFound when it is not the one the session was made for.
Result<Principal> make_session_principal(const Directory& directory, const Account& account,
                                         const Session& session) {
  if (session.kind == SessionKind::kRole) {
    const auto role = account.roles.find(session.name);
    if (role == account.roles.end() || role->second->id != session.id) return unusable();
    return make_role_principal(account, *role->second, session.session_name);
  }
  if (!session.parent_access_key.empty()) {
    const AccessKey* parent = directory.access_key(session.parent_access_key);
    if (parent == nullptr || !parent->active) return unusable();
  }
  if (!session.name.empty()) {
    const auto user = account.users.find(session.name);
    if (user == account.users.end() || user->second->id != session.id) return unusable();
  }
  return make_owner_principal(account, session.name, session.kind == SessionKind::kFederated);
}

CredentialKind kind_of(SessionKind kind) {
  switch (kind) {
    case SessionKind::kUser: return CredentialKind::kUserSession;
    case SessionKind::kRole: return CredentialKind::kRoleSession;
    case SessionKind::kFederated: break;
  }
  return CredentialKind::kFederatedSession;
}

}  // namespace

Result<std::shared_ptr<const Principal>> user_principal(const Account& account, const User& user) {
  Result<Principal> made = make_user_principal(account, user);
  if (!made) return std::unexpected(made.error());
  return std::make_shared<const Principal>(std::move(*made));
}

Result<std::shared_ptr<const Principal>> role_principal(const Account& account, const Role& role,
                                                        std::string_view session_name) {
  Result<Principal> made = make_role_principal(account, role, session_name);
  if (!made) return std::unexpected(made.error());
  return std::make_shared<const Principal>(std::move(*made));
}

Result<Credential> resolve_key(const Directory& directory, std::string_view access_key) {
  const AccessKey* key = directory.access_key(access_key);
  if (key == nullptr || !key->active) return unusable();
  const Account* account = directory.account(key->tenant);
  if (account == nullptr) return unusable();
  Result<Principal> principal = make_owner_principal(*account, key->user, !key->policy.empty());
  if (!principal) return std::unexpected(principal.error());
  if (!key->policy.empty()) {
    auto policy = compile(key->policy, PolicyKind::kSession, key->access_key);
    if (!policy) return std::unexpected(policy.error());
    principal->session_policies.push_back(std::move(*policy));
  }
  Credential credential;
  credential.access_key = key->access_key;
  credential.secret = key->secret;
  if (key->is_service_account) credential.kind = CredentialKind::kServiceAccount;
  credential.user = user_text(key->user);
  credential.principal = std::make_shared<const Principal>(std::move(*principal));
  return credential;
}

Result<Credential> resolve_session(const Directory& directory, const Session& session,
                                   std::string token) {
  const Account* account = directory.account(session.tenant);
  if (account == nullptr) return unusable();
  Result<Principal> principal = make_session_principal(directory, *account, session);
  if (!principal) return std::unexpected(principal.error());
  if (const Status narrowed = narrow_by_session(*account, session, *principal); !narrowed) {
    return std::unexpected(narrowed.error());
  }
  Credential credential;
  credential.access_key = session.access_key;
  credential.secret = session.secret;
  credential.session_token = std::move(token);
  credential.expires = session.expires;
  credential.kind = kind_of(session.kind);
  credential.user = user_text(session.name);
  credential.principal = std::make_shared<const Principal>(std::move(*principal));
  return credential;
}

CredentialCache::CredentialCache(const Store& store, std::string root_access_key,
                                 std::string root_secret)
    : store_(store) {
  root_.access_key = std::move(root_access_key);
  root_.secret = std::move(root_secret);
  root_.user = user_text({});
  root_.principal = make_root_principal(crypto::kRootTenant);
}

void CredentialCache::refresh() {
  // The number first: a change in between only makes the next look refresh once more.
  generation_ = store_.generation();
  directory_ = store_.directory();
  known_.clear();
}

const Credential* CredentialCache::find(std::string_view access_key, std::string_view token) {
  if (generation_ != store_.generation()) refresh();
  const auto found = known_.find(access_key);
  if (found != known_.end()) return &found->second;
  if (!root_.access_key.empty() && access_key == root_.access_key) return &root_;
  return load(access_key, token);
}

const Credential* CredentialCache::load(std::string_view access_key, std::string_view token) {
  Result<Credential> made = unusable();
  if (access_key.starts_with(kSessionKeyPrefix)) {
    const Result<Session> session = open_session(store_.keys(), access_key, token);
    if (session) made = resolve_session(*directory_, *session, std::string(token));
  } else {
    made = resolve_key(*directory_, access_key);
  }
  if (!made) {
    if (made.error().code == Code::kCorruption) {
      log::error("credential-refused",
                 {{"access_key", access_key}, {"message", std::string_view(made.error().message)}});
    }
    return nullptr;
  }
  if (known_.size() >= kCachedCredentialsMax) known_.clear();
  return &known_.insert_or_assign(std::string(access_key), std::move(*made)).first->second;
}

}  // namespace cairn::iam
