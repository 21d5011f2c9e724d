#include "iam/directory.h"

#include <utility>

#include "iam/account.h"
#include "iam/managed_policies.h"

namespace cairn::iam {

const PolicyVersion* ManagedPolicy::version(uint32_t number) const {
  for (const PolicyVersion& one : versions) {
    if (one.number == number) return &one;
  }
  return nullptr;
}

const std::string& ManagedPolicy::document() const {
  return version(default_version)->document;
}

const Account* Directory::account(TenantId id) const {
  const auto found = accounts_.find(id.value);
  return found == accounts_.end() ? nullptr : found->second.get();
}

std::shared_ptr<const Account> Directory::share_account(TenantId id) const {
  const auto found = accounts_.find(id.value);
  return found == accounts_.end() ? nullptr : found->second;
}

const Account* Directory::account_named(std::string_view name) const {
  for (const auto& [id, account] : accounts_) {
    if (same_name(account->tenant->name, name)) return account.get();
  }
  return nullptr;
}

const Account* Directory::account_of_canonical_id(std::string_view wanted) const {
  for (const auto& [id, account] : accounts_) {
    if (canonical_id(TenantId{id}) == wanted) return account.get();
  }
  return nullptr;
}

const AccessKey* Directory::access_key(std::string_view access_key) const {
  const std::shared_ptr<const Keys>& shard = keys_[shard_of(access_key)];
  if (shard == nullptr) return nullptr;
  const auto found = shard->find(access_key);
  return found == shard->end() ? nullptr : found->second.get();
}

bool Directory::is_isolated(TenantId id) const {
  const Account* found = account(id);
  return found != nullptr && found->tenant->isolated;
}

Account& Directory::change_account(TenantId id) {
  std::shared_ptr<const Account>& slot = accounts_[id.value];
  auto copy = slot == nullptr ? std::make_shared<Account>() : std::make_shared<Account>(*slot);
  Account& account = *copy;
  slot = std::move(copy);
  return account;
}

void Directory::remove_account(TenantId id) {
  accounts_.erase(id.value);
}

Directory::Keys Directory::copy_shard(size_t shard) const {
  return keys_[shard] == nullptr ? Keys() : *keys_[shard];
}

void Directory::index_key(std::shared_ptr<const AccessKey> key) {
  const size_t shard = shard_of(key->access_key);
  Keys copy = copy_shard(shard);
  copy.insert_or_assign(key->access_key, std::move(key));
  keys_[shard] = std::make_shared<const Keys>(std::move(copy));
}

void Directory::unindex_key(std::string_view access_key) {
  const size_t shard = shard_of(access_key);
  Keys copy = copy_shard(shard);
  const auto found = copy.find(access_key);
  if (found != copy.end()) copy.erase(found);
  keys_[shard] = std::make_shared<const Keys>(std::move(copy));
}

void Directory::index_keys(const std::vector<std::shared_ptr<const AccessKey>>& keys) {
  std::array<Keys, kShards> shards;
  for (const std::shared_ptr<const AccessKey>& key : keys) {
    shards[shard_of(key->access_key)].insert_or_assign(key->access_key, key);
  }
  for (size_t i = 0; i < kShards; ++i) {
    keys_[i] = std::make_shared<const Keys>(std::move(shards[i]));
  }
}

bool names_nobody(const Directory& directory, std::string_view arn) {
  const std::optional<IamArn> parsed = parse_iam_arn(arn);
  if (!parsed || !parsed->account) return false;
  const Account* const account = directory.account(*parsed->account);
  if (account == nullptr) return false;
  const auto lacks = [](const auto& people, std::string_view name, std::string_view path) {
    const auto found = people.find(name);
    return found == people.end() || found->second->path != path;
  };
  if (parsed->type == "user") return lacks(account->users, parsed->name, parsed->path);
  if (parsed->type == "role") return lacks(account->roles, parsed->name, parsed->path);
  if (parsed->type != "assumed-role") return false;
  // The role stands where others have a path.
  const std::string_view role = std::string_view(parsed->path).substr(1, parsed->path.size() - 2);
  return role.empty() || account->roles.find(role) == account->roles.end();
}

std::shared_ptr<const ManagedPolicy> find_policy(const Account& account, std::string_view arn) {
  const std::optional<IamArn> parsed = parse_iam_arn(arn);
  if (!parsed || parsed->service != "iam" || parsed->type != "policy") return nullptr;
  if (!parsed->account) return builtin_policy(arn);
  if (*parsed->account != account.tenant->id) return nullptr;
  const auto found = account.policies.find(parsed->name);
  if (found == account.policies.end() || found->second->path != parsed->path) return nullptr;
  return found->second;
}

}  // namespace cairn::iam
