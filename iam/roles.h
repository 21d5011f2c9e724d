// Roles and identity providers: operations over a Draft; failures as in errors.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iam/draft.h"
#include "iam/errors.h"

namespace cairn::iam {

struct NewRole {
  std::string name;
  std::string path = "/";
  std::string trust_policy;
  std::string description;
  std::string boundary;
  uint32_t session_seconds_max = kSessionSecondsDefault;  // 3600 to 43200.
  Tags tags;
};
Result<Role> create_role(Draft& draft, TenantId tenant, NewRole role);
// DeleteConflict while policies hang on it.
Status delete_role(Draft& draft, TenantId tenant, std::string_view name);
Status update_trust_policy(Draft& draft, TenantId tenant, std::string_view name,
                           std::string trust_policy);
Status update_role(Draft& draft, TenantId tenant, std::string_view name,
                   std::optional<std::string> description,
                   std::optional<uint32_t> session_seconds_max);
Status tag_role(Draft& draft, TenantId tenant, std::string_view name, const Tags& tags);
Status untag_role(Draft& draft, TenantId tenant, std::string_view name,
                  const std::vector<std::string>& keys);

// `url` with its scheme. https; http only where `allow_http`, for tests and closed networks.
Result<OidcProvider> create_provider(Draft& draft, TenantId tenant, std::string_view url,
                                     std::vector<std::string> client_ids,
                                     std::vector<std::string> thumbprints, bool allow_http);
Status delete_provider(Draft& draft, TenantId tenant, std::string_view arn);
// Adding an id twice, and removing one that is not there, change nothing.
Status add_client_id(Draft& draft, TenantId tenant, std::string_view arn, std::string client_id);
Status remove_client_id(Draft& draft, TenantId tenant, std::string_view arn,
                        std::string_view client_id);
Status set_thumbprints(Draft& draft, TenantId tenant, std::string_view arn,
                       std::vector<std::string> thumbprints);

}  // namespace cairn::iam
