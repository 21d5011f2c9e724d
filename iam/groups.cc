#include <algorithm>

#include "iam/people.h"

namespace cairn::iam {
namespace {

Result<Group> group_of(const Draft& draft, TenantId tenant, std::string_view name) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  const auto found = (*account)->groups.find(name);
  if (found == (*account)->groups.end()) return no_such("group", name);
  return *found->second;
}

bool is_member(const User& user, std::string_view group) {
  return std::ranges::any_of(user.groups,
                             [&](const std::string& one) { return same_name(one, group); });
}

void leave(User& user, std::string_view group) {
  std::erase_if(user.groups, [&](const std::string& one) { return same_name(one, group); });
}

}  // namespace

std::vector<std::shared_ptr<const User>> members_of(const Account& account,
                                                    std::string_view group) {
  std::vector<std::shared_ptr<const User>> members;
  for (const auto& [name, user] : account.users) {
    if (is_member(*user, group)) members.push_back(user);
  }
  return members;
}

Result<Group> create_group(Draft& draft, TenantId tenant, std::string name, std::string path) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  for (const Status& checked :
       {check_name(name, "groupName", kLongNameBytesMax), check_path(path)}) {
    if (!checked) return std::unexpected(checked.error());
  }
  if ((*account)->groups.contains(name)) return exists_already("Group", name);
  if ((*account)->groups.size() >= kGroupsMax) return over_limit("GroupsPerAccount", kGroupsMax);
  Group group;
  group.id = make_unique_id(kGroupIdPrefix, draft.random());
  group.name = std::move(name);
  group.path = std::move(path);
  group.created = draft.now();
  draft.put(tenant, group);
  return group;
}

Status update_group(Draft& draft, TenantId tenant, std::string_view name,
                    std::optional<std::string> new_name, std::optional<std::string> new_path) {
  Result<Group> group = group_of(draft, tenant, name);
  if (!group) return std::unexpected(group.error());
  if (new_path) {
    if (const Status checked = check_path(*new_path); !checked) return checked;
    group->path = std::move(*new_path);
  }
  if (!new_name || *new_name == group->name) {
    draft.put(tenant, std::move(*group));
    return {};
  }
  if (const Status checked = check_name(*new_name, "newGroupName", kLongNameBytesMax); !checked) {
    return checked;
  }
  const Account& account = **draft.account(tenant);
  if (!same_name(*new_name, group->name) && account.groups.contains(*new_name)) {
    return exists_already("Group", *new_name);
  }
  const auto members = members_of(account, group->name);
  draft.remove(tenant, *group);
  for (const auto& member : members) {
    User moved = *member;
    leave(moved, group->name);
    moved.groups.push_back(*new_name);
    draft.put(tenant, std::move(moved));
  }
  group->name = std::move(*new_name);
  draft.put(tenant, std::move(*group));
  return {};
}

Status delete_group(Draft& draft, TenantId tenant, std::string_view name) {
  const Result<Group> group = group_of(draft, tenant, name);
  if (!group) return std::unexpected(group.error());
  const auto in_use = [](std::string_view what) {
    return fail(Code::kFailedPrecondition,
                "Cannot delete entity, must " + std::string(what) + " first.");
  };
  if (!members_of(**draft.account(tenant), name).empty()) return in_use("remove users from group");
  if (!group->grants.attached.empty()) return in_use("detach all policies");
  if (!group->grants.inline_policies.empty()) return in_use("delete policies");
  draft.remove(tenant, *group);
  return {};
}

Status delete_group_and_all(Draft& draft, TenantId tenant, std::string_view name) {
  const Result<Group> group = group_of(draft, tenant, name);
  if (!group) return std::unexpected(group.error());
  for (const auto& member : members_of(**draft.account(tenant), name)) {
    User left = *member;
    leave(left, name);
    draft.put(tenant, std::move(left));
  }
  draft.remove(tenant, *group);
  return {};
}

Status add_to_group(Draft& draft, TenantId tenant, std::string_view group_name,
                    std::string_view user_name) {
  const Result<Group> group = group_of(draft, tenant, group_name);
  if (!group) return std::unexpected(group.error());
  Result<User> user = find_user(draft, tenant, user_name);
  if (!user) return std::unexpected(user.error());
  if (is_member(*user, group->name)) return {};
  if (user->groups.size() >= kGroupsPerUserMax) {
    return over_limit("GroupsPerUser", kGroupsPerUserMax);
  }
  user->groups.push_back(group->name);
  draft.put(tenant, std::move(*user));
  return {};
}

Status remove_from_group(Draft& draft, TenantId tenant, std::string_view group_name,
                         std::string_view user_name) {
  const Result<Group> group = group_of(draft, tenant, group_name);
  if (!group) return std::unexpected(group.error());
  Result<User> user = find_user(draft, tenant, user_name);
  if (!user) return std::unexpected(user.error());
  if (!is_member(*user, group->name)) return {};
  leave(*user, group->name);
  draft.put(tenant, std::move(*user));
  return {};
}

}  // namespace cairn::iam
