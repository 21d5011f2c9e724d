#include "query/shapes.h"

#include "iam/grants.h"
#include "iam/managed_policies.h"

namespace cairn::query {
namespace {

void append_boundary(s3::XmlWriter& xml, const iam::Grants& grants) {
  if (grants.boundary.empty()) return;
  xml.open("PermissionsBoundary");
  xml.element("PermissionsBoundaryType", "Policy");
  xml.element("PermissionsBoundaryArn", grants.boundary);
  xml.close("PermissionsBoundary");
}

}  // namespace

std::string arn_of(iam::TenantId tenant, const iam::ManagedPolicy& policy) {
  const std::string builtin = iam::builtin_policy_arn(policy);
  if (iam::builtin_policy(builtin).get() == &policy) return builtin;
  return iam::policy_arn(tenant, policy.path, policy.name);
}

void append_user(s3::XmlWriter& xml, iam::TenantId tenant, const iam::User& user) {
  xml.element("Path", user.path);
  xml.element("UserName", user.name);
  xml.element("UserId", user.id);
  xml.element("Arn", iam::user_arn(tenant, user.path, user.name));
  xml.element("CreateDate", user.created);
  append_boundary(xml, user.grants);
  if (!user.tags.empty()) append_tags(xml, user.tags);
}

void append_group(s3::XmlWriter& xml, iam::TenantId tenant, const iam::Group& group) {
  xml.element("Path", group.path);
  xml.element("GroupName", group.name);
  xml.element("GroupId", group.id);
  xml.element("Arn", iam::group_arn(tenant, group.path, group.name));
  xml.element("CreateDate", group.created);
}

void append_role(s3::XmlWriter& xml, iam::TenantId tenant, const iam::Role& role) {
  xml.element("Path", role.path);
  xml.element("RoleName", role.name);
  xml.element("RoleId", role.id);
  xml.element("Arn", iam::role_arn(tenant, role.path, role.name));
  xml.element("CreateDate", role.created);
  xml.element("AssumeRolePolicyDocument", encoded_document(role.trust_policy));
  if (!role.description.empty()) xml.element("Description", role.description);
  xml.element("MaxSessionDuration", uint64_t{role.session_seconds_max});
  append_boundary(xml, role.grants);
  if (!role.tags.empty()) append_tags(xml, role.tags);
}

void append_policy(s3::XmlWriter& xml, const iam::Account& account,
                   const iam::ManagedPolicy& policy, bool with_text) {
  const std::string arn = arn_of(account.tenant->id, policy);
  const iam::PolicyUses uses = iam::uses_of(account, arn);
  xml.element("PolicyName", policy.name);
  xml.element("PolicyId", policy.id);
  xml.element("Arn", arn);
  xml.element("Path", policy.path);
  xml.element("DefaultVersionId", "v" + std::to_string(policy.default_version));
  xml.element("AttachmentCount", uint64_t{uses.attached.size()});
  xml.element("PermissionsBoundaryUsageCount", uint64_t{uses.boundary_of.size()});
  xml.element("IsAttachable", true);
  if (with_text && !policy.description.empty()) xml.element("Description", policy.description);
  xml.element("CreateDate", policy.created);
  xml.element("UpdateDate", policy.updated);
  if (with_text && !policy.tags.empty()) append_tags(xml, policy.tags);
}

Result<std::string> render_tags(const Call& call, const iam::Tags& tags) {
  return render_page(
      call, "Tags", tags, [](const auto& tag) -> std::string_view { return tag.first; },
      [](s3::XmlWriter& xml, const auto& tag) {
        xml.element("Key", tag.first);
        xml.element("Value", tag.second);
      });
}

}  // namespace cairn::query
