#include "iam/roles.h"

#include <algorithm>

#include "iam/grants.h"

namespace cairn::iam {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kHttp = "http://";
constexpr size_t kClientIdBytesMax = 255;
constexpr size_t kThumbprintBytes = 40;  // Hex of a SHA-1.

Result<Role> role_of(const Draft& draft, TenantId tenant, std::string_view name) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  const auto found = (*account)->roles.find(name);
  if (found == (*account)->roles.end()) return no_such("role", name);
  return *found->second;
}

Status check_session_seconds(uint32_t seconds) {
  if (seconds >= kSessionSecondsDefault && seconds <= kRoleSessionSecondsMax) return {};
  return fail(Code::kInvalidArgument, "MaxSessionDuration must be from 3600 to 43200 seconds.");
}

Status check_provider_lists(const std::vector<std::string>& client_ids,
                            const std::vector<std::string>& thumbprints) {
  if (client_ids.size() > kClientIdsMax) {
    return over_limit("ClientIdsPerOpenIdConnectProvider", kClientIdsMax);
  }
  if (thumbprints.size() > kThumbprintsMax) {
    return fail(Code::kInvalidArgument, "Thumbprint list must contain fewer than 5 entries.");
  }
  for (const std::string& id : client_ids) {
    if (id.empty() || id.size() > kClientIdBytesMax) {
      return fail(Code::kInvalidArgument, "A client id must have 1 to 255 characters.");
    }
  }
  for (const std::string& thumbprint : thumbprints) {
    if (thumbprint.size() != kThumbprintBytes) {
      return fail(Code::kInvalidArgument, "A thumbprint must have 40 characters.");
    }
  }
  return {};
}

// A copy to change.
Result<OidcProvider> provider_of(const Draft& draft, TenantId tenant, std::string_view arn) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  const std::optional<IamArn> parsed = parse_iam_arn(arn);
  const bool is_ours = parsed && parsed->account == tenant && parsed->type == "oidc-provider";
  const auto found =
      is_ours ? (*account)->providers.find(parsed->name) : (*account)->providers.end();
  if (found == (*account)->providers.end()) {
    return fail(Code::kNotFound, "OpenIDConnect Provider not found for arn " + std::string(arn));
  }
  return *found->second;
}

Status put_checked(Draft& draft, TenantId tenant, OidcProvider provider) {
  const Status checked = check_provider_lists(provider.client_ids, provider.thumbprints);
  if (!checked) return checked;
  draft.put(tenant, std::move(provider));
  return {};
}

}  // namespace

Result<Role> create_role(Draft& draft, TenantId tenant, NewRole wanted) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  for (const Status& checked :
       {check_name(wanted.name, "roleName", kNameBytesMax), check_path(wanted.path),
        check_description(wanted.description), check_tags(wanted.tags),
        check_session_seconds(wanted.session_seconds_max),
        check_document(wanted.trust_policy, PolicyKind::kTrust, kTrustPolicyBytesMax)}) {
    if (!checked) return std::unexpected(checked.error());
  }
  if ((*account)->roles.contains(wanted.name)) return exists_already("Role", wanted.name);
  if ((*account)->roles.size() >= kRolesMax) return over_limit("RolesPerAccount", kRolesMax);
  if (!wanted.boundary.empty()) {
    const Status known = check_policy_exists(**account, wanted.boundary);
    if (!known) return std::unexpected(known.error());
  }
  Role role;
  role.id = make_unique_id(kRoleIdPrefix, draft.random());
  role.name = std::move(wanted.name);
  role.path = std::move(wanted.path);
  role.created = draft.now();
  role.tags = std::move(wanted.tags);
  role.grants.boundary = std::move(wanted.boundary);
  role.trust_policy = std::move(wanted.trust_policy);
  role.description = std::move(wanted.description);
  role.session_seconds_max = wanted.session_seconds_max;
  draft.put(tenant, role);
  return role;
}

Status delete_role(Draft& draft, TenantId tenant, std::string_view name) {
  const Result<Role> role = role_of(draft, tenant, name);
  if (!role) return std::unexpected(role.error());
  const auto in_use = [](std::string_view what) {
    return fail(Code::kFailedPrecondition,
                "Cannot delete entity, must " + std::string(what) + " first.");
  };
  if (!role->grants.attached.empty()) return in_use("detach all policies");
  if (!role->grants.inline_policies.empty()) return in_use("delete policies");
  draft.remove(tenant, *role);
  return {};
}

Status update_trust_policy(Draft& draft, TenantId tenant, std::string_view name,
                           std::string trust_policy) {
  Result<Role> role = role_of(draft, tenant, name);
  if (!role) return std::unexpected(role.error());
  const Status usable = check_document(trust_policy, PolicyKind::kTrust, kTrustPolicyBytesMax);
  if (!usable) return usable;
  role->trust_policy = std::move(trust_policy);
  draft.put(tenant, std::move(*role));
  return {};
}

Status update_role(Draft& draft, TenantId tenant, std::string_view name,
                   std::optional<std::string> description,
                   std::optional<uint32_t> session_seconds_max) {
  Result<Role> role = role_of(draft, tenant, name);
  if (!role) return std::unexpected(role.error());
  if (description) {
    if (const Status checked = check_description(*description); !checked) return checked;
    role->description = std::move(*description);
  }
  if (session_seconds_max) {
    if (const Status checked = check_session_seconds(*session_seconds_max); !checked) {
      return checked;
    }
    role->session_seconds_max = *session_seconds_max;
  }
  draft.put(tenant, std::move(*role));
  return {};
}

Status tag_role(Draft& draft, TenantId tenant, std::string_view name, const Tags& tags) {
  Result<Role> role = role_of(draft, tenant, name);
  if (!role) return std::unexpected(role.error());
  merge_tags(role->tags, tags);
  if (const Status checked = check_tags(role->tags); !checked) return checked;
  draft.put(tenant, std::move(*role));
  return {};
}

Status untag_role(Draft& draft, TenantId tenant, std::string_view name,
                  const std::vector<std::string>& keys) {
  Result<Role> role = role_of(draft, tenant, name);
  if (!role) return std::unexpected(role.error());
  for (const std::string& key : keys) role->tags.erase(key);
  draft.put(tenant, std::move(*role));
  return {};
}

Result<OidcProvider> create_provider(Draft& draft, TenantId tenant, std::string_view url,
                                     std::vector<std::string> client_ids,
                                     std::vector<std::string> thumbprints, bool allow_http) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  const bool is_http = url.starts_with(kHttp);
  if (!url.starts_with(kHttps) && !(is_http && allow_http)) {
    return fail(Code::kInvalidArgument,
                "Invalid Open ID Connect Provider URL: it must begin with "
                "https://");
  }
  std::string_view bare = url.substr(is_http ? kHttp.size() : kHttps.size());
  if (bare.ends_with('/')) bare.remove_suffix(1);
  const bool is_plain = std::ranges::all_of(bare, [](char c) {
    return c > ' ' && c <= '~' && std::string_view("?#@\"<>\\").find(c) == std::string_view::npos;
  });
  if (bare.empty() || bare.size() > kProviderUrlBytesMax || !is_plain) {
    return fail(Code::kInvalidArgument,
                "Invalid Open ID Connect Provider URL: give host and path without parameters.");
  }
  if (const Status checked = check_provider_lists(client_ids, thumbprints); !checked) {
    return std::unexpected(checked.error());
  }
  if ((*account)->providers.contains(bare)) return exists_already("Provider", bare);
  if ((*account)->providers.size() >= kProvidersMax) {
    return over_limit("OpenIdConnectProvidersPerAccount", kProvidersMax);
  }
  OidcProvider provider;
  provider.url = bare;
  provider.client_ids = std::move(client_ids);
  provider.thumbprints = std::move(thumbprints);
  provider.created = draft.now();
  provider.is_http = is_http;
  draft.put(tenant, provider);
  return provider;
}

Status delete_provider(Draft& draft, TenantId tenant, std::string_view arn) {
  const Result<OidcProvider> doomed = provider_of(draft, tenant, arn);
  if (!doomed) return std::unexpected(doomed.error());
  draft.remove(tenant, *doomed);
  return {};
}

Status add_client_id(Draft& draft, TenantId tenant, std::string_view arn, std::string client_id) {
  Result<OidcProvider> provider = provider_of(draft, tenant, arn);
  if (!provider) return std::unexpected(provider.error());
  const auto& known = provider->client_ids;
  if (std::ranges::find(known, client_id) != known.end()) return {};
  provider->client_ids.push_back(std::move(client_id));
  return put_checked(draft, tenant, std::move(*provider));
}

Status remove_client_id(Draft& draft, TenantId tenant, std::string_view arn,
                        std::string_view client_id) {
  Result<OidcProvider> provider = provider_of(draft, tenant, arn);
  if (!provider) return std::unexpected(provider.error());
  if (std::erase(provider->client_ids, client_id) == 0) return {};
  draft.put(tenant, std::move(*provider));
  return {};
}

Status set_thumbprints(Draft& draft, TenantId tenant, std::string_view arn,
                       std::vector<std::string> thumbprints) {
  Result<OidcProvider> provider = provider_of(draft, tenant, arn);
  if (!provider) return std::unexpected(provider.error());
  provider->thumbprints = std::move(thumbprints);
  return put_checked(draft, tenant, std::move(*provider));
}

}  // namespace cairn::iam
