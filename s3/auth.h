// Who sends a request: chooses the mechanism (S3.md 1.1), verifies it, and says how the body has to
// be checked. One Authenticator per reactor; not thread-safe (it owns caches and scratch memory).
//
// Invariants: a request with any trace of credentials is either verified or an error, never
// anonymous; two mechanisms at once are an error; an unknown access key costs the same HMAC work as
// a known one (RELIABILITY.md S14-S20).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/key_ring.h"
#include "iam/principal.h"
#include "s3/errors.h"
#include "s3/payload.h"
#include "s3/request_view.h"
#include "s3/uri.h"

namespace cairn::s3 {

// The caller, once verified.
struct Identity {
  std::string access_key;
  std::string user;  // For owner elements and logs.
  crypto::TenantId tenant;
  // What it may do; never null once verified.
  std::shared_ptr<const iam::Principal> principal;
};

struct Credential {
  std::string secret;
  std::string session_token;        // Empty = long-lived key.
  std::optional<WallTime> expires;  // Of the session token.
  Identity identity;
};

// Where access keys are looked up. One per reactor (or immutable).
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // Null when unknown. The credential stays valid until the reactor runs something else.
  virtual const Credential* find(std::string_view access_key) const = 0;
  // Of a session whose token holds all there is to know about it; asked when find() knows nothing
  // and the request brought a token. Null when the token was not made for that key.
  virtual const Credential* find_session(std::string_view access_key, std::string_view token) const;
};

enum class AuthKind : uint8_t { kAnonymous, kV4Header, kV4Query, kV2Header, kV2Query, kPostForm };
std::string_view to_string(AuthKind kind);

struct AuthConfig {
  std::string region = "us-east-1";
  bool strict_region = false;         // Else any region of the scope is accepted.
  bool allow_v2 = true;               // Else 400 with the text that makes s3cmd switch to V4.
  bool trust_forwarded_host = false;  // Retry with X-Forwarded-Host after the literal Host failed.
  // What the scope may name as the service. Literals.
  std::vector<std::string_view> services = {"s3"};
};

struct AuthResult {
  AuthKind kind = AuthKind::kAnonymous;
  std::optional<Identity> identity;  // Unset for kAnonymous and kPostForm.
  Payload payload;
  // Set exactly when payload.kind is kStreamingSigned or kStreamingSignedTrailer.
  std::optional<ChunkSigning> chunk_signing;
  bool is_presigned() const { return kind == AuthKind::kV4Query || kind == AuthKind::kV2Query; }
};

class Authenticator {
 public:
  // `credentials` and `clock` outlive it.
  Authenticator(const CredentialSource& credentials, const Clock& clock, AuthConfig config);
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // Verifies the head. A POST to a bucket without credentials in the head, of multipart/form-data
  // or without parameters, comes back as kPostForm: the form's own signature is checked with
  // verify_post_form.
  S3Result<AuthResult> authenticate(const RequestView& request, const Query& query,
                                    const Target& target);

  // Fields of a POST policy form: V4 (x-amz-*) or V2 (AWSAccessKeyId).
  struct PostForm {
    std::string_view policy;                                  // Base64, as sent.
    std::string_view algorithm, credential, date, signature;  // V4
    std::string_view security_token;
    std::string_view access_key;  // V2, with `signature`.
  };
  // The signature of the policy text only; the policy itself is the caller's business.
  S3Result<Identity> verify_post_form(const PostForm& form);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A header that may have been hoisted into a presigned query (S3.md 0.5, 1.3): the header wins,
// then, for presigned requests, the parameter of that name in any case. Checksum parameters in a
// query are ignored, as S3 does. `name` is lower-case.
std::optional<std::string_view> effective_header(const RequestView& request, const Query& query,
                                                 AuthKind kind, std::string_view name);

}  // namespace cairn::s3
