#include "iam/grants.h"
#include "iam/managed_policies.h"
#include "iam/people.h"
#include "query/handlers.h"
#include "query/shapes.h"

namespace cairn::query {
namespace {

std::string path_param(const Call& call) {
  const std::string_view path = call.params.get("Path");
  return path.empty() ? "/" : std::string(path);
}

std::string render_user(iam::TenantId tenant, const iam::User& user) {
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("User");
  append_user(xml, tenant, user);
  xml.close("User");
  return out;
}

// The account itself, where GetUser of the root names no user.
std::string render_root(const Call& call) {
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("User");
  xml.element("UserId", iam::account_number(call.tenant));
  xml.element("Arn", iam::root_arn(call.tenant));
  xml.element("CreateDate", call.account().tenant->created);
  xml.close("User");
  return out;
}

Result<std::string> done(const Status& status) {
  if (!status) return std::unexpected(status.error());
  return std::string();
}

Result<iam::Holder> user_holder(const Call& call) {
  const Result<std::string> name = required(call, "UserName");
  if (!name) return std::unexpected(name.error());
  return iam::Holder{iam::HolderKind::kUser, *name};
}

}  // namespace

Result<std::string> create_user(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "UserName");
  if (!name) return std::unexpected(name.error());
  iam::NewUser wanted;
  wanted.name = *name;
  wanted.path = path_param(call);
  wanted.tags = call.params.tags("Tags");
  wanted.boundary = call.params.text("PermissionsBoundary");
  const Result<iam::User> user = iam::create_user(draft, call.tenant, std::move(wanted));
  if (!user) return std::unexpected(user.error());
  return render_user(call.tenant, *user);
}

Result<std::string> get_user(const Call& call) {
  const Result<std::string> name = call.user_param();
  if (!name) return std::unexpected(name.error());
  if (name->empty()) return render_root(call);
  const auto found = call.account().users.find(*name);
  if (found == call.account().users.end()) return iam::no_such("user", *name);
  return render_user(call.tenant, *found->second);
}

Result<std::string> update_user(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "UserName");
  if (!name) return std::unexpected(name.error());
  return done(iam::update_user(draft, call.tenant, *name, call.params.optional_text("NewUserName"),
                               call.params.optional_text("NewPath")));
}

Result<std::string> delete_user(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "UserName");
  if (!name) return std::unexpected(name.error());
  return done(iam::delete_user(draft, call.tenant, *name));
}

Result<std::string> list_users(const Call& call) {
  const std::string_view prefix = call.params.get("PathPrefix");
  std::vector<std::shared_ptr<const iam::User>> users;
  for (const auto& [name, user] : call.account().users) {
    if (user->path.starts_with(prefix)) users.push_back(user);
  }
  return render_page(
      call, "Users", users, [](const auto& user) -> std::string_view { return user->name; },
      [&](s3::XmlWriter& xml, const auto& user) { append_user(xml, call.tenant, *user); });
}

Result<std::string> tag_user(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "UserName");
  if (!name) return std::unexpected(name.error());
  return done(iam::tag_user(draft, call.tenant, *name, call.params.tags("Tags")));
}

Result<std::string> untag_user(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "UserName");
  if (!name) return std::unexpected(name.error());
  return done(iam::untag_user(draft, call.tenant, *name, call.params.list("TagKeys")));
}

Result<std::string> list_user_tags(const Call& call) {
  const Result<std::string> name = required(call, "UserName");
  if (!name) return std::unexpected(name.error());
  const auto found = call.account().users.find(*name);
  if (found == call.account().users.end()) return iam::no_such("user", *name);
  return render_tags(call, found->second->tags);
}

Result<std::string> put_user_boundary(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = user_holder(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<std::string> arn = required(call, "PermissionsBoundary");
  if (!arn) return std::unexpected(arn.error());
  return done(iam::set_boundary(draft, call.tenant, *holder, *arn));
}

Result<std::string> delete_user_boundary(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = user_holder(call);
  if (!holder) return std::unexpected(holder.error());
  return done(iam::set_boundary(draft, call.tenant, *holder, {}));
}

Result<std::string> get_account_summary(const Call& call) {
  const iam::Account& account = call.account();
  const std::pair<std::string_view, uint64_t> entries[] = {
      {"Users", account.users.size()},
      {"UsersQuota", iam::kUsersMax},
      {"Groups", account.groups.size()},
      {"GroupsQuota", iam::kGroupsMax},
      {"GroupsPerUserQuota", iam::kGroupsPerUserMax},
      {"Roles", account.roles.size()},
      {"RolesQuota", iam::kRolesMax},
      {"Policies", account.policies.size()},
      {"PoliciesQuota", iam::kPoliciesMax},
      {"PolicySizeQuota", iam::kManagedPolicyBytesMax},
      {"VersionsPerPolicyQuota", iam::kPolicyVersionsMax},
      {"AttachedPoliciesPerUserQuota", iam::kAttachedMax},
      {"AccessKeysPerUserQuota", iam::kKeysPerUserMax},
      {"Providers", account.providers.size()},
  };
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("SummaryMap");
  for (const auto& [name, value] : entries) {
    xml.open("entry");
    xml.element("key", name);
    xml.element("value", value);
    xml.close("entry");
  }
  xml.close("SummaryMap");
  return out;
}

// The tenant's name is the account's one alias.
Result<std::string> list_account_aliases(const Call& call) {
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("AccountAliases");
  xml.element("member", call.account().tenant->name);
  xml.close("AccountAliases");
  xml.element("IsTruncated", false);
  return out;
}

}  // namespace cairn::query
