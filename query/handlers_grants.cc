// Policies of users, groups and roles. The route's name says whose: PutUserPolicy, PutGroupPolicy.
#include "iam/grants.h"
#include "iam/managed_policies.h"
#include "query/handlers.h"

namespace cairn::query {
namespace {

Result<iam::Holder> holder_of(const Call& call) {
  const std::string_view name = call.route->name;
  const auto speaks_of = [&](std::string_view kind) {
    return name.find(kind) != std::string_view::npos;
  };
  iam::HolderKind kind = iam::HolderKind::kUser;
  std::string_view param = "UserName";
  if (speaks_of("Group")) {
    kind = iam::HolderKind::kGroup;
    param = "GroupName";
  } else if (speaks_of("Role")) {
    kind = iam::HolderKind::kRole;
    param = "RoleName";
  }
  const Result<std::string> value = required(call, param);
  if (!value) return std::unexpected(value.error());
  return iam::Holder{kind, *value};
}

std::string_view param_of(iam::HolderKind kind) {
  switch (kind) {
    case iam::HolderKind::kUser: return "UserName";
    case iam::HolderKind::kGroup: return "GroupName";
    case iam::HolderKind::kRole: break;
  }
  return "RoleName";
}

// The holder's grants as they are now.
Result<const iam::Grants*> existing(const Call& call, const iam::Holder& holder) {
  const iam::Grants* grants = iam::grants_of(call.account(), holder);
  if (grants != nullptr) return grants;
  constexpr std::string_view kNames[] = {"user", "group", "role"};
  return iam::no_such(kNames[static_cast<size_t>(holder.kind)], holder.name);
}

Result<std::string> done(const Status& status) {
  if (!status) return std::unexpected(status.error());
  return std::string();
}

}  // namespace

Result<std::string> put_inline_policy(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = holder_of(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<std::string> name = required(call, "PolicyName");
  if (!name) return std::unexpected(name.error());
  const Result<std::string> document = required(call, "PolicyDocument");
  if (!document) return std::unexpected(document.error());
  return done(iam::put_inline_policy(draft, call.tenant, *holder, *name, *document));
}

Result<std::string> get_inline_policy(const Call& call) {
  const Result<iam::Holder> holder = holder_of(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<std::string> name = required(call, "PolicyName");
  if (!name) return std::unexpected(name.error());
  const Result<const iam::Grants*> grants = existing(call, *holder);
  if (!grants) return std::unexpected(grants.error());
  const auto found = (*grants)->inline_policies.find(*name);
  if (found == (*grants)->inline_policies.end()) return iam::no_such("policy", *name);
  std::string out;
  s3::XmlWriter xml(out);
  xml.element(param_of(holder->kind), holder->name);
  xml.element("PolicyName", found->first);
  xml.element("PolicyDocument", encoded_document(found->second));
  return out;
}

Result<std::string> delete_inline_policy(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = holder_of(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<std::string> name = required(call, "PolicyName");
  if (!name) return std::unexpected(name.error());
  return done(iam::delete_inline_policy(draft, call.tenant, *holder, *name));
}

Result<std::string> list_inline_policies(const Call& call) {
  const Result<iam::Holder> holder = holder_of(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<const iam::Grants*> grants = existing(call, *holder);
  if (!grants) return std::unexpected(grants.error());
  const iam::Tags sorted((*grants)->inline_policies.begin(), (*grants)->inline_policies.end());
  std::map<std::string, std::string, iam::NameLess> by_name(sorted.begin(), sorted.end());
  return render_page(
      call, "PolicyNames", by_name,
      [](const auto& policy) -> std::string_view { return policy.first; },
      [](s3::XmlWriter& xml, const auto& policy) { xml.text(policy.first); });
}

Result<std::string> attach_policy(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = holder_of(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<std::string> arn = required(call, "PolicyArn");
  if (!arn) return std::unexpected(arn.error());
  return done(iam::attach_policy(draft, call.tenant, *holder, *arn));
}

Result<std::string> detach_policy(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = holder_of(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<std::string> arn = required(call, "PolicyArn");
  if (!arn) return std::unexpected(arn.error());
  return done(iam::detach_policy(draft, call.tenant, *holder, *arn));
}

Result<std::string> list_attached_policies(const Call& call) {
  const Result<iam::Holder> holder = holder_of(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<const iam::Grants*> grants = existing(call, *holder);
  if (!grants) return std::unexpected(grants.error());
  std::map<std::string, std::string, iam::NameLess> by_name;  // Name to ARN.
  for (const std::string& arn : (*grants)->attached) {
    by_name.emplace(std::string(iam::parse_iam_arn(arn)->name), arn);
  }
  return render_page(
      call, "AttachedPolicies", by_name,
      [](const auto& policy) -> std::string_view { return policy.first; },
      [](s3::XmlWriter& xml, const auto& policy) {
        xml.element("PolicyName", policy.first);
        xml.element("PolicyArn", policy.second);
      });
}

}  // namespace cairn::query
