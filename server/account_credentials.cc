#include "server/account_credentials.h"

#include <utility>

namespace cairn::server {

AccountCredentials::AccountCredentials(const iam::Store& store, const RootCredentials& root)
    : store_(store), accounts_(store, root.access_key, root.secret_key) {}

const AccountCredentials::Known& AccountCredentials::used(const Known& known) {
  known.last_used->store(system_clock().wall_now().unix_ms, std::memory_order_relaxed);
  return known;
}

const s3::Credential* AccountCredentials::find(std::string_view access_key) const {
  // A session is known by its token.
  if (access_key.starts_with(iam::kSessionKeyPrefix)) return nullptr;
  return find_session(access_key, {});
}

const s3::Credential* AccountCredentials::find_session(std::string_view access_key,
                                                       std::string_view token) const {
  const uint64_t generation = store_.generation();
  if (generation_ != generation) {
    known_.clear();
    generation_ = generation;
  }
  const auto found = known_.find(access_key);
  if (found != known_.end()) return &used(found->second).credential;
  const iam::Credential* account = accounts_.find(access_key, token);
  if (account == nullptr) return nullptr;
  if (known_.size() >= iam::kCachedCredentialsMax) known_.clear();
  s3::Credential credential;
  credential.secret = account->secret;
  credential.session_token = account->session_token;
  credential.expires = account->expires;
  credential.identity = {account->access_key, account->user, account->principal->account,
                         account->principal};
  Known known{std::move(credential), store_.last_used_slot(access_key)};
  return &used(known_.insert_or_assign(std::string(access_key), std::move(known)).first->second)
              .credential;
}

}  // namespace cairn::server
