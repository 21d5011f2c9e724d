// From an access key to a caller: who it is, what is attached to it, and the secret it signs with.
//
// Any doubt is no credential: an inactive key, a disabled user, a policy or boundary that does not
// parse or is gone, a session whose user or role is not the same any more.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "iam/directory.h"
#include "iam/principal.h"
#include "iam/session.h"
#include "iam/store.h"

namespace cairn::iam {

enum class CredentialKind : uint8_t {
  kLongLived,
  kServiceAccount,
  kUserSession,
  kRoleSession,
  kFederatedSession,
};

struct Credential {
  std::string access_key;
  std::string secret;
  std::string session_token;        // Empty = long-lived.
  std::optional<WallTime> expires;  // Of a session.
  CredentialKind kind = CredentialKind::kLongLived;
  std::string user;  // Name of the user; "root"; of the role for its sessions.
  std::shared_ptr<const Principal> principal;
};

// kNotFound when there is no such key or it may not be used now; kCorruption names the policy.
Result<Credential> resolve_key(const Directory& directory, std::string_view access_key);
// Of an opened token; `token` is kept in the credential.
Result<Credential> resolve_session(const Directory& directory, const Session& session,
                                   std::string token);

// The caller that a user or role is, for questions about others ("what may this user do?").
Result<std::shared_ptr<const Principal>> user_principal(const Account& account, const User& user);
Result<std::shared_ptr<const Principal>> role_principal(const Account& account, const Role& role,
                                                        std::string_view session_name);

inline constexpr size_t kCachedCredentialsMax = 10'000;

// The credentials in use on one core. Forgets everything when the accounts change, so that what was
// removed or disabled stops working with the next request. Used on one reactor.
class CredentialCache {
 public:
  // `store` outlives it. The root's own key is not in the directory; an empty one means none.
  CredentialCache(const Store& store, std::string root_access_key, std::string root_secret);

  // Null when unknown. Valid until the next call. `token` counts for session keys only.
  const Credential* find(std::string_view access_key, std::string_view token);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  void refresh();
  const Credential* load(std::string_view access_key, std::string_view token);

  const Store& store_;
  Credential root_;
  uint64_t generation_ = 0;
  std::shared_ptr<const Directory> directory_;
  std::unordered_map<std::string, Credential, Hash, std::equal_to<>> known_;
};

}  // namespace cairn::iam
