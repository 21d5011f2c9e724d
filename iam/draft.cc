#include "iam/draft.h"

#include "iam/account.h"
#include "iam/rows.h"

namespace cairn::iam {

Result<const Account*> Draft::account(TenantId id) const {
  const Account* found = next_->account(id);
  if (found == nullptr) {
    return fail(Code::kNotFound, "There is no account " + account_number(id) + ".");
  }
  return found;
}

Account& Draft::writable(TenantId tenant) {
  Account*& account = writable_[tenant.value];
  if (account == nullptr) account = &next_->change_account(tenant);
  return *account;
}

void Draft::write(std::string row_key, std::optional<std::string> record, catalog::Version before,
                  std::shared_ptr<Stored> value) {
  const auto [at, is_new] = rows_.try_emplace(std::move(row_key));
  // What counts is the row before this change, however often the change writes it.
  if (is_new) at->second.before = before;
  at->second.record = std::move(record);
  at->second.value = std::move(value);
}

template <typename T>
void Draft::put_in(TenantId tenant, ByName<T> Account::* where, const std::string& name, T value) {
  ByName<T>& names = writable(tenant).*where;
  const auto found = names.find(name);
  const catalog::Version before = found == names.end() ? 0 : found->second->row_version;
  std::string row_key = rows::key_of(tenant, value);
  std::string record = rows::encode(value);
  auto held = std::make_shared<T>(std::move(value));
  // The name as it is now written replaces the key, too.
  if (found != names.end()) names.erase(found);
  names.emplace(name, held);
  write(std::move(row_key), std::move(record), before, std::move(held));
}

template <typename T>
void Draft::remove_from(TenantId tenant, ByName<T> Account::* where, const std::string& name,
                        const T& value) {
  write(rows::key_of(tenant, value), std::nullopt, value.row_version, nullptr);
  const std::string doomed = name;  // `name` may lie in what is erased.
  (writable(tenant).*where).erase(doomed);
}

void Draft::put(Tenant value) {
  Account& account = writable(value.id);
  const catalog::Version before = account.tenant == nullptr ? 0 : account.tenant->row_version;
  std::string row_key = rows::key_of(value);
  std::string record = rows::encode(value);
  auto held = std::make_shared<Tenant>(std::move(value));
  account.tenant = held;
  write(std::move(row_key), std::move(record), before, std::move(held));
}

void Draft::put(TenantId tenant, User value) {
  const std::string name = value.name;
  put_in(tenant, &Account::users, name, std::move(value));
}
void Draft::put(TenantId tenant, Group value) {
  const std::string name = value.name;
  put_in(tenant, &Account::groups, name, std::move(value));
}
void Draft::put(TenantId tenant, Role value) {
  const std::string name = value.name;
  put_in(tenant, &Account::roles, name, std::move(value));
}
void Draft::put(TenantId tenant, ManagedPolicy value) {
  const std::string name = value.name;
  put_in(tenant, &Account::policies, name, std::move(value));
}
void Draft::put(TenantId tenant, OidcProvider value) {
  const std::string url = value.url;
  put_in(tenant, &Account::providers, url, std::move(value));
}

void Draft::put(AccessKey value) {
  Account& account = writable(value.tenant);
  const AccessKey* old = next_->access_key(value.access_key);
  const catalog::Version before = old == nullptr ? 0 : old->row_version;
  std::string row_key = rows::key_of(value);
  std::string record = rows::encode(value);
  auto held = std::make_shared<AccessKey>(std::move(value));
  account.keys.insert_or_assign(held->access_key, held);
  next_->index_key(held);
  write(std::move(row_key), std::move(record), before, std::move(held));
}

void Draft::remove(TenantId tenant, const User& value) {
  remove_from(tenant, &Account::users, value.name, value);
}
void Draft::remove(TenantId tenant, const Group& value) {
  remove_from(tenant, &Account::groups, value.name, value);
}
void Draft::remove(TenantId tenant, const Role& value) {
  remove_from(tenant, &Account::roles, value.name, value);
}
void Draft::remove(TenantId tenant, const ManagedPolicy& value) {
  remove_from(tenant, &Account::policies, value.name, value);
}
void Draft::remove(TenantId tenant, const OidcProvider& value) {
  remove_from(tenant, &Account::providers, value.url, value);
}

void Draft::remove(const AccessKey& value) {
  write(rows::key_of(value), std::nullopt, value.row_version, nullptr);
  const std::string doomed = value.access_key;
  writable(value.tenant).keys.erase(doomed);
  next_->unindex_key(doomed);
}

void Draft::remove_account(TenantId tenant) {
  const std::shared_ptr<const Account> all = next_->share_account(tenant);
  if (all == nullptr) return;
  const Account copy = *all;
  for (const auto& [name, value] : copy.users) remove(tenant, *value);
  for (const auto& [name, value] : copy.groups) remove(tenant, *value);
  for (const auto& [name, value] : copy.roles) remove(tenant, *value);
  for (const auto& [name, value] : copy.policies) remove(tenant, *value);
  for (const auto& [name, value] : copy.providers) remove(tenant, *value);
  for (const auto& [name, value] : copy.keys) remove(*value);
  write(rows::key_of(*copy.tenant), std::nullopt, copy.tenant->row_version, nullptr);
  writable_.erase(tenant.value);
  next_->remove_account(tenant);
}

}  // namespace cairn::iam
