#include <algorithm>

#include "iam/grants.h"
#include "iam/people.h"

namespace cairn::iam {
namespace {

// A copy to change.
Result<User> user_of(const Account& account, std::string_view name) {
  const auto found = account.users.find(name);
  if (found == account.users.end()) return no_such("user", name);
  return *found->second;
}

Status change_user(Draft& draft, TenantId tenant, std::string_view name,
                   const std::function<Status(User&)>& change) {
  Result<User> user = find_user(draft, tenant, name);
  if (!user) return std::unexpected(user.error());
  if (const Status changed = change(*user); !changed) return changed;
  draft.put(tenant, std::move(*user));
  return {};
}

}  // namespace

Result<User> find_user(const Draft& draft, TenantId tenant, std::string_view name) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  return user_of(**account, name);
}

Result<User> create_user(Draft& draft, TenantId tenant, NewUser wanted) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  for (const Status& checked : {check_name(wanted.name, "userName", kNameBytesMax),
                                check_path(wanted.path), check_tags(wanted.tags)}) {
    if (!checked) return std::unexpected(checked.error());
  }
  if ((*account)->users.contains(wanted.name)) return exists_already("User", wanted.name);
  if ((*account)->users.size() >= kUsersMax) return over_limit("UsersPerAccount", kUsersMax);
  if (!wanted.boundary.empty()) {
    const Status known = check_policy_exists(**account, wanted.boundary);
    if (!known) return std::unexpected(known.error());
  }
  User user;
  user.id = make_unique_id(kUserIdPrefix, draft.random());
  user.name = std::move(wanted.name);
  user.path = std::move(wanted.path);
  user.created = draft.now();
  user.tags = std::move(wanted.tags);
  user.grants.boundary = std::move(wanted.boundary);
  draft.put(tenant, user);
  return user;
}

Status update_user(Draft& draft, TenantId tenant, std::string_view name,
                   std::optional<std::string> new_name, std::optional<std::string> new_path) {
  Result<User> user = find_user(draft, tenant, name);
  if (!user) return std::unexpected(user.error());
  if (new_path) {
    if (const Status checked = check_path(*new_path); !checked) return checked;
    user->path = std::move(*new_path);
  }
  if (!new_name || *new_name == user->name) {
    draft.put(tenant, std::move(*user));
    return {};
  }
  if (const Status checked = check_name(*new_name, "newUserName", kNameBytesMax); !checked) {
    return checked;
  }
  const Account& account = **draft.account(tenant);
  if (!same_name(*new_name, user->name)) {
    if (account.users.contains(*new_name)) return exists_already("User", *new_name);
  }
  const auto keys = keys_of(account, user->name);
  draft.remove(tenant, *user);
  user->name = *new_name;
  draft.put(tenant, *user);
  for (const auto& key : keys) {
    AccessKey renamed = *key;
    renamed.user = *new_name;
    draft.put(std::move(renamed));
  }
  return {};
}

Status delete_user(Draft& draft, TenantId tenant, std::string_view name) {
  const Result<User> user = find_user(draft, tenant, name);
  if (!user) return std::unexpected(user.error());
  const auto in_use = [](std::string_view what) {
    return fail(Code::kFailedPrecondition,
                "Cannot delete entity, must " + std::string(what) + " first.");
  };
  if (!user->groups.empty()) return in_use("remove users from group");
  if (!user->grants.attached.empty()) return in_use("detach all policies");
  if (!user->grants.inline_policies.empty()) return in_use("delete policies");
  if (!keys_of(**draft.account(tenant), name).empty()) return in_use("delete access keys");
  draft.remove(tenant, *user);
  return {};
}

Status delete_user_and_all(Draft& draft, TenantId tenant, std::string_view name) {
  const Result<User> user = find_user(draft, tenant, name);
  if (!user) return std::unexpected(user.error());
  for (const auto& key : keys_of(**draft.account(tenant), name)) draft.remove(*key);
  draft.remove(tenant, *user);
  return {};
}

Status set_user_disabled(Draft& draft, TenantId tenant, std::string_view name, bool disabled) {
  return change_user(draft, tenant, name, [disabled](User& user) {
    user.disabled = disabled;
    return Status();
  });
}

Status tag_user(Draft& draft, TenantId tenant, std::string_view name, const Tags& tags) {
  return change_user(draft, tenant, name, [&tags](User& user) {
    merge_tags(user.tags, tags);
    return check_tags(user.tags);
  });
}

Status untag_user(Draft& draft, TenantId tenant, std::string_view name,
                  const std::vector<std::string>& keys) {
  return change_user(draft, tenant, name, [&keys](User& user) {
    for (const std::string& key : keys) user.tags.erase(key);
    return Status();
  });
}

}  // namespace cairn::iam
