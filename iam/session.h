// Temporary credentials: everything they stand for is inside their token, sealed under the root
// tenant's keys and bound to their access key. Nothing is stored; they end by their expiry, and
// with the user or role they were made for. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/key_ring.h"
#include "iam/model.h"

namespace cairn::iam {

enum class SessionKind : uint8_t {
  kUser = 1,       // GetSessionToken: a user (or the root) with its own rights.
  kRole = 2,       // AssumeRole, AssumeRoleWithWebIdentity.
  kFederated = 3,  // GetFederationToken: a user's rights, narrowed by the policies of the session.
};

struct Session {
  std::string access_key;  // ASIA...
  std::string secret;
  TenantId tenant;
  SessionKind kind = SessionKind::kUser;
  std::string name;  // Of the user or role; empty = the account's root user.
  std::string id;    // Unique id of that user or role; a new one of the same name is another.
  std::string session_name;              // Of kRole and kFederated.
  std::vector<std::string> policies;     // JSON; the session may do what one of all of them allows.
  std::vector<std::string> policy_arns;  // Managed ones, likewise.
  WallTime issued;
  WallTime expires;
  std::string parent_access_key;  // kUser and kFederated end with it; empty = the root's own.
};

// Makes access key and secret. The bytes of all policies together are bounded by
// kSessionPolicyBytesMax, which bounds the token.
Session make_session(Random& random);

inline constexpr size_t kSessionTokenBytesMax = 6 * 1024;

// Base64. kInvalidArgument "PackedPolicyTooLarge" when it would be longer than
// kSessionTokenBytesMax.
Result<std::string> seal_session(const crypto::KeyRing& keys, const Session& session,
                                 Random& random);
// kPermissionDenied when the token was not made here for that access key.
Result<Session> open_session(const crypto::KeyRing& keys, std::string_view access_key,
                             std::string_view token);

}  // namespace cairn::iam
