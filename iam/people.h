// Users, groups and access keys: operations over a Draft (IAM API reference, the actions of the
// same names). Each checks its input and everything it depends on; failures as in errors.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iam/draft.h"
#include "iam/errors.h"

namespace cairn::iam {

struct NewUser {
  std::string name = {};
  std::string path = "/";
  Tags tags = {};
  std::string boundary = {};  // ARN of a managed policy; empty = none.
};
Result<User> create_user(Draft& draft, TenantId tenant, NewUser user);
Result<User> find_user(const Draft& draft, TenantId tenant, std::string_view name);
// The id stays; keys follow a new name.
Status update_user(Draft& draft, TenantId tenant, std::string_view name,
                   std::optional<std::string> new_name, std::optional<std::string> new_path);
// kFailedPrecondition while keys, policies or groups hang on it.
Status delete_user(Draft& draft, TenantId tenant, std::string_view name);
// Whatever hangs on it goes first; service accounts too.
Status delete_user_and_all(Draft& draft, TenantId tenant, std::string_view name);
Status set_user_disabled(Draft& draft, TenantId tenant, std::string_view name, bool disabled);
Status tag_user(Draft& draft, TenantId tenant, std::string_view name, const Tags& tags);
Status untag_user(Draft& draft, TenantId tenant, std::string_view name,
                  const std::vector<std::string>& keys);

Result<Group> create_group(Draft& draft, TenantId tenant, std::string name, std::string path);
// The id stays; members and policies follow a new name.
Status update_group(Draft& draft, TenantId tenant, std::string_view name,
                    std::optional<std::string> new_name, std::optional<std::string> new_path);
// kFailedPrecondition while it has members or policies.
Status delete_group(Draft& draft, TenantId tenant, std::string_view name);
Status delete_group_and_all(Draft& draft, TenantId tenant, std::string_view name);
// Adding a member twice, and removing one who is none, change nothing.
Status add_to_group(Draft& draft, TenantId tenant, std::string_view group, std::string_view user);
Status remove_from_group(Draft& draft, TenantId tenant, std::string_view group,
                         std::string_view user);
std::vector<std::shared_ptr<const User>> members_of(const Account& account, std::string_view group);

struct NewKey {
  std::string user = {};  // Empty = the account's root user.
  // A service account: a key of its own kind, with the user's rights or, with a policy, fewer.
  bool is_service_account = false;
  std::string policy = {};
  std::string description = {};
  // Given by the caller instead of made (imports); both or none.
  std::string access_key = {};
  std::string secret = {};
};
Result<AccessKey> create_access_key(Draft& draft, TenantId tenant, NewKey key);
// `user` must be the key's own.
Status set_access_key_active(Draft& draft, TenantId tenant, std::string_view user,
                             std::string_view access_key, bool active);
Status delete_access_key(Draft& draft, TenantId tenant, std::string_view user,
                         std::string_view access_key);
std::vector<std::shared_ptr<const AccessKey>> keys_of(const Account& account,
                                                      std::string_view user);

}  // namespace cairn::iam
