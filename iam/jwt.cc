#include "iam/jwt.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "iam/errors.h"
#include "iam/json.h"

namespace cairn::iam {
namespace {

using Json = nlohmann::json;

constexpr int kDepthMax = 8;

std::unexpected<Error> invalid(std::string_view message) {
  return fail_with(Code::kInvalidArgument, reason::kInvalidToken, message);
}

// A part of a token: base64url of a JSON object.
Result<Json> parse_part(std::string_view text, std::string_view what) {
  const std::optional<Bytes> bytes = from_base64url(text);
  if (!bytes) return invalid("The token's " + std::string(what) + " is not base64url.");
  std::optional<Json> json = parse_json(as_text(*bytes), kDepthMax);
  if (!json || !json->is_object() || json->size() > kJwtClaimsMax) {
    return invalid("The token's " + std::string(what) + " is not a JSON object.");
  }
  return std::move(*json);
}

// Seconds since 1970, as RFC 7519's NumericDate: a number, perhaps with a fraction.
Status take_time(const Json& claims, const char* name, std::optional<WallTime>& out) {
  const auto found = claims.find(name);
  if (found == claims.end()) return {};
  if (!found->is_number()) return invalid("The claim " + std::string(name) + " is not a number.");
  const double seconds_count = found->get<double>();
  constexpr double kMost = 1e11;  // The year 5138: beyond, milliseconds do not fit a double.
  if (!(seconds_count >= 0 && seconds_count <= kMost)) {
    return invalid("The claim " + std::string(name) + " is out of range.");
  }
  out = WallTime{static_cast<int64_t>(seconds_count * 1000)};
  return {};
}

Status take_audiences(const Json& claims, std::vector<std::string>& out) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return {};
  if (found->is_string()) {
    out.push_back(found->get<std::string>());
    return {};
  }
  if (!found->is_array() || found->size() > kJwtAudiencesMax) {
    return invalid("The claim aud is neither a text nor a short list of texts.");
  }
  for (const Json& one : *found) {
    if (!one.is_string()) return invalid("The claim aud holds something that is no text.");
    out.push_back(one.get<std::string>());
  }
  return {};
}

std::optional<std::string> text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

Status take_claims(const Json& claims, Jwt& out) {
  out.issuer = text_of(claims, "iss").value_or("");
  out.subject = text_of(claims, "sub").value_or("");
  out.authorized_party = text_of(claims, "azp");
  for (const Status& taken :
       {take_audiences(claims, out.audiences), take_time(claims, "exp", out.expires),
        take_time(claims, "nbf", out.not_before), take_time(claims, "iat", out.issued)}) {
    if (!taken) return taken;
  }
  for (const auto& [name, value] : claims.items()) {
    if (value.is_string()) out.claims.emplace(name, value.get<std::string>());
  }
  return {};
}

}  // namespace

Result<Jwt> parse_jwt(std::string_view token) {
  if (token.size() > kJwtBytesMax) return invalid("The token is longer than 20000 characters.");
  const size_t header_end = token.find('.');
  const size_t claims_end = token.find('.', std::min(header_end, token.size() - 1) + 1);
  if (header_end == std::string_view::npos || claims_end == std::string_view::npos ||
      token.find('.', claims_end + 1) != std::string_view::npos) {
    return invalid("The token is not a signed JWT: it needs three parts.");
  }
  Result<Json> header = parse_part(token.substr(0, header_end), "header");
  if (!header) return std::unexpected(header.error());
  Result<Json> claims =
      parse_part(token.substr(header_end + 1, claims_end - header_end - 1), "payload");
  if (!claims) return std::unexpected(claims.error());
  const std::optional<Bytes> signature = from_base64url(token.substr(claims_end + 1));
  if (!signature || signature->empty()) return invalid("The token has no signature.");
  // RFC 7515 4.1.11: what must be understood is not.
  if (header->contains("crit")) return invalid("The token needs an extension.");
  Jwt out;
  out.algorithm = text_of(*header, "alg").value_or("");
  out.key_id = text_of(*header, "kid").value_or("");
  out.signed_text = token.substr(0, claims_end);
  out.signature = as_text(*signature);
  if (const Status taken = take_claims(*claims, out); !taken) {
    return std::unexpected(taken.error());
  }
  return out;
}

Result<std::string> parse_discovery(std::string_view json, std::string_view issuer) {
  const std::optional<Json> metadata = parse_json(json, kDepthMax);
  if (!metadata || !metadata->is_object()) return invalid("The provider's metadata is no JSON.");
  if (text_of(*metadata, "issuer") != std::string(issuer)) {
    return invalid("The provider's metadata is of another issuer.");
  }
  std::optional<std::string> url = text_of(*metadata, "jwks_uri");
  if (!url) return invalid("The provider's metadata names no keys.");
  return std::move(*url);
}

Status check_claims(const Jwt& token, std::string_view issuer,
                    const std::vector<std::string>& client_ids, WallTime now) {
  constexpr int64_t kSkewMs = kTokenSkewMax.nanoseconds / 1'000'000;
  if (token.issuer != issuer) {
    return invalid("The token's issuer is not the provider's.");
  }
  if (token.subject.empty()) return invalid("The token has no subject.");
  const auto is_ours = [&](const std::string& audience) {
    return std::ranges::find(client_ids, audience) != client_ids.end();
  };
  if (std::ranges::none_of(token.audiences, is_ours)) {
    return invalid("Incorrect token audience.");
  }
  // OpenID Connect Core 3.1.3.7: with several audiences the one it was made for must be ours.
  if (token.audiences.size() > 1 && token.authorized_party && !is_ours(*token.authorized_party)) {
    return fail_with(Code::kInvalidArgument, reason::kRejectedClaim,
                     "The token was issued to another party (azp).");
  }
  if (!token.expires) return invalid("The token has no expiry.");
  if (token.expires->unix_ms + kSkewMs <= now.unix_ms) {
    return fail_with(Code::kInvalidArgument, reason::kExpiredToken,
                     "Token expired: get a new one from the identity provider.");
  }
  const bool is_early = (token.not_before && token.not_before->unix_ms - kSkewMs > now.unix_ms) ||
                        (token.issued && token.issued->unix_ms - kSkewMs > now.unix_ms);
  if (is_early) return invalid("The token is not valid yet.");
  return {};
}

}  // namespace cairn::iam
