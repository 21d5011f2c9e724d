#include "server/account_commands.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "iam/account.h"
#include "iam/grants.h"
#include "iam/managed_policies.h"
#include "iam/people.h"
#include "iam/tenants.h"
#include "object/tenant_keys.h"
#include "query/params.h"
#include "server/account_json.h"

namespace cairn::server {
namespace {

using Json = nlohmann::json;
using query::Params;

struct Call {
  const Params& params;
  iam::TenantId tenant;
};

// A command either reads or changes; those on tenants need more and are told apart by name.
struct Command {
  std::string_view name;
  Result<Json> (*read)(const Call& call, const iam::Directory& directory) = nullptr;
  Result<Json> (*write)(const Call& call, iam::Draft& draft) = nullptr;
};

Result<std::string> required(const Call& call, std::string_view name) {
  const std::string_view value = call.params.get(name);
  if (!value.empty()) return std::string(value);
  return fail(Code::kInvalidArgument, "give " + std::string(name));
}

Result<Json> done(const Status& status) {
  if (!status) return std::unexpected(status.error());
  return Json::object();
}

// Runs an operation that takes one name.
Result<Json> with_name(const Call& call, iam::Draft& draft,
                       Status (*run)(iam::Draft&, iam::TenantId, std::string_view)) {
  const Result<std::string> name = required(call, "name");
  if (!name) return std::unexpected(name.error());
  return done(run(draft, call.tenant, *name));
}

// An ARN, or the name of one of the account's policies or of those that come with the server.
Result<std::string> policy_param(const Call& call, const iam::Directory& directory) {
  const Result<std::string> text = required(call, "policy");
  if (!text || text->starts_with("arn:")) return text;
  const iam::Account& account = *directory.account(call.tenant);
  const auto own = account.policies.find(*text);
  if (own != account.policies.end()) {
    return iam::policy_arn(call.tenant, own->second->path, own->second->name);
  }
  for (const auto& policy : iam::builtin_policies()) {
    if (iam::same_name(policy->name, *text)) return iam::builtin_policy_arn(*policy);
  }
  return iam::no_such("policy", *text);
}

// The one of user, group and role that is given.
Result<iam::Holder> holder_param(const Call& call) {
  static constexpr std::pair<std::string_view, iam::HolderKind> kKinds[] = {
      {"user", iam::HolderKind::kUser},
      {"group", iam::HolderKind::kGroup},
      {"role", iam::HolderKind::kRole}};
  std::optional<iam::Holder> holder;
  for (const auto& [name, kind] : kKinds) {
    const std::string value = call.params.text(name);
    if (value.empty()) continue;
    if (holder) return fail(Code::kInvalidArgument, "give only one of user, group and role");
    holder = iam::Holder{kind, value};
  }
  if (!holder) return fail(Code::kInvalidArgument, "give a user, a group or a role");
  return *holder;
}

// Users -----------------------------------------------------------------------------------------

Result<Json> user_add(const Call& call, iam::Draft& draft) {
  iam::NewUser wanted;
  wanted.name = call.params.text("name");
  if (!call.params.get("path").empty()) wanted.path = call.params.text("path");
  const Result<iam::User> user = iam::create_user(draft, call.tenant, std::move(wanted));
  if (!user) return std::unexpected(user.error());
  return user_json(call.tenant, *user);
}

Result<Json> user_list(const Call& call, const iam::Directory& directory) {
  Json out = Json::array();
  for (const auto& [name, user] : directory.account(call.tenant)->users) {
    out.push_back(user_json(call.tenant, *user));
  }
  return out;
}

Result<Json> user_remove(const Call& call, iam::Draft& draft) {
  return with_name(call, draft, iam::delete_user_and_all);
}

Result<Json> user_enable(const Call& call, iam::Draft& draft) {
  return with_name(call, draft, [](iam::Draft& d, iam::TenantId tenant, std::string_view name) {
    return iam::set_user_disabled(d, tenant, name, false);
  });
}

Result<Json> user_disable(const Call& call, iam::Draft& draft) {
  return with_name(call, draft, [](iam::Draft& d, iam::TenantId tenant, std::string_view name) {
    return iam::set_user_disabled(d, tenant, name, true);
  });
}

// Groups ----------------------------------------------------------------------------------------

Result<Json> group_add(const Call& call, iam::Draft& draft) {
  const Result<iam::Group> group =
      iam::create_group(draft, call.tenant, call.params.text("name"), "/");
  if (!group) return std::unexpected(group.error());
  return group_json(**draft.account(call.tenant), *group);
}

Result<Json> group_list(const Call& call, const iam::Directory& directory) {
  Json out = Json::array();
  const iam::Account& account = *directory.account(call.tenant);
  for (const auto& [name, group] : account.groups) out.push_back(group_json(account, *group));
  return out;
}

Result<Json> group_remove(const Call& call, iam::Draft& draft) {
  return with_name(call, draft, iam::delete_group_and_all);
}

Result<Json> group_join(const Call& call, iam::Draft& draft) {
  return done(
      iam::add_to_group(draft, call.tenant, call.params.get("name"), call.params.get("user")));
}

Result<Json> group_leave(const Call& call, iam::Draft& draft) {
  return done(
      iam::remove_from_group(draft, call.tenant, call.params.get("name"), call.params.get("user")));
}

// Policies --------------------------------------------------------------------------------------

// A policy of that name gets the document as its new default version; the oldest other version
// makes room for it.
Result<Json> policy_add(const Call& call, iam::Draft& draft) {
  const Result<std::string> name = required(call, "name");
  if (!name) return std::unexpected(name.error());
  const iam::Account& account = *draft.directory().account(call.tenant);
  const auto found = account.policies.find(*name);
  if (found == account.policies.end()) {
    iam::NewPolicy wanted;
    wanted.name = *name;
    wanted.document = call.params.text("document");
    const Result<iam::ManagedPolicy> made =
        iam::create_policy(draft, call.tenant, std::move(wanted));
    if (!made) return std::unexpected(made.error());
    return policy_json(**draft.account(call.tenant), *made);
  }
  const std::shared_ptr<const iam::ManagedPolicy> policy = found->second;
  const std::string arn = iam::policy_arn(call.tenant, policy->path, policy->name);
  if (policy->versions.size() >= iam::kPolicyVersionsMax) {
    for (const iam::PolicyVersion& version : policy->versions) {
      if (version.number == policy->default_version) continue;
      const Status freed = iam::delete_policy_version(draft, call.tenant, arn, version.number);
      if (!freed) return std::unexpected(freed.error());
      break;
    }
  }
  const Result<iam::PolicyVersion> version =
      iam::create_policy_version(draft, call.tenant, arn, call.params.text("document"), true);
  if (!version) return std::unexpected(version.error());
  const iam::Account& changed = **draft.account(call.tenant);
  return policy_json(changed, *iam::find_policy(changed, arn));
}

Result<Json> policy_list(const Call& call, const iam::Directory& directory) {
  Json out = Json::array();
  const iam::Account& account = *directory.account(call.tenant);
  for (const auto& [name, policy] : account.policies) out.push_back(policy_json(account, *policy));
  for (const auto& policy : iam::builtin_policies()) out.push_back(policy_json(account, *policy));
  return out;
}

Result<Json> policy_show(const Call& call, const iam::Directory& directory) {
  const Result<std::string> arn = policy_param(call, directory);
  if (!arn) return std::unexpected(arn.error());
  const iam::Account& account = *directory.account(call.tenant);
  const std::shared_ptr<const iam::ManagedPolicy> policy = iam::find_policy(account, *arn);
  if (policy == nullptr) return iam::no_such("policy", *arn);
  Json out = policy_json(account, *policy);
  out["document"] = Json::parse(policy->document(), nullptr, false);
  return out;
}

Result<Json> policy_attach(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = holder_param(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<std::string> arn = policy_param(call, draft.directory());
  if (!arn) return std::unexpected(arn.error());
  return done(iam::attach_policy(draft, call.tenant, *holder, *arn));
}

Result<Json> policy_detach(const Call& call, iam::Draft& draft) {
  const Result<iam::Holder> holder = holder_param(call);
  if (!holder) return std::unexpected(holder.error());
  const Result<std::string> arn = policy_param(call, draft.directory());
  if (!arn) return std::unexpected(arn.error());
  return done(iam::detach_policy(draft, call.tenant, *holder, *arn));
}

Result<Json> policy_remove(const Call& call, iam::Draft& draft) {
  const Result<std::string> arn = policy_param(call, draft.directory());
  if (!arn) return std::unexpected(arn.error());
  return done(iam::delete_policy_and_all(draft, call.tenant, *arn));
}

// Keys ------------------------------------------------------------------------------------------

Result<Json> key_add(const Call& call, iam::Draft& draft) {
  iam::NewKey wanted;
  wanted.user = call.params.text("user");
  wanted.policy = call.params.text("document");
  wanted.description = call.params.text("description");
  wanted.is_service_account = call.params.get("service-account") == "true";
  wanted.access_key = call.params.text("access-key");
  wanted.secret = call.params.text("secret");
  if (!wanted.policy.empty() && !wanted.is_service_account) {
    return fail(Code::kInvalidArgument, "only a service account's key can be narrowed by a policy");
  }
  const Result<iam::AccessKey> key = iam::create_access_key(draft, call.tenant, std::move(wanted));
  if (!key) return std::unexpected(key.error());
  Json out = key_json(*key);
  out["secret_key"] = key->secret;
  return out;
}

Result<Json> key_list(const Call& call, const iam::Directory& directory) {
  Json out = Json::array();
  const bool all = !call.params.find("user").has_value();
  for (const auto& [id, key] : directory.account(call.tenant)->keys) {
    if (all || iam::same_name(key->user, call.params.get("user"))) out.push_back(key_json(*key));
  }
  return out;
}

// The user of a key is known by the key.
Result<Json> change_key(const Call& call, iam::Draft& draft, std::optional<bool> active) {
  const std::string_view id = call.params.get("access-key");
  const iam::AccessKey* key = draft.directory().access_key(id);
  if (key == nullptr || key->tenant != call.tenant) return iam::no_such("access key", id);
  const std::string user = key->user;
  if (!active) return done(iam::delete_access_key(draft, call.tenant, user, id));
  return done(iam::set_access_key_active(draft, call.tenant, user, id, *active));
}

Result<Json> key_remove(const Call& call, iam::Draft& draft) {
  return change_key(call, draft, std::nullopt);
}
Result<Json> key_enable(const Call& call, iam::Draft& draft) {
  return change_key(call, draft, true);
}
Result<Json> key_disable(const Call& call, iam::Draft& draft) {
  return change_key(call, draft, false);
}

// Tenants ---------------------------------------------------------------------------------------

Result<Json> tenant_list(const Call&, const iam::Directory& directory) {
  Json out = Json::array();
  for (const auto& [id, account] : directory.accounts()) out.push_back(tenant_json(*account));
  return out;
}

constexpr std::string_view kTenantAdd = "tenant-add";
constexpr std::string_view kTenantRemove = "tenant-remove";

constexpr std::array kCommands = {
    Command{"user-add", nullptr, user_add},
    Command{"user-list", user_list, nullptr},
    Command{"user-remove", nullptr, user_remove},
    Command{"user-enable", nullptr, user_enable},
    Command{"user-disable", nullptr, user_disable},
    Command{"group-add", nullptr, group_add},
    Command{"group-list", group_list, nullptr},
    Command{"group-remove", nullptr, group_remove},
    Command{"group-join", nullptr, group_join},
    Command{"group-leave", nullptr, group_leave},
    Command{"policy-add", nullptr, policy_add},
    Command{"policy-list", policy_list, nullptr},
    Command{"policy-show", policy_show, nullptr},
    Command{"policy-attach", nullptr, policy_attach},
    Command{"policy-detach", nullptr, policy_detach},
    Command{"policy-remove", nullptr, policy_remove},
    Command{"key-add", nullptr, key_add},
    Command{"key-list", key_list, nullptr},
    Command{"key-remove", nullptr, key_remove},
    Command{"key-enable", nullptr, key_enable},
    Command{"key-disable", nullptr, key_disable},
    Command{"tenant-list", tenant_list, nullptr},
    Command{kTenantAdd, nullptr, nullptr},
    Command{kTenantRemove, nullptr, nullptr},
};

// Its encryption keys first: an account without them could not store anything.
io::Task<Result<Json>> tenant_add(Stores& stores, const Params& params) {
  iam::Store& accounts = stores.accounts();
  const std::string name = params.text("name");
  const bool isolated = params.get("isolated") == "true";
  const iam::TenantId id = iam::make_tenant_id(*accounts.directory(), accounts.random());
  const auto check = [&](iam::Draft& draft) -> Status {
    const Result<iam::Tenant> made = iam::create_tenant(draft, id, name, isolated);
    if (!made) return std::unexpected(made.error());
    return {};
  };
  // Once without a commit, so that a name that is taken leaves no keys behind.
  iam::Draft trial(*accounts.directory(), accounts.clock().wall_now(), accounts.random());
  co_await io::or_return(check(trial));
  co_await io::or_return(
      object::ensure_tenant_keys(stores.catalog(), stores.keys(), id, accounts.random()));
  co_await io::or_return(accounts.change(check));
  co_return tenant_json(*accounts.directory()->account(id));
}

io::Task<Result<Json>> tenant_remove(Stores& stores, iam::TenantId id) {
  iam::Store& accounts = stores.accounts();
  // Whether it may be removed at all comes before whether it is empty.
  iam::Draft trial(*accounts.directory(), accounts.clock().wall_now(), accounts.random());
  co_await io::or_return(iam::delete_tenant(trial, id));
  const std::vector<object::BucketInfo> buckets =
      co_await io::or_return(stores.objects().list_buckets(id, "", "", 1));
  if (!buckets.empty()) {
    co_return fail(Code::kFailedPrecondition,
                   "The tenant still has buckets, the first is " + buckets.front().name + ".");
  }
  const auto remove = [id](iam::Draft& draft) { return iam::delete_tenant(draft, id); };
  co_await io::or_return(accounts.change(remove));
  co_return Json::object();
}

io::Task<Result<Json>> run(Stores& stores, const Command& command, const Params& params) {
  if (command.name == kTenantAdd) co_return co_await tenant_add(stores, params);
  const std::shared_ptr<const iam::Directory> directory = stores.accounts().directory();
  const bool is_tenant_command = command.name.starts_with("tenant-");
  const std::string_view tenant_text = params.get(is_tenant_command ? "name" : "tenant");
  iam::TenantId tenant = crypto::kRootTenant;
  if (!tenant_text.empty()) {
    tenant = co_await io::or_return(iam::find_tenant(*directory, tenant_text));
  } else if (command.name == kTenantRemove) {
    co_return fail(Code::kInvalidArgument, "give the name of the tenant");
  }
  if (command.name == kTenantRemove) co_return co_await tenant_remove(stores, tenant);
  const Call call{params, tenant};
  if (command.read != nullptr) co_return command.read(call, *directory);
  Json out;
  const auto write = [&](iam::Draft& draft) -> Status {
    const Result<const iam::Account*> account = draft.account(tenant);
    if (!account) return std::unexpected(account.error());
    Result<Json> written = command.write(call, draft);
    if (!written) return std::unexpected(written.error());
    out = std::move(*written);
    return {};
  };
  co_await io::or_return(stores.accounts().change(write));
  co_return out;
}

}  // namespace

std::span<const std::string_view> account_command_names() {
  static constexpr auto kNames = [] {
    std::array<std::string_view, kCommands.size()> names;
    std::ranges::transform(kCommands, names.begin(), &Command::name);
    return names;
  }();
  return kNames;
}

io::Task<Result<std::string>> run_account_command(Stores& stores, std::string name,
                                                  std::string form) {
  const auto command = std::ranges::find(kCommands, name, &Command::name);
  if (command == kCommands.end()) co_return fail(Code::kNotFound, "there is no such command");
  const Params params = co_await io::or_return(Params::parse(form));
  const Json reply = co_await io::or_return(run(stores, *command, params));
  co_return reply.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cairn::server
