#include "iam/people.h"
#include "query/handlers.h"
#include "query/shapes.h"

namespace cairn::query {
namespace {

std::string_view name_of(const std::shared_ptr<const iam::Group>& group) {
  return group->name;
}

// Changes the membership that the request names.
Result<std::string> change_membership(const Call& call, iam::Draft& draft,
                                      Status (*change)(iam::Draft&, iam::TenantId, std::string_view,
                                                       std::string_view)) {
  const Result<std::string> group = required(call, "GroupName");
  if (!group) return std::unexpected(group.error());
  const Result<std::string> user = required(call, "UserName");
  if (!user) return std::unexpected(user.error());
  const Status changed = change(draft, call.tenant, *group, *user);
  if (!changed) return std::unexpected(changed.error());
  return std::string();
}

}  // namespace

Result<std::string> create_group(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "GroupName");
  if (!name) return std::unexpected(name.error());
  const std::string_view path = call.params.get("Path");
  const Result<iam::Group> group =
      iam::create_group(draft, call.tenant, *name, path.empty() ? "/" : std::string(path));
  if (!group) return std::unexpected(group.error());
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("Group");
  append_group(xml, call.tenant, *group);
  xml.close("Group");
  return out;
}

Result<std::string> get_group(const Call& call) {
  const Result<std::string> name = required(call, "GroupName");
  if (!name) return std::unexpected(name.error());
  const auto found = call.account().groups.find(*name);
  if (found == call.account().groups.end()) return iam::no_such("group", *name);
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("Group");
  append_group(xml, call.tenant, *found->second);
  xml.close("Group");
  const Result<std::string> members = render_page(
      call, "Users", iam::members_of(call.account(), *name),
      [](const auto& user) -> std::string_view { return user->name; },
      [&](s3::XmlWriter& inner, const auto& user) { append_user(inner, call.tenant, *user); });
  if (!members) return members;
  return out + *members;
}

Result<std::string> update_group(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "GroupName");
  if (!name) return std::unexpected(name.error());
  const Status updated =
      iam::update_group(draft, call.tenant, *name, call.params.optional_text("NewGroupName"),
                        call.params.optional_text("NewPath"));
  if (!updated) return std::unexpected(updated.error());
  return std::string();
}

Result<std::string> delete_group(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "GroupName");
  if (!name) return std::unexpected(name.error());
  const Status deleted = iam::delete_group(draft, call.tenant, *name);
  if (!deleted) return std::unexpected(deleted.error());
  return std::string();
}

Result<std::string> list_groups(const Call& call) {
  const std::string_view prefix = call.params.get("PathPrefix");
  std::vector<std::shared_ptr<const iam::Group>> groups;
  for (const auto& [name, group] : call.account().groups) {
    if (group->path.starts_with(prefix)) groups.push_back(group);
  }
  return render_page(call, "Groups", groups, name_of, [&](s3::XmlWriter& xml, const auto& group) {
    append_group(xml, call.tenant, *group);
  });
}

Result<std::string> list_groups_for_user(const Call& call) {
  const Result<std::string> name = required(call, "UserName");
  if (!name) return std::unexpected(name.error());
  const auto found = call.account().users.find(*name);
  if (found == call.account().users.end()) return iam::no_such("user", *name);
  iam::ByName<iam::Group> groups;
  for (const std::string& group : found->second->groups) {
    const auto known = call.account().groups.find(group);
    if (known != call.account().groups.end()) groups.insert(*known);
  }
  return render_page(
      call, "Groups", groups, [](const auto& entry) { return name_of(entry.second); },
      [&](s3::XmlWriter& xml, const auto& entry) {
        append_group(xml, call.tenant, *entry.second);
      });
}

Result<std::string> add_user_to_group(const Call& call, iam::Draft& draft) {
  return change_membership(call, draft, iam::add_to_group);
}

Result<std::string> remove_user_from_group(const Call& call, iam::Draft& draft) {
  return change_membership(call, draft, iam::remove_from_group);
}

}  // namespace cairn::query
