// Temporary credentials (STS API reference). What a session may do is never more than what its
// user or role may; see iam/resolver.h.
#include "iam/decision.h"
#include "iam/grants.h"
#include "iam/jwt.h"
#include "query/handlers.h"
#include "query/issuer_keys.h"
#include "query/request_keys.h"

namespace cairn::query {
namespace {

constexpr uint64_t kUserSessionSecondsDefault = 12 * 3600;
constexpr uint64_t kRootSessionSecondsMax = 3600;
constexpr uint64_t kChainedSessionSecondsMax = 3600;  // A role assumed with a role's credentials.
constexpr size_t kSessionPolicyArnsMax = 10;
constexpr size_t kFederatedNameBytesMax = 32;

std::unexpected<Error> denied(std::string message) {
  return fail(Code::kPermissionDenied, std::move(message));
}

Result<uint32_t> duration_param(const Call& call, uint64_t usual, uint64_t most) {
  const std::optional<std::string_view> text = call.params.find("DurationSeconds");
  if (!text) return static_cast<uint32_t>(std::min(usual, most));
  const std::optional<uint64_t> number = parse_number(*text);
  if (!number || *number < iam::kSessionSecondsMin) {
    return fail(Code::kInvalidArgument, "DurationSeconds must be a number of at least 900.");
  }
  if (*number > most) {
    return fail(Code::kInvalidArgument,
                "The requested DurationSeconds exceeds the most that is set: " +
                    std::to_string(most) + ".");
  }
  return static_cast<uint32_t>(*number);
}

// Policy and PolicyArns into the session, checked against `account`.
Status take_policies(const Call& call, const iam::Account& account, iam::Session& session) {
  const std::string policy = call.params.text("Policy");
  if (!policy.empty()) {
    const Status usable =
        iam::check_document(policy, iam::PolicyKind::kSession, iam::kSessionPolicyBytesMax);
    if (!usable) return usable;
    session.policies.push_back(policy);
  }
  session.policy_arns = call.params.list("PolicyArns", "arn");
  if (session.policy_arns.size() > kSessionPolicyArnsMax) {
    return fail(Code::kInvalidArgument, "At most 10 PolicyArns can be given.");
  }
  for (const std::string& arn : session.policy_arns) {
    if (const Status known = iam::check_policy_exists(account, arn); !known) return known;
  }
  return {};
}

Result<std::string> render_credentials(const Call& call, iam::Session& session, uint32_t seconds) {
  session.issued = call.now();
  session.expires = WallTime{session.issued.unix_ms + int64_t{seconds} * 1000};
  const Result<std::string> token =
      iam::seal_session(call.context->store->keys(), session, *call.context->random);
  if (!token) return std::unexpected(token.error());
  std::string out;
  s3::XmlWriter xml(out);
  xml.open("Credentials");
  xml.element("AccessKeyId", session.access_key);
  xml.element("SecretAccessKey", session.secret);
  xml.element("SessionToken", *token);
  xml.element("Expiration", session.expires);
  xml.close("Credentials");
  const size_t policy_bytes = session.policies.empty() ? 0 : session.policies.front().size();
  xml.element("PackedPolicySize", uint64_t{policy_bytes * 100 / iam::kSessionPolicyBytesMax});
  return out;
}

// The user whose rights a session of the caller has; a service account's narrower rights would be
// lost, and sessions do not make sessions.
Status check_may_make_session(const Call& call) {
  if (call.caller->kind == iam::CredentialKind::kLongLived) return {};
  return denied("Cannot call " + std::string(call.route->name) +
                " with session credentials or a service account.");
}

iam::Session user_session(const Call& call, iam::SessionKind kind) {
  iam::Session session = iam::make_session(*call.context->random);
  session.kind = kind;
  session.tenant = call.tenant;
  session.name = call.own_user();
  if (!session.name.empty()) session.id = call.caller->principal->id;
  // The root's own key is not in the directory; its sessions end with their time.
  if (call.directory->access_key(call.caller->access_key) != nullptr) {
    session.parent_access_key = call.caller->access_key;
  }
  return session;
}

struct FoundRole {
  const iam::Account* account = nullptr;
  const iam::Role* role = nullptr;
  std::string arn;
};

// Null pointers when there is no such role: the answer is then the one of a role that does not
// trust the caller, so that nobody learns which roles there are.
Result<FoundRole> role_param(const Call& call) {
  const Result<std::string> arn = required(call, "RoleArn");
  if (!arn) return std::unexpected(arn.error());
  const std::optional<iam::IamArn> parsed = iam::parse_iam_arn(*arn);
  if (!parsed || parsed->service != "iam" || parsed->type != "role" || !parsed->account) {
    return fail(Code::kInvalidArgument, *arn + " is invalid");
  }
  FoundRole out;
  out.arn = *arn;
  const iam::Account* account = call.directory->account(*parsed->account);
  if (account == nullptr) return out;
  const auto found = account->roles.find(parsed->name);
  if (found == account->roles.end() || found->second->path != parsed->path) return out;
  out.account = account;
  out.role = found->second.get();
  return out;
}

// Whether the trust policy lets the principal of `keys` in. The role's policy must say so even for
// callers of its own account, the root included.
bool is_trusted(const FoundRole& role, std::string_view action, const iam::RequestKeys& keys) {
  if (role.role == nullptr) return false;
  const auto trust = iam::Policy::parse(role.role->trust_policy, iam::PolicyKind::kTrust);
  if (!trust) return false;
  iam::Request request;
  request.action = action;
  request.resource = role.arn;
  request.keys = &keys;
  const iam::Verdict verdict = (*trust)->evaluate(request);
  return (verdict == iam::Verdict::kAllow || verdict == iam::Verdict::kAllowAccount) &&
         iam::decide(request, role.account->tenant->id, verdict) == iam::Decision::kAllow;
}

// A session of the role, with everything the reply says about it.
Result<std::string> open_role_session(const Call& call, const FoundRole& role,
                                      uint64_t seconds_max) {
  const std::string session_name = call.params.text("RoleSessionName");
  if (const Status checked = iam::check_session_name(session_name); !checked) {
    return std::unexpected(checked.error());
  }
  const Result<uint32_t> seconds = duration_param(call, iam::kSessionSecondsDefault, seconds_max);
  if (!seconds) return std::unexpected(seconds.error());
  iam::Session session = iam::make_session(*call.context->random);
  session.kind = iam::SessionKind::kRole;
  session.tenant = role.account->tenant->id;
  session.name = role.role->name;
  session.id = role.role->id;
  session.session_name = session_name;
  if (const Status taken = take_policies(call, *role.account, session); !taken) {
    return std::unexpected(taken.error());
  }
  Result<std::string> out = render_credentials(call, session, *seconds);
  if (!out) return out;
  s3::XmlWriter xml(*out);
  xml.open("AssumedRoleUser");
  xml.element("AssumedRoleId", session.id + ":" + session_name);
  xml.element("Arn", iam::assumed_role_arn(session.tenant, session.name, session_name));
  xml.close("AssumedRoleUser");
  return out;
}

}  // namespace

Result<std::string> get_caller_identity(const Call& call) {
  const iam::Principal& principal = *call.caller->principal;
  std::string out;
  s3::XmlWriter xml(out);
  xml.element("Arn", principal.session_arn.empty() ? principal.arn : principal.session_arn);
  xml.element("UserId", principal.id);
  xml.element("Account", iam::account_number(call.tenant));
  return out;
}

Result<std::string> get_session_token(const Call& call) {
  if (const Status may = check_may_make_session(call); !may) return std::unexpected(may.error());
  const bool is_root = call.own_user().empty();
  const Result<uint32_t> seconds =
      duration_param(call, kUserSessionSecondsDefault,
                     is_root ? kRootSessionSecondsMax : iam::kUserSessionSecondsMax);
  if (!seconds) return std::unexpected(seconds.error());
  iam::Session session = user_session(call, iam::SessionKind::kUser);
  return render_credentials(call, session, *seconds);
}

Result<std::string> get_federation_token(const Call& call) {
  if (const Status may = check_may_make_session(call); !may) return std::unexpected(may.error());
  const std::string name = call.params.text("Name");
  if (name.size() < iam::kSessionNameBytesMin) {
    return fail(Code::kInvalidArgument, "Name must have 2 to 32 characters.");
  }
  if (const Status checked = iam::check_name(name, "name", kFederatedNameBytesMax); !checked) {
    return std::unexpected(checked.error());
  }
  const bool is_root = call.own_user().empty();
  const Result<uint32_t> seconds =
      duration_param(call, kUserSessionSecondsDefault,
                     is_root ? kRootSessionSecondsMax : iam::kUserSessionSecondsMax);
  if (!seconds) return std::unexpected(seconds.error());
  iam::Session session = user_session(call, iam::SessionKind::kFederated);
  session.session_name = name;
  if (const Status taken = take_policies(call, call.account(), session); !taken) {
    return std::unexpected(taken.error());
  }
  Result<std::string> out = render_credentials(call, session, *seconds);
  if (!out) return out;
  s3::XmlWriter xml(*out);
  xml.open("FederatedUser");
  xml.element("FederatedUserId", iam::account_number(call.tenant) + ":" + name);
  xml.element("Arn", iam::federated_user_arn(call.tenant, name));
  xml.close("FederatedUser");
  return out;
}

Result<std::string> assume_role(const Call& call) {
  const Result<FoundRole> role = role_param(call);
  if (!role) return std::unexpected(role.error());
  const iam::Principal& caller = *call.caller->principal;
  const QueryKeys keys(call, &caller);
  const bool may_call = call.caller->kind != iam::CredentialKind::kFederatedSession;
  if (!may_call || !is_trusted(*role, call.route->action, keys)) {
    const std::string& who = caller.session_arn.empty() ? caller.arn : caller.session_arn;
    return denied("User: " + who +
                  " is not authorized to perform: sts:AssumeRole on resource: " + role->arn);
  }
  const bool is_chained = call.caller->kind == iam::CredentialKind::kRoleSession;
  return open_role_session(
      call, *role, is_chained ? kChainedSessionSecondsMax : role->role->session_seconds_max);
}

io::Task<Result<std::string>> assume_role_with_web_identity(Call& call) {
  const std::string text = co_await io::or_return(required(call, "WebIdentityToken"));
  const FoundRole role = co_await io::or_return(role_param(call));
  const iam::Jwt token = co_await io::or_return(iam::parse_jwt(text));
  const auto refused = [] {
    return denied("Not authorized to perform sts:AssumeRoleWithWebIdentity");
  };
  if (role.role == nullptr || call.context->issuers == nullptr) co_return refused();
  // Only the issuers that the role's account named are ever asked for keys.
  const bool is_http = token.issuer.starts_with("http://");
  std::string_view bare = token.issuer;
  bare.remove_prefix(
      std::min(bare.size(), std::string_view(is_http ? "http://" : "https://").size()));
  if (bare.ends_with('/')) bare.remove_suffix(1);
  const auto provider = role.account->providers.find(bare);
  if (provider == role.account->providers.end() || provider->second->is_http != is_http) {
    co_return fail(Code::kInvalidArgument,
                   std::string(iam::reason::kInvalidToken) +
                       "No OpenIDConnect provider found in your account for " + token.issuer);
  }
  co_await io::or_return(
      iam::check_claims(token, token.issuer, provider->second->client_ids, call.now()));
  co_await io::or_return(call.context->issuers->verify(token));

  iam::Principal federated;
  federated.account = role.account->tenant->id;
  federated.kind = iam::PrincipalKind::kFederated;
  federated.name = token.subject;
  federated.id = provider->second->url + ":" + token.subject;
  federated.arn = iam::provider_arn(federated.account, provider->second->url);
  QueryKeys keys(call, &federated);
  for (const auto& [name, value] : token.claims) {
    keys.add(provider->second->url + ":" + name, {value});
  }
  keys.add(provider->second->url + ":aud", token.audiences);
  keys.add("aws:FederatedProvider", {federated.arn});
  if (!is_trusted(role, call.route->action, keys)) co_return refused();

  std::string out =
      co_await io::or_return(open_role_session(call, role, role.role->session_seconds_max));
  s3::XmlWriter xml(out);
  xml.element("SubjectFromWebIdentityToken", token.subject);
  xml.element("Audience", token.audiences.front());
  xml.element("Provider", federated.arn);
  co_return out;
}

}  // namespace cairn::query
