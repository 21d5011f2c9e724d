// Roles and identity providers.
#include "iam/grants.h"
#include "iam/roles.h"
#include "query/handlers.h"
#include "query/shapes.h"

namespace cairn::query {
namespace {

Result<std::string> done(const Status& status) {
  if (!status) return std::unexpected(status.error());
  return std::string();
}

std::string render_role(iam::TenantId tenant, const iam::Role& role) {
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("Role");
  append_role(xml, tenant, role);
  xml.close("Role");
  return out;
}

Result<std::optional<uint32_t>> seconds_param(const Call& call) {
  const std::optional<std::string_view> text = call.params.find("MaxSessionDuration");
  if (!text) return std::nullopt;
  const std::optional<uint64_t> number = parse_number(*text);
  if (!number || *number > iam::kRoleSessionSecondsMax) {
    return fail(Code::kInvalidArgument, "MaxSessionDuration must be from 3600 to 43200 seconds.");
  }
  return static_cast<uint32_t>(*number);
}

Result<iam::Holder> role_holder(const Call& call) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  return iam::Holder{iam::HolderKind::kRole, *name};
}

void append_texts(s3::XmlWriter& xml, std::string_view tag, const std::vector<std::string>& list) {
  xml.open(tag);
  for (const std::string& one : list) xml.element("member", one);
  xml.close(tag);
}

}  // namespace

Result<std::string> create_role(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  const Result<std::string> trust = required(call, "AssumeRolePolicyDocument");
  if (!trust) return std::unexpected(trust.error());
  const Result<std::optional<uint32_t>> seconds = seconds_param(call);
  if (!seconds) return std::unexpected(seconds.error());
  iam::NewRole wanted;
  wanted.name = *name;
  wanted.trust_policy = *trust;
  if (!call.params.get("Path").empty()) wanted.path = call.params.text("Path");
  wanted.description = call.params.text("Description");
  wanted.boundary = call.params.text("PermissionsBoundary");
  wanted.tags = call.params.tags("Tags");
  if (*seconds) wanted.session_seconds_max = **seconds;
  const Result<iam::Role> role = iam::create_role(draft, call.tenant, std::move(wanted));
  if (!role) return std::unexpected(role.error());
  return render_role(call.tenant, *role);
}

Result<std::string> get_role(const Call& call) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  const auto found = call.account().roles.find(*name);
  if (found == call.account().roles.end()) return iam::no_such("role", *name);
  return render_role(call.tenant, *found->second);
}

Result<std::string> delete_role(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  return done(iam::delete_role(draft, call.tenant, *name));
}

Result<std::string> list_roles(const Call& call) {
  const std::string_view prefix = call.params.get("PathPrefix");
  std::vector<std::shared_ptr<const iam::Role>> roles;
  for (const auto& [name, role] : call.account().roles) {
    if (role->path.starts_with(prefix)) roles.push_back(role);
  }
  return render_page(
      call, "Roles", roles, [](const auto& role) -> std::string_view { return role->name; },
      [&](s3::XmlWriter& xml, const auto& role) { append_role(xml, call.tenant, *role); });
}

Result<std::string> update_role(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  const Result<std::optional<uint32_t>> seconds = seconds_param(call);
  if (!seconds) return std::unexpected(seconds.error());
  return done(iam::update_role(draft, call.tenant, *name, call.params.optional_text("Description"),
                               *seconds));
}

Result<std::string> update_role_description(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  const Result<std::string> description = required(call, "Description");
  if (!description) return std::unexpected(description.error());
  const Status updated = iam::update_role(draft, call.tenant, *name, *description, std::nullopt);
  if (!updated) return std::unexpected(updated.error());
  return render_role(call.tenant, *(*draft.account(call.tenant))->roles.find(*name)->second);
}

Result<std::string> tag_role(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  return done(iam::tag_role(draft, call.tenant, *name, call.params.tags("Tags")));
}

Result<std::string> untag_role(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  return done(iam::untag_role(draft, call.tenant, *name, call.params.list("TagKeys")));
}

Result<std::string> list_role_tags(const Call& call) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  const auto found = call.account().roles.find(*name);
  if (found == call.account().roles.end()) return iam::no_such("role", *name);
  return render_tags(call, found->second->tags);
}

Result<std::string> update_assume_role_policy(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "RoleName");
  if (!name) return std::unexpected(name.error());
  const Result<std::string> document = required(call, "PolicyDocument");
  if (!document) return std::unexpected(document.error());
  return done(iam::update_trust_policy(draft, call.tenant, *name, *document));
}

Result<std::string> put_role_boundary(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = role_holder(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<std::string> arn = required(call, "PermissionsBoundary");
  if (!arn) return std::unexpected(arn.error());
  return done(iam::set_boundary(draft, call.tenant, *holder, *arn));
}

Result<std::string> delete_role_boundary(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = role_holder(call);
  if (!holder) return std::unexpected(holder.error());
  return done(iam::set_boundary(draft, call.tenant, *holder, {}));
}

Result<std::string> create_provider(const Call& call, iam::Draft& draft) {
  const Result<std::string> url = required(call, "Url");
  if (!url) return std::unexpected(url.error());
  const Result<iam::OidcProvider> provider =
      iam::create_provider(draft, call.tenant, *url, call.params.list("ClientIDList"),
                           call.params.list("ThumbprintList"), call.context->allow_http_issuers);
  if (!provider) return std::unexpected(provider.error());
  std::string out;
  s3::XmlWriter xml(out);
  xml.element("OpenIDConnectProviderArn", iam::provider_arn(call.tenant, provider->url));
  return out;
}

Result<std::string> get_provider(const Call& call) {
  const Result<std::string> arn = required(call, "OpenIDConnectProviderArn");
  if (!arn) return std::unexpected(arn.error());
  const std::optional<iam::IamArn> parsed = iam::parse_iam_arn(*arn);
  const auto& providers = call.account().providers;
  const bool is_ours = parsed && parsed->account == call.tenant && parsed->type == "oidc-provider";
  const auto found = is_ours ? providers.find(parsed->name) : providers.end();
  if (found == providers.end()) {
    return fail(Code::kNotFound, "OpenIDConnect Provider not found for arn " + *arn);
  }
  std::string out;
  s3::XmlWriter xml(out);
  xml.element("Url", found->second->url);
  xml.element("CreateDate", found->second->created);
  append_texts(xml, "ClientIDList", found->second->client_ids);
  append_texts(xml, "ThumbprintList", found->second->thumbprints);
  return out;
}

Result<std::string> delete_provider(const Call& call, iam::Draft& draft) {
  const Result<std::string> arn = required(call, "OpenIDConnectProviderArn");
  if (!arn) return std::unexpected(arn.error());
  return done(iam::delete_provider(draft, call.tenant, *arn));
}

Result<std::string> add_client_id(const Call& call, iam::Draft& draft) {
  const Result<std::string> arn = required(call, "OpenIDConnectProviderArn");
  if (!arn) return std::unexpected(arn.error());
  const Result<std::string> id = required(call, "ClientID");
  if (!id) return std::unexpected(id.error());
  return done(iam::add_client_id(draft, call.tenant, *arn, *id));
}

Result<std::string> remove_client_id(const Call& call, iam::Draft& draft) {
  const Result<std::string> arn = required(call, "OpenIDConnectProviderArn");
  if (!arn) return std::unexpected(arn.error());
  const Result<std::string> id = required(call, "ClientID");
  if (!id) return std::unexpected(id.error());
  return done(iam::remove_client_id(draft, call.tenant, *arn, *id));
}

Result<std::string> set_thumbprints(const Call& call, iam::Draft& draft) {
  const Result<std::string> arn = required(call, "OpenIDConnectProviderArn");
  if (!arn) return std::unexpected(arn.error());
  return done(iam::set_thumbprints(draft, call.tenant, *arn, call.params.list("ThumbprintList")));
}

Result<std::string> list_providers(const Call& call) {
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("OpenIDConnectProviderList");
  for (const auto& [url, provider] : call.account().providers) {
    xml.open("member");
    xml.element("Arn", iam::provider_arn(call.tenant, provider->url));
    xml.close("member");
  }
  xml.close("OpenIDConnectProviderList");
  return out;
}

}  // namespace cairn::query
