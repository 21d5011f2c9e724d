// Identity tokens of OpenID Connect: a JWT (RFC 7519, 7515) is taken apart under bounds and its
// signature verified with a key of the issuer's JWKS (RFC 7517).
//
// Only RS256 and ES256, and the key decides: an RSA key verifies RS256 only, a P-256 key ES256
// only, so neither `none` nor an HMAC made with a public key ever passes (RFC 8725 2.1, 3.1). A
// token names its key: without `kid` it is refused. Pure functions; any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/units.h"

namespace cairn::iam {

inline constexpr size_t kJwtBytesMax = 20'000;  // STS's bound of WebIdentityToken.
inline constexpr size_t kJwtClaimsMax = 200;
inline constexpr size_t kJwtAudiencesMax = 20;
inline constexpr size_t kJwksBytesMax = 256 * KiB;
inline constexpr size_t kJwksKeysMax = 100;
inline constexpr size_t kRsaBitsMin = 2048;
inline constexpr size_t kRsaBitsMax = 8192;
// How far the clocks of the issuer and of this server may be apart.
inline constexpr Duration kTokenSkewMax = seconds(60);

struct Jwt {
  // Header.
  std::string algorithm;
  std::string key_id;
  // Claims that are judged.
  std::string issuer;
  std::string subject;
  std::vector<std::string> audiences;
  std::optional<std::string> authorized_party;
  std::optional<WallTime> expires;
  std::optional<WallTime> not_before;
  std::optional<WallTime> issued;
  // Other claims with a text value, for condition keys.
  std::map<std::string, std::string> claims;
  // What is signed, and by what.
  std::string signed_text;
  std::string signature;
};
// kInvalidArgument (reason::kInvalidToken) on anything that is not a signed JWT.
Result<Jwt> parse_jwt(std::string_view token);

// The usable public keys of an issuer.
class KeySet {
 public:
  // Keys of kinds that are not used here are skipped. kInvalidArgument when the text is no JWKS.
  static Result<std::shared_ptr<const KeySet>> parse(std::string_view json);
  ~KeySet();
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  bool has_key(std::string_view key_id) const;
  size_t size() const;
  // kInvalidArgument (reason::kInvalidToken) when no key of that id made the signature.
  Status verify(const Jwt& token) const;

 private:
  struct State;
  explicit KeySet(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

// The `jwks_uri` of an issuer's metadata (OpenID Connect Discovery 1.0, 4.3), which must be that
// issuer's. kInvalidArgument (reason::kInvalidToken).
Result<std::string> parse_discovery(std::string_view json, std::string_view issuer);

// The claims against what is expected, at `now`: issuer, one of the audiences, exp (required), nbf,
// iat, sub. Failures begin with reason::kInvalidToken, kExpiredToken or kRejectedClaim.
Status check_claims(const Jwt& token, std::string_view issuer,
                    const std::vector<std::string>& client_ids, WallTime now);

}  // namespace cairn::iam
