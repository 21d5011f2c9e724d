// Managed policies.
#include "iam/grants.h"
#include "iam/managed_policies.h"
#include "query/handlers.h"
#include "query/shapes.h"

namespace cairn::query {
namespace {

using PolicyPointer = std::shared_ptr<const iam::ManagedPolicy>;

Result<PolicyPointer> named_policy(const Call& call) {
  const Result<std::string> arn = required(call, "PolicyArn");
  if (!arn) return std::unexpected(arn.error());
  PolicyPointer policy = iam::find_policy(call.account(), *arn);
  if (policy != nullptr) return policy;
  return fail(Code::kNotFound, "Policy " + *arn + " was not found.");
}

// "v3" -> 3
Result<uint32_t> version_param(const Call& call) {
  const Result<std::string> text = required(call, "VersionId");
  if (!text) return std::unexpected(text.error());
  const std::optional<uint64_t> number =
      text->starts_with('v') ? parse_number(std::string_view(*text).substr(1)) : std::nullopt;
  if (!number || *number > UINT32_MAX) {
    return fail(Code::kInvalidArgument,
                "The specified value for versionId is invalid: v1, v2, ...");
  }
  return static_cast<uint32_t>(*number);
}

void append_version(s3::XmlWriter& xml, const iam::PolicyVersion& version, bool is_default,
                    bool with_document) {
  if (with_document) xml.element("Document", encoded_document(version.document));
  xml.element("VersionId", "v" + std::to_string(version.number));
  xml.element("IsDefaultVersion", is_default);
  xml.element("CreateDate", version.created);
}

std::string render_policy(const Call& call, const iam::Account& account,
                          const iam::ManagedPolicy& policy) {
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("Policy");
  append_policy(xml, account, policy, true);
  xml.close("Policy");
  static_cast<void>(call);
  return out;
}

Result<std::string> done(const Status& status) {
  if (!status) return std::unexpected(status.error());
  return std::string();
}

}  // namespace

Result<std::string> create_policy(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "PolicyName");
  if (!name) return std::unexpected(name.error());
  const Result<std::string> document = required(call, "PolicyDocument");
  if (!document) return std::unexpected(document.error());
  iam::NewPolicy wanted;
  wanted.name = *name;
  wanted.document = *document;
  if (!call.params.get("Path").empty()) wanted.path = call.params.text("Path");
  wanted.description = call.params.text("Description");
  wanted.tags = call.params.tags("Tags");
  const Result<iam::ManagedPolicy> policy =
      iam::create_policy(draft, call.tenant, std::move(wanted));
  if (!policy) return std::unexpected(policy.error());
  return render_policy(call, **draft.account(call.tenant), *policy);
}

Result<std::string> get_policy(const Call& call) {
  const Result<PolicyPointer> policy = named_policy(call);
  if (!policy) return std::unexpected(policy.error());
  return render_policy(call, call.account(), **policy);
}

Result<std::string> delete_policy(const Call& call, iam::Draft& draft) {
  const Result<std::string> arn = required(call, "PolicyArn");
  if (!arn) return std::unexpected(arn.error());
  return done(iam::delete_policy(draft, call.tenant, *arn));
}

Result<std::string> list_policies(const Call& call) {
  const std::string_view scope = call.params.get("Scope");
  const std::string_view prefix = call.params.get("PathPrefix");
  const bool only_attached = call.params.get("OnlyAttached") == "true";
  const iam::Account& account = call.account();
  std::map<std::string, PolicyPointer, iam::NameLess> listed;
  const auto add = [&](const PolicyPointer& policy) {
    if (!policy->path.starts_with(prefix)) return;
    if (only_attached && iam::uses_of(account, arn_of(call.tenant, *policy)).attached.empty()) {
      return;
    }
    listed.emplace(policy->name, policy);
  };
  if (scope != "AWS") {
    for (const auto& [name, policy] : account.policies) add(policy);
  }
  if (scope != "Local") {
    for (const PolicyPointer& policy : iam::builtin_policies()) add(policy);
  }
  return render_page(
      call, "Policies", listed, [](const auto& entry) -> std::string_view { return entry.first; },
      [&](s3::XmlWriter& xml, const auto& entry) {
        append_policy(xml, account, *entry.second, false);
      });
}

Result<std::string> create_policy_version(const Call& call, iam::Draft& draft) {
  const Result<std::string> arn = required(call, "PolicyArn");
  if (!arn) return std::unexpected(arn.error());
  const Result<std::string> document = required(call, "PolicyDocument");
  if (!document) return std::unexpected(document.error());
  const bool as_default = call.params.get("SetAsDefault") == "true";
  const Result<iam::PolicyVersion> version =
      iam::create_policy_version(draft, call.tenant, *arn, *document, as_default);
  if (!version) return std::unexpected(version.error());
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("PolicyVersion");
  append_version(xml, *version, as_default, false);
  xml.close("PolicyVersion");
  return out;
}

Result<std::string> get_policy_version(const Call& call) {
  const Result<PolicyPointer> policy = named_policy(call);
  if (!policy) return std::unexpected(policy.error());
  const Result<uint32_t> number = version_param(call);
  if (!number) return std::unexpected(number.error());
  const iam::PolicyVersion* version = (*policy)->version(*number);
  if (version == nullptr) {
    return fail(Code::kNotFound, "Policy version v" + std::to_string(*number) + " does not exist.");
  }
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("PolicyVersion");
  append_version(xml, *version, version->number == (*policy)->default_version, true);
  xml.close("PolicyVersion");
  return out;
}

Result<std::string> delete_policy_version(const Call& call, iam::Draft& draft) {
  const Result<std::string> arn = required(call, "PolicyArn");
  if (!arn) return std::unexpected(arn.error());
  const Result<uint32_t> number = version_param(call);
  if (!number) return std::unexpected(number.error());
  return done(iam::delete_policy_version(draft, call.tenant, *arn, *number));
}

Result<std::string> list_policy_versions(const Call& call) {
  const Result<PolicyPointer> policy = named_policy(call);
  if (!policy) return std::unexpected(policy.error());
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("Versions");
  for (const iam::PolicyVersion& version : (*policy)->versions) {
    xml.open("member");
    append_version(xml, version, version.number == (*policy)->default_version, false);
    xml.close("member");
  }
  xml.close("Versions");
  xml.element("IsTruncated", false);
  return out;
}

Result<std::string> set_default_policy_version(const Call& call, iam::Draft& draft) {
  const Result<std::string> arn = required(call, "PolicyArn");
  if (!arn) return std::unexpected(arn.error());
  const Result<uint32_t> number = version_param(call);
  if (!number) return std::unexpected(number.error());
  return done(iam::set_default_policy_version(draft, call.tenant, *arn, *number));
}

Result<std::string> list_entities_for_policy(const Call& call) {
  const Result<PolicyPointer> policy = named_policy(call);
  if (!policy) return std::unexpected(policy.error());
  const iam::Account& account = call.account();
  const iam::PolicyUses uses = iam::uses_of(account, call.params.get("PolicyArn"));
  std::string out;
  s3::XmlWriter xml(out);
  const auto show = [&](std::string_view tag, iam::HolderKind kind, std::string_view name_tag,
                        std::string_view id_tag, const auto& names) {
    xml.open(tag);
    for (const iam::Holder& holder : uses.attached) {
      if (holder.kind != kind) continue;
      xml.open("member");
      xml.element(name_tag, holder.name);
      xml.element(id_tag, names.find(holder.name)->second->id);
      xml.close("member");
    }
    xml.close(tag);
  };
  show("PolicyGroups", iam::HolderKind::kGroup, "GroupName", "GroupId", account.groups);
  show("PolicyUsers", iam::HolderKind::kUser, "UserName", "UserId", account.users);
  show("PolicyRoles", iam::HolderKind::kRole, "RoleName", "RoleId", account.roles);
  xml.element("IsTruncated", false);
  return out;
}

}  // namespace cairn::query
