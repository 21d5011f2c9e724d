#include "iam/people.h"
#include "query/handlers.h"

namespace cairn::query {
namespace {

// Who is called "root" here has no name.
std::string shown_user(std::string_view user) {
  return user.empty() ? "root" : std::string(user);
}

}  // namespace

Result<std::string> create_access_key(const Call& call, iam::Draft& draft) {
  const Result<std::string> user = call.user_param();
  if (!user) return std::unexpected(user.error());
  iam::NewKey wanted;
  wanted.user = *user;
  const Result<iam::AccessKey> key = iam::create_access_key(draft, call.tenant, std::move(wanted));
  if (!key) return std::unexpected(key.error());
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("AccessKey");
  xml.element("UserName", shown_user(key->user));
  xml.element("AccessKeyId", key->access_key);
  xml.element("Status", "Active");
  xml.element("SecretAccessKey", key->secret);
  xml.element("CreateDate", key->created);
  xml.close("AccessKey");
  return out;
}

Result<std::string> update_access_key(const Call& call, iam::Draft& draft) {
  const Result<std::string> id = required(call, "AccessKeyId");
  if (!id) return std::unexpected(id.error());
  const std::string_view status = call.params.get("Status");
  if (status != "Active" && status != "Inactive") {
    return fail(Code::kInvalidArgument, "Status must be Active or Inactive.");
  }
  const Result<std::string> user = call.user_param();
  if (!user) return std::unexpected(user.error());
  const Status set = iam::set_access_key_active(draft, call.tenant, *user, *id, status == "Active");
  if (!set) return std::unexpected(set.error());
  return std::string();
}

Result<std::string> delete_access_key(const Call& call, iam::Draft& draft) {
  const Result<std::string> id = required(call, "AccessKeyId");
  if (!id) return std::unexpected(id.error());
  const Result<std::string> user = call.user_param();
  if (!user) return std::unexpected(user.error());
  const Status deleted = iam::delete_access_key(draft, call.tenant, *user, *id);
  if (!deleted) return std::unexpected(deleted.error());
  return std::string();
}

Result<std::string> list_access_keys(const Call& call) {
  const Result<std::string> user = call.user_param();
  if (!user) return std::unexpected(user.error());
  if (!user->empty() && !call.account().users.contains(*user)) return iam::no_such("user", *user);
  return render_page(
      call, "AccessKeyMetadata", iam::keys_of(call.account(), *user),
      [](const auto& key) -> std::string_view { return key->access_key; },
      [](s3::XmlWriter& xml, const auto& key) {
        xml.element("UserName", shown_user(key->user));
        xml.element("AccessKeyId", key->access_key);
        xml.element("Status", key->active ? "Active" : "Inactive");
        xml.element("CreateDate", key->created);
      });
}

Result<std::string> get_access_key_last_used(const Call& call) {
  const Result<std::string> id = required(call, "AccessKeyId");
  if (!id) return std::unexpected(id.error());
  const iam::AccessKey* key = call.directory->access_key(*id);
  if (key == nullptr || key->tenant != call.tenant) {
    return fail(Code::kNotFound, "The Access Key with id " + *id + " cannot be found.");
  }
  std::string out;
  s3::XmlWriter xml(out);
  xml.element("UserName", shown_user(key->user));
  xml.open("AccessKeyLastUsed");
  const std::optional<WallTime> used = call.context->store->last_used(*id);
  if (used) xml.element("LastUsedDate", *used);
  xml.element("ServiceName", used ? "s3" : "N/A");
  xml.element("Region", used ? "us-east-1" : "N/A");
  xml.close("AccessKeyLastUsed");
  return out;
}

}  // namespace cairn::query
