// The handlers of routes.cc, by file. Each turns parameters into an operation of iam/ and its
// outcome into XML (IAM and STS API references).
#pragma once

#include "query/routes.h"

namespace cairn::query {

// ARNs that rights are asked for.
std::string any_resource(const Call& call);
std::string user_resource(const Call& call);
std::string group_resource(const Call& call);
std::string role_resource(const Call& call);
std::string policy_resource(const Call& call);
std::string new_policy_resource(const Call& call);
std::string provider_resource(const Call& call);
std::string federated_resource(const Call& call);

// handlers_users.cc
Result<std::string> create_user(const Call& call, iam::Draft& draft);
Result<std::string> get_user(const Call& call);
Result<std::string> update_user(const Call& call, iam::Draft& draft);
Result<std::string> delete_user(const Call& call, iam::Draft& draft);
Result<std::string> list_users(const Call& call);
Result<std::string> tag_user(const Call& call, iam::Draft& draft);
Result<std::string> untag_user(const Call& call, iam::Draft& draft);
Result<std::string> list_user_tags(const Call& call);
Result<std::string> put_user_boundary(const Call& call, iam::Draft& draft);
Result<std::string> delete_user_boundary(const Call& call, iam::Draft& draft);
Result<std::string> get_account_summary(const Call& call);
Result<std::string> list_account_aliases(const Call& call);

// handlers_groups.cc
Result<std::string> create_group(const Call& call, iam::Draft& draft);
Result<std::string> get_group(const Call& call);
Result<std::string> update_group(const Call& call, iam::Draft& draft);
Result<std::string> delete_group(const Call& call, iam::Draft& draft);
Result<std::string> list_groups(const Call& call);
Result<std::string> list_groups_for_user(const Call& call);
Result<std::string> add_user_to_group(const Call& call, iam::Draft& draft);
Result<std::string> remove_user_from_group(const Call& call, iam::Draft& draft);

// handlers_keys.cc
Result<std::string> create_access_key(const Call& call, iam::Draft& draft);
Result<std::string> update_access_key(const Call& call, iam::Draft& draft);
Result<std::string> delete_access_key(const Call& call, iam::Draft& draft);
Result<std::string> list_access_keys(const Call& call);
Result<std::string> get_access_key_last_used(const Call& call);

// handlers_grants.cc: one handler for users, groups and roles; the parameter that is there (or the
// route's name) tells which.
Result<std::string> put_inline_policy(const Call& call, iam::Draft& draft);
Result<std::string> get_inline_policy(const Call& call);
Result<std::string> delete_inline_policy(const Call& call, iam::Draft& draft);
Result<std::string> list_inline_policies(const Call& call);
Result<std::string> attach_policy(const Call& call, iam::Draft& draft);
Result<std::string> detach_policy(const Call& call, iam::Draft& draft);
Result<std::string> list_attached_policies(const Call& call);

// handlers_policies.cc
Result<std::string> create_policy(const Call& call, iam::Draft& draft);
Result<std::string> get_policy(const Call& call);
Result<std::string> delete_policy(const Call& call, iam::Draft& draft);
Result<std::string> list_policies(const Call& call);
Result<std::string> create_policy_version(const Call& call, iam::Draft& draft);
Result<std::string> get_policy_version(const Call& call);
Result<std::string> delete_policy_version(const Call& call, iam::Draft& draft);
Result<std::string> list_policy_versions(const Call& call);
Result<std::string> set_default_policy_version(const Call& call, iam::Draft& draft);
Result<std::string> list_entities_for_policy(const Call& call);

// handlers_roles.cc
Result<std::string> create_role(const Call& call, iam::Draft& draft);
Result<std::string> get_role(const Call& call);
Result<std::string> delete_role(const Call& call, iam::Draft& draft);
Result<std::string> list_roles(const Call& call);
Result<std::string> update_role(const Call& call, iam::Draft& draft);
Result<std::string> update_role_description(const Call& call, iam::Draft& draft);
Result<std::string> tag_role(const Call& call, iam::Draft& draft);
Result<std::string> untag_role(const Call& call, iam::Draft& draft);
Result<std::string> list_role_tags(const Call& call);
Result<std::string> update_assume_role_policy(const Call& call, iam::Draft& draft);
Result<std::string> put_role_boundary(const Call& call, iam::Draft& draft);
Result<std::string> delete_role_boundary(const Call& call, iam::Draft& draft);
Result<std::string> create_provider(const Call& call, iam::Draft& draft);
Result<std::string> get_provider(const Call& call);
Result<std::string> delete_provider(const Call& call, iam::Draft& draft);
Result<std::string> list_providers(const Call& call);
Result<std::string> add_client_id(const Call& call, iam::Draft& draft);
Result<std::string> remove_client_id(const Call& call, iam::Draft& draft);
Result<std::string> set_thumbprints(const Call& call, iam::Draft& draft);

// handlers_sts.cc
Result<std::string> get_caller_identity(const Call& call);
Result<std::string> get_session_token(const Call& call);
Result<std::string> get_federation_token(const Call& call);
Result<std::string> assume_role(const Call& call);
io::Task<Result<std::string>> assume_role_with_web_identity(Call& call);

}  // namespace cairn::query
