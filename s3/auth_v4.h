// SigV4 verification: one request, header or presigned (S3.md 1.2, 1.3). Used by Authenticator
// only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "s3/auth.h"
#include "s3/signing_keys.h"
#include "s3/sigv4.h"

namespace cairn::s3 {

inline constexpr Duration kClockSkewMax = seconds(15 * 60);
inline constexpr uint64_t kPresignSecondsMax = 604800;
inline constexpr size_t kSignedHeadersMax = 100;

// "AK/yyyymmdd/region/s3/aws4_request", split from the right: access keys may contain '/'.
struct CredentialScope {
  std::string_view credential;  // All of it.
  std::string_view access_key;
  std::string_view scope;  // What follows the access key.
  std::string_view date;
  std::string_view region;
  std::string_view service;
};
enum class ScopePlace : uint8_t { kHeader, kQuery, kForm };
// Checks form, terminator, service and, where the configuration is strict, the region.
S3Result<CredentialScope> parse_credential(std::string_view text, ScopePlace place,
                                           const AuthConfig& config);

class V4Verifier {
 public:
  V4Verifier(const CredentialSource& credentials, const Clock& clock, const AuthConfig& config);

  S3Result<AuthResult> verify_header(const RequestView& request, const Query& query,
                                     std::string_view authorization);
  S3Result<AuthResult> verify_query(const RequestView& request, const Query& query);
  S3Result<Identity> verify_post_form(const Authenticator::PostForm& form);

 private:
  // What both forms have in common once parsed. Views into the request or into date_storage.
  struct Claim {
    AuthKind kind = AuthKind::kV4Header;
    CredentialScope scope;
    std::string_view signed_headers;
    std::string_view signature;
    std::string_view date;                    // yyyyMMdd'T'HHmmss'Z'
    std::optional<std::string_view> payload;  // Last line of the canonical request, as sent.
    std::string_view token;
    std::string date_storage;
  };
  S3Status parse_header_date(const RequestView& request, Claim& claim) const;
  S3Status check_query_times(const Query& query, const Claim& claim) const;
  S3Result<AuthResult> verify_claim(const RequestView& request, const Query& query,
                                    const Claim& claim);
  // True when the signature is that of one of the accepted readings of the request.
  bool matches_any(const RequestView& request, const Query& query, const Claim& claim,
                   const crypto::Sha256Value& key);
  bool matches(const RequestView& request, const Query& query, const Claim& claim,
               const CanonicalInput& input, const crypto::Sha256Value& key);
  void remember(const Claim& claim, std::string_view secret, const crypto::Sha256Value& key);
  crypto::Sha256Value signing_key(const CredentialScope& scope, const Credential* credential);
  S3Error mismatch(const RequestView& request, const Query& query, const Claim& claim);

  const CredentialSource& credentials_;
  const Clock& clock_;
  const AuthConfig& config_;
  SigningKeyCache keys_;
  std::string unknown_credential_;  // Cache name of the key that stands in for unknown ones.
  std::string canonical_;           // Scratch, reused by every request.
  std::string text_;                // Likewise: the string to sign.
};

// Of a verified request: the session token must be the credential's own and not expired.
S3Status check_session_token(const Credential& credential, std::string_view token, WallTime now);
// By access key, else by token. Null when neither is known.
const Credential* find_credential(const CredentialSource& source, std::string_view access_key,
                                  std::string_view token);
// 403 InvalidAccessKeyId; with a token 400 InvalidToken.
S3Error unknown_access_key(std::string_view access_key, std::string_view token);
// 403 RequestTimeTooSkewed when `time` is further than kClockSkewMax from `now`.
S3Status check_skew(WallTime time, WallTime now, std::string_view request_time);
// "41 57 53 34": for StringToSignBytes.
std::string spaced_hex(std::string_view text);

}  // namespace cairn::s3
