// The serialised form of accounts.
#include <algorithm>

#include "iam/rows.h"
#include "proto/iam.pb.h"

namespace cairn::iam::rows {
namespace {

template <typename Message>
Status parse_message(Message& message, BytesView bytes) {
  if (bytes.size() <= kRecordBytesMax &&
      message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return {};
  }
  return fail(Code::kCorruption, "a record of the accounts does not parse");
}

template <typename List>
void put_list(const std::vector<std::string>& from, List* to) {
  for (const std::string& one : from) to->Add()->assign(one);
}
template <typename List>
std::vector<std::string> take_list(const List& from) {
  return {from.begin(), from.end()};
}

template <typename List>
void put_tags(const Tags& from, List* to) {
  for (const auto& [key, value] : from) {
    proto::IamTag* tag = to->Add();
    tag->set_key(key);
    tag->set_value(value);
  }
}
template <typename List>
Tags take_tags(const List& from) {
  Tags tags;
  for (const proto::IamTag& tag : from) tags.emplace(tag.key(), tag.value());
  return tags;
}

void put_entity(const Entity& from, proto::IamEntity* to) {
  to->set_id(from.id);
  to->set_name(from.name);
  to->set_path(from.path);
  to->set_created_unix_ms(from.created.unix_ms);
  put_tags(from.tags, to->mutable_tags());
}
void take_entity(const proto::IamEntity& from, Entity& to) {
  to.id = from.id();
  to.name = from.name();
  to.path = from.path();
  to.created = WallTime{from.created_unix_ms()};
  to.tags = take_tags(from.tags());
}

void put_grants(const Grants& from, proto::IamGrants* to) {
  for (const auto& [name, document] : from.inline_policies) {
    proto::IamInlinePolicy* policy = to->add_inline_policies();
    policy->set_name(name);
    policy->set_document(document);
  }
  put_list(from.attached, to->mutable_attached());
  to->set_boundary(from.boundary);
}
Grants take_grants(const proto::IamGrants& from) {
  Grants to;
  for (const proto::IamInlinePolicy& policy : from.inline_policies()) {
    to.inline_policies.emplace(policy.name(), policy.document());
  }
  to.attached = take_list(from.attached());
  to.boundary = from.boundary();
  return to;
}

}  // namespace

std::string encode(const Tenant& value) {
  proto::IamTenant out;
  out.set_id(value.id.value);
  out.set_name(value.name);
  out.set_created_unix_ms(value.created.unix_ms);
  out.set_isolated(value.isolated);
  return out.SerializeAsString();
}

Status decode(BytesView record, Tenant& out) {
  proto::IamTenant in;
  if (const Status parsed = parse_message(in, record); !parsed) return parsed;
  out.id = TenantId{in.id()};
  out.name = in.name();
  out.created = WallTime{in.created_unix_ms()};
  out.isolated = in.isolated();
  return {};
}

std::string encode(const User& value) {
  proto::IamUser out;
  put_entity(value, out.mutable_entity());
  put_grants(value.grants, out.mutable_grants());
  put_list(value.groups, out.mutable_groups());
  out.set_disabled(value.disabled);
  return out.SerializeAsString();
}

Status decode(BytesView record, User& out) {
  proto::IamUser in;
  if (const Status parsed = parse_message(in, record); !parsed) return parsed;
  take_entity(in.entity(), out);
  out.grants = take_grants(in.grants());
  out.groups = take_list(in.groups());
  out.disabled = in.disabled();
  return {};
}

std::string encode(const Group& value) {
  proto::IamGroup out;
  put_entity(value, out.mutable_entity());
  put_grants(value.grants, out.mutable_grants());
  return out.SerializeAsString();
}

Status decode(BytesView record, Group& out) {
  proto::IamGroup in;
  if (const Status parsed = parse_message(in, record); !parsed) return parsed;
  take_entity(in.entity(), out);
  out.grants = take_grants(in.grants());
  return {};
}

std::string encode(const Role& value) {
  proto::IamRole out;
  put_entity(value, out.mutable_entity());
  put_grants(value.grants, out.mutable_grants());
  out.set_trust_policy(value.trust_policy);
  out.set_description(value.description);
  out.set_session_seconds_max(value.session_seconds_max);
  return out.SerializeAsString();
}

Status decode(BytesView record, Role& out) {
  proto::IamRole in;
  if (const Status parsed = parse_message(in, record); !parsed) return parsed;
  take_entity(in.entity(), out);
  out.grants = take_grants(in.grants());
  out.trust_policy = in.trust_policy();
  out.description = in.description();
  out.session_seconds_max = in.session_seconds_max();
  return {};
}

std::string encode(const ManagedPolicy& value) {
  proto::IamManagedPolicy out;
  put_entity(value, out.mutable_entity());
  out.set_description(value.description);
  for (const PolicyVersion& version : value.versions) {
    proto::IamPolicyVersion* to = out.add_versions();
    to->set_number(version.number);
    to->set_document(version.document);
    to->set_created_unix_ms(version.created.unix_ms);
  }
  out.set_default_version(value.default_version);
  out.set_last_version(value.last_version);
  out.set_updated_unix_ms(value.updated.unix_ms);
  return out.SerializeAsString();
}

Status decode(BytesView record, ManagedPolicy& out) {
  proto::IamManagedPolicy in;
  if (const Status parsed = parse_message(in, record); !parsed) return parsed;
  take_entity(in.entity(), out);
  out.description = in.description();
  for (const proto::IamPolicyVersion& version : in.versions()) {
    out.versions.push_back(
        {version.number(), version.document(), WallTime{version.created_unix_ms()}});
  }
  out.default_version = in.default_version();
  out.last_version = in.last_version();
  out.updated = WallTime{in.updated_unix_ms()};
  if (out.version(out.default_version) != nullptr) return {};
  return fail(Code::kCorruption, "a managed policy has no default version");
}

std::string encode(const OidcProvider& value) {
  proto::IamOidcProvider out;
  out.set_url(value.url);
  put_list(value.client_ids, out.mutable_client_ids());
  put_list(value.thumbprints, out.mutable_thumbprints());
  out.set_created_unix_ms(value.created.unix_ms);
  put_tags(value.tags, out.mutable_tags());
  out.set_is_http(value.is_http);
  return out.SerializeAsString();
}

Status decode(BytesView record, OidcProvider& out) {
  proto::IamOidcProvider in;
  if (const Status parsed = parse_message(in, record); !parsed) return parsed;
  out.url = in.url();
  out.client_ids = take_list(in.client_ids());
  out.thumbprints = take_list(in.thumbprints());
  out.created = WallTime{in.created_unix_ms()};
  out.tags = take_tags(in.tags());
  out.is_http = in.is_http();
  return {};
}

std::string encode(const AccessKey& value) {
  proto::IamAccessKey out;
  out.set_access_key(value.access_key);
  out.set_secret(value.secret);
  out.set_tenant(value.tenant.value);
  out.set_user(value.user);
  out.set_inactive(!value.active);
  out.set_created_unix_ms(value.created.unix_ms);
  out.set_policy(value.policy);
  out.set_description(value.description);
  out.set_is_service_account(value.is_service_account);
  return out.SerializeAsString();
}

Status decode(BytesView record, AccessKey& out) {
  proto::IamAccessKey in;
  if (const Status parsed = parse_message(in, record); !parsed) return parsed;
  out.access_key = in.access_key();
  out.secret = in.secret();
  out.tenant = TenantId{in.tenant()};
  out.user = in.user();
  out.active = !in.inactive();
  out.created = WallTime{in.created_unix_ms()};
  out.policy = in.policy();
  out.description = in.description();
  out.is_service_account = in.is_service_account();
  return {};
}

}  // namespace cairn::iam::rows
