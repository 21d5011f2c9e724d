#include "query/routes.h"

#include <algorithm>
#include <array>

#include "query/handlers.h"

namespace cairn::query {
namespace {

constexpr Route read_route(std::string_view name, std::string_view action,
                           std::string (*resource)(const Call&), Read read) {
  Route route;
  route.name = name;
  route.action = action;
  route.resource = resource;
  route.read = read;
  return route;
}

constexpr Route write_route(std::string_view name, std::string_view action,
                            std::string (*resource)(const Call&), Write write) {
  Route route;
  route.name = name;
  route.action = action;
  route.resource = resource;
  route.write = write;
  return route;
}

// The model gives the answer a result element although there is nothing in it: SDKs look for it.
constexpr Route told(Route route) {
  route.has_empty_result = true;
  return route;
}

constexpr Route sts_route(std::string_view name, std::string_view action, Admission admission,
                          std::string (*resource)(const Call&), Read read, Wait wait = nullptr) {
  Route route;
  route.name = name;
  route.action = action;
  route.service = Service::kSts;
  route.admission = admission;
  route.resource = resource;
  route.read = read;
  route.wait = wait;
  return route;
}

constexpr std::array kRoutes = {
    // Users.
    write_route("CreateUser", "iam:CreateUser", user_resource, create_user),
    read_route("GetUser", "iam:GetUser", user_resource, get_user),
    write_route("UpdateUser", "iam:UpdateUser", user_resource, update_user),
    write_route("DeleteUser", "iam:DeleteUser", user_resource, delete_user),
    read_route("ListUsers", "iam:ListUsers", any_resource, list_users),
    write_route("TagUser", "iam:TagUser", user_resource, tag_user),
    write_route("UntagUser", "iam:UntagUser", user_resource, untag_user),
    read_route("ListUserTags", "iam:ListUserTags", user_resource, list_user_tags),
    write_route("PutUserPermissionsBoundary", "iam:PutUserPermissionsBoundary", user_resource,
                put_user_boundary),
    write_route("DeleteUserPermissionsBoundary", "iam:DeleteUserPermissionsBoundary", user_resource,
                delete_user_boundary),
    read_route("GetAccountSummary", "iam:GetAccountSummary", any_resource, get_account_summary),
    read_route("ListAccountAliases", "iam:ListAccountAliases", any_resource, list_account_aliases),
    // Groups.
    write_route("CreateGroup", "iam:CreateGroup", group_resource, create_group),
    read_route("GetGroup", "iam:GetGroup", group_resource, get_group),
    write_route("UpdateGroup", "iam:UpdateGroup", group_resource, update_group),
    write_route("DeleteGroup", "iam:DeleteGroup", group_resource, delete_group),
    read_route("ListGroups", "iam:ListGroups", any_resource, list_groups),
    read_route("ListGroupsForUser", "iam:ListGroupsForUser", user_resource, list_groups_for_user),
    write_route("AddUserToGroup", "iam:AddUserToGroup", group_resource, add_user_to_group),
    write_route("RemoveUserFromGroup", "iam:RemoveUserFromGroup", group_resource,
                remove_user_from_group),
    // Access keys.
    write_route("CreateAccessKey", "iam:CreateAccessKey", user_resource, create_access_key),
    write_route("UpdateAccessKey", "iam:UpdateAccessKey", user_resource, update_access_key),
    write_route("DeleteAccessKey", "iam:DeleteAccessKey", user_resource, delete_access_key),
    read_route("ListAccessKeys", "iam:ListAccessKeys", user_resource, list_access_keys),
    read_route("GetAccessKeyLastUsed", "iam:GetAccessKeyLastUsed", any_resource,
               get_access_key_last_used),
    // Policies of users, groups and roles.
    write_route("PutUserPolicy", "iam:PutUserPolicy", user_resource, put_inline_policy),
    read_route("GetUserPolicy", "iam:GetUserPolicy", user_resource, get_inline_policy),
    write_route("DeleteUserPolicy", "iam:DeleteUserPolicy", user_resource, delete_inline_policy),
    read_route("ListUserPolicies", "iam:ListUserPolicies", user_resource, list_inline_policies),
    write_route("AttachUserPolicy", "iam:AttachUserPolicy", user_resource, attach_policy),
    write_route("DetachUserPolicy", "iam:DetachUserPolicy", user_resource, detach_policy),
    read_route("ListAttachedUserPolicies", "iam:ListAttachedUserPolicies", user_resource,
               list_attached_policies),
    write_route("PutGroupPolicy", "iam:PutGroupPolicy", group_resource, put_inline_policy),
    read_route("GetGroupPolicy", "iam:GetGroupPolicy", group_resource, get_inline_policy),
    write_route("DeleteGroupPolicy", "iam:DeleteGroupPolicy", group_resource, delete_inline_policy),
    read_route("ListGroupPolicies", "iam:ListGroupPolicies", group_resource, list_inline_policies),
    write_route("AttachGroupPolicy", "iam:AttachGroupPolicy", group_resource, attach_policy),
    write_route("DetachGroupPolicy", "iam:DetachGroupPolicy", group_resource, detach_policy),
    read_route("ListAttachedGroupPolicies", "iam:ListAttachedGroupPolicies", group_resource,
               list_attached_policies),
    write_route("PutRolePolicy", "iam:PutRolePolicy", role_resource, put_inline_policy),
    read_route("GetRolePolicy", "iam:GetRolePolicy", role_resource, get_inline_policy),
    write_route("DeleteRolePolicy", "iam:DeleteRolePolicy", role_resource, delete_inline_policy),
    read_route("ListRolePolicies", "iam:ListRolePolicies", role_resource, list_inline_policies),
    write_route("AttachRolePolicy", "iam:AttachRolePolicy", role_resource, attach_policy),
    write_route("DetachRolePolicy", "iam:DetachRolePolicy", role_resource, detach_policy),
    read_route("ListAttachedRolePolicies", "iam:ListAttachedRolePolicies", role_resource,
               list_attached_policies),
    // Managed policies.
    write_route("CreatePolicy", "iam:CreatePolicy", new_policy_resource, create_policy),
    read_route("GetPolicy", "iam:GetPolicy", policy_resource, get_policy),
    write_route("DeletePolicy", "iam:DeletePolicy", policy_resource, delete_policy),
    read_route("ListPolicies", "iam:ListPolicies", any_resource, list_policies),
    write_route("CreatePolicyVersion", "iam:CreatePolicyVersion", policy_resource,
                create_policy_version),
    read_route("GetPolicyVersion", "iam:GetPolicyVersion", policy_resource, get_policy_version),
    write_route("DeletePolicyVersion", "iam:DeletePolicyVersion", policy_resource,
                delete_policy_version),
    read_route("ListPolicyVersions", "iam:ListPolicyVersions", policy_resource,
               list_policy_versions),
    write_route("SetDefaultPolicyVersion", "iam:SetDefaultPolicyVersion", policy_resource,
                set_default_policy_version),
    read_route("ListEntitiesForPolicy", "iam:ListEntitiesForPolicy", policy_resource,
               list_entities_for_policy),
    // Roles.
    write_route("CreateRole", "iam:CreateRole", role_resource, create_role),
    read_route("GetRole", "iam:GetRole", role_resource, get_role),
    write_route("DeleteRole", "iam:DeleteRole", role_resource, delete_role),
    read_route("ListRoles", "iam:ListRoles", any_resource, list_roles),
    told(write_route("UpdateRole", "iam:UpdateRole", role_resource, update_role)),
    write_route("UpdateRoleDescription", "iam:UpdateRoleDescription", role_resource,
                update_role_description),
    write_route("TagRole", "iam:TagRole", role_resource, tag_role),
    write_route("UntagRole", "iam:UntagRole", role_resource, untag_role),
    read_route("ListRoleTags", "iam:ListRoleTags", role_resource, list_role_tags),
    write_route("UpdateAssumeRolePolicy", "iam:UpdateAssumeRolePolicy", role_resource,
                update_assume_role_policy),
    write_route("PutRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", role_resource,
                put_role_boundary),
    write_route("DeleteRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary", role_resource,
                delete_role_boundary),
    // Identity providers.
    write_route("CreateOpenIDConnectProvider", "iam:CreateOpenIDConnectProvider", provider_resource,
                create_provider),
    read_route("GetOpenIDConnectProvider", "iam:GetOpenIDConnectProvider", provider_resource,
               get_provider),
    write_route("DeleteOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider", provider_resource,
                delete_provider),
    read_route("ListOpenIDConnectProviders", "iam:ListOpenIDConnectProviders", any_resource,
               list_providers),
    write_route("AddClientIDToOpenIDConnectProvider", "iam:AddClientIDToOpenIDConnectProvider",
                provider_resource, add_client_id),
    write_route("RemoveClientIDFromOpenIDConnectProvider",
                "iam:RemoveClientIDFromOpenIDConnectProvider", provider_resource, remove_client_id),
    write_route("UpdateOpenIDConnectProviderThumbprint",
                "iam:UpdateOpenIDConnectProviderThumbprint", provider_resource, set_thumbprints),
    // STS.
    sts_route("GetCallerIdentity", "sts:GetCallerIdentity", Admission::kOwnIdentity, any_resource,
              get_caller_identity),
    sts_route("GetSessionToken", "sts:GetSessionToken", Admission::kOwnIdentity, any_resource,
              get_session_token),
    sts_route("GetFederationToken", "sts:GetFederationToken", Admission::kAuthorised,
              federated_resource, get_federation_token),
    sts_route("AssumeRole", "sts:AssumeRole", Admission::kHandler, any_resource, assume_role),
    sts_route("AssumeRoleWithWebIdentity", "sts:AssumeRoleWithWebIdentity", Admission::kUnsigned,
              any_resource, nullptr, assume_role_with_web_identity),
};

constexpr bool is_complete(const Route& route) {
  const std::string_view prefix = route.service == Service::kIam ? "iam:" : "sts:";
  const int handlers = (route.read != nullptr ? 1 : 0) + (route.write != nullptr ? 1 : 0) +
                       (route.wait != nullptr ? 1 : 0);
  return route.action.starts_with(prefix) && route.action.substr(prefix.size()) == route.name &&
         route.resource != nullptr && handlers == 1;
}
static_assert(std::ranges::all_of(kRoutes, is_complete));

// Known to AWS, not here.
constexpr std::string_view kLeftOut[] = {"AssumeRoleWithSAML",
                                         "AssumeRoot",
                                         "ChangePassword",
                                         "CreateAccountAlias",
                                         "CreateInstanceProfile",
                                         "CreateLoginProfile",
                                         "CreateSAMLProvider",
                                         "CreateServiceLinkedRole",
                                         "CreateVirtualMFADevice",
                                         "DecodeAuthorizationMessage",
                                         "DeleteAccountAlias",
                                         "DeleteLoginProfile",
                                         "EnableMFADevice",
                                         "GenerateCredentialReport",
                                         "GetAccessKeyInfo",
                                         "GetAccountAuthorizationDetails",
                                         "GetAccountPasswordPolicy",
                                         "GetContextKeysForPrincipalPolicy",
                                         "GetCredentialReport",
                                         "GetLoginProfile",
                                         "ListInstanceProfiles",
                                         "ListInstanceProfilesForRole",
                                         "ListMFADevices",
                                         "ListPolicyTags",
                                         "ListSAMLProviders",
                                         "ListServerCertificates",
                                         "ListServiceSpecificCredentials",
                                         "ListSigningCertificates",
                                         "ListSSHPublicKeys",
                                         "ListVirtualMFADevices",
                                         "SimulateCustomPolicy",
                                         "SimulatePrincipalPolicy",
                                         "TagPolicy",
                                         "UntagPolicy",
                                         "UploadSSHPublicKey"};

}  // namespace

std::string_view version_of(Service service) {
  return service == Service::kIam ? "2010-05-08" : "2011-06-15";
}

std::string_view xml_namespace_of(Service service) {
  return service == Service::kIam ? "https://iam.amazonaws.com/doc/2010-05-08/"
                                  : "https://sts.amazonaws.com/doc/2011-06-15/";
}

std::span<const Route> routes() {
  return kRoutes;
}

Result<const Route*> find_route(const Params& params) {
  const std::string_view name = params.get("Action");
  const std::string_view version = params.get("Version");
  const auto found = std::ranges::find(kRoutes, name, &Route::name);
  if (found != kRoutes.end() && (version.empty() || version == version_of(found->service))) {
    return &*found;
  }
  if (std::ranges::find(kLeftOut, name) != std::end(kLeftOut)) {
    return fail(Code::kUnsupported, std::string(name) + " is not implemented.");
  }
  return fail(Code::kInvalidArgument,
              "InvalidAction: Could not find operation " + std::string(name) + " for version " +
                  std::string(version.empty() ? "NO_VERSION_SPECIFIED" : version));
}

}  // namespace cairn::query
