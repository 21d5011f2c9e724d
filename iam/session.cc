#include "iam/session.h"

#include "base/encoding.h"
#include "crypto/sealing.h"
#include "iam/names.h"
#include "proto/iam.pb.h"

namespace cairn::iam {
namespace {

std::string context_of(std::string_view access_key) {
  return "cairn session token v1 " + std::string(access_key);
}

std::unexpected<Error> not_ours() {
  return fail(Code::kPermissionDenied, "The security token included in the request is invalid.");
}

}  // namespace

Session make_session(Random& random) {
  Session session;
  session.access_key = make_access_key(kSessionKeyPrefix, random);
  session.secret = make_secret(random);
  return session;
}

Result<std::string> seal_session(const crypto::KeyRing& keys, const Session& session,
                                 Random& random) {
  proto::IamSession out;
  out.set_access_key(session.access_key);
  out.set_secret(session.secret);
  out.set_tenant(session.tenant.value);
  out.set_kind(static_cast<uint32_t>(session.kind));
  out.set_name(session.name);
  out.set_id(session.id);
  out.set_session_name(session.session_name);
  for (const std::string& policy : session.policies) out.add_policies(policy);
  for (const std::string& arn : session.policy_arns) out.add_policy_arns(arn);
  out.set_issued_unix_ms(session.issued.unix_ms);
  out.set_expires_unix_ms(session.expires.unix_ms);
  out.set_parent_access_key(session.parent_access_key);
  const auto root = keys.current(crypto::kRootTenant);
  if (root == nullptr) return fail(Code::kInternal, "the root tenant has no keys");
  const std::string record = out.SerializeAsString();
  const Result<std::string> sealed =
      crypto::seal_value(*root, context_of(session.access_key), random, as_bytes(record));
  if (!sealed) return std::unexpected(sealed.error());
  std::string token = to_base64(as_bytes(*sealed));
  if (token.size() > kSessionTokenBytesMax) {
    return fail(Code::kInvalidArgument,
                "PackedPolicyTooLarge: the session's policies are too long.");
  }
  return token;
}

Result<Session> open_session(const crypto::KeyRing& keys, std::string_view access_key,
                             std::string_view token) {
  if (token.size() > kSessionTokenBytesMax) return not_ours();
  const std::optional<Bytes> sealed = from_base64(token);
  if (!sealed) return not_ours();
  const Result<Bytes> record =
      crypto::open_value(keys, crypto::kRootTenant, context_of(access_key), *sealed);
  proto::IamSession in;
  if (!record || !in.ParseFromArray(record->data(), static_cast<int>(record->size())) ||
      in.access_key() != access_key) {
    return not_ours();
  }
  Session session;
  session.access_key = in.access_key();
  session.secret = in.secret();
  session.tenant = TenantId{in.tenant()};
  session.kind = static_cast<SessionKind>(in.kind());
  session.name = in.name();
  session.id = in.id();
  session.session_name = in.session_name();
  session.policies = {in.policies().begin(), in.policies().end()};
  session.policy_arns = {in.policy_arns().begin(), in.policy_arns().end()};
  session.issued = WallTime{in.issued_unix_ms()};
  session.expires = WallTime{in.expires_unix_ms()};
  session.parent_access_key = in.parent_access_key();
  return session;
}

}  // namespace cairn::iam
