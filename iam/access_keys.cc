#include <algorithm>

#include "iam/grants.h"
#include "iam/people.h"
#include "iam/policy.h"

namespace cairn::iam {
namespace {

// As the root's own (server/credentials.h).
constexpr size_t kAccessKeyBytesMin = 3;
constexpr size_t kSecretBytesMin = 8;
constexpr size_t kKeyTextBytesMax = 128;

bool is_key_text(std::string_view text, size_t bytes_min) {
  return text.size() >= bytes_min && text.size() <= kKeyTextBytesMax &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

Status check_given(const NewKey& wanted) {
  if (wanted.access_key.empty() && wanted.secret.empty()) return {};
  if (!is_key_text(wanted.access_key, kAccessKeyBytesMin) ||
      !is_key_text(wanted.secret, kSecretBytesMin)) {
    return fail(Code::kInvalidArgument,
                "A given access key needs 3 to 128, its secret 8 to 128 printable characters.");
  }
  if (wanted.access_key.starts_with(kSessionKeyPrefix)) {
    return fail(Code::kInvalidArgument, "Access keys that begin with ASIA belong to sessions.");
  }
  return {};
}

Status check_count(const Account& account, const NewKey& wanted) {
  const auto keys = keys_of(account, wanted.user);
  const auto count = static_cast<size_t>(std::ranges::count_if(
      keys, [&](const auto& key) { return key->is_service_account == wanted.is_service_account; }));
  if (wanted.is_service_account && count >= kServiceKeysPerUserMax) {
    return over_limit("ServiceAccountsPerUser", kServiceKeysPerUserMax);
  }
  if (!wanted.is_service_account && count >= kKeysPerUserMax) {
    return over_limit("AccessKeysPerUser", kKeysPerUserMax);
  }
  return {};
}

Result<AccessKey> key_of_user(const Draft& draft, TenantId tenant, std::string_view user,
                              std::string_view access_key) {
  const AccessKey* found = draft.directory().access_key(access_key);
  const bool is_users = found != nullptr && found->tenant == tenant && same_name(found->user, user);
  if (!is_users) {
    return fail(Code::kNotFound,
                "The Access Key with id " + std::string(access_key) + " cannot be found.");
  }
  return *found;
}

}  // namespace

std::vector<std::shared_ptr<const AccessKey>> keys_of(const Account& account,
                                                      std::string_view user) {
  std::vector<std::shared_ptr<const AccessKey>> keys;
  for (const auto& [id, key] : account.keys) {
    if (same_name(key->user, user)) keys.push_back(key);
  }
  return keys;
}

Result<AccessKey> create_access_key(Draft& draft, TenantId tenant, NewKey wanted) {
  const Result<const Account*> account = draft.account(tenant);
  if (!account) return std::unexpected(account.error());
  if (!wanted.user.empty()) {
    const Result<User> user = find_user(draft, tenant, wanted.user);
    if (!user) return std::unexpected(user.error());
    wanted.user = user->name;
  }
  for (const Status& checked : {check_given(wanted), check_count(**account, wanted),
                                check_description(wanted.description)}) {
    if (!checked) return std::unexpected(checked.error());
  }
  if (!wanted.policy.empty()) {
    const Status usable =
        check_document(wanted.policy, PolicyKind::kSession, kSessionPolicyBytesMax);
    if (!usable) return std::unexpected(usable.error());
  }
  AccessKey key;
  key.access_key = std::move(wanted.access_key);
  key.secret = std::move(wanted.secret);
  if (key.access_key.empty()) {
    key.access_key = make_access_key(kAccessKeyPrefix, draft.random());
    key.secret = make_secret(draft.random());
  }
  if (draft.directory().access_key(key.access_key) != nullptr) {
    return exists_already("Access Key", key.access_key);
  }
  key.tenant = tenant;
  key.user = std::move(wanted.user);
  key.created = draft.now();
  key.policy = std::move(wanted.policy);
  key.description = std::move(wanted.description);
  key.is_service_account = wanted.is_service_account;
  draft.put(key);
  return key;
}

Status set_access_key_active(Draft& draft, TenantId tenant, std::string_view user,
                             std::string_view access_key, bool active) {
  Result<AccessKey> key = key_of_user(draft, tenant, user, access_key);
  if (!key) return std::unexpected(key.error());
  key->active = active;
  draft.put(std::move(*key));
  return {};
}

Status delete_access_key(Draft& draft, TenantId tenant, std::string_view user,
                         std::string_view access_key) {
  const Result<AccessKey> key = key_of_user(draft, tenant, user, access_key);
  if (!key) return std::unexpected(key.error());
  draft.remove(*key);
  return {};
}

}  // namespace cairn::iam
