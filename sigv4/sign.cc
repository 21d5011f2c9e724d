#include "sigv4/sign.h"

#include <algorithm>

#include "base/dates.h"
#include "sigv4/canonical.h"
#include "sigv4/uri.h"

namespace cairn::sigv4 {
namespace {

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

// The sorted, unique, lower-case names of all headers, joined with ';'.
std::string signed_header_names(std::span<const HeaderView> headers) {
  std::vector<std::string> names;
  for (const HeaderView& header : headers) names.push_back(to_lower(header.name));
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string joined;
  for (const std::string& name : names) {
    if (!joined.empty()) joined += ';';
    joined += name;
  }
  return joined;
}

std::string scope_of(std::string_view amz_date, std::string_view region) {
  std::string scope(amz_date.substr(0, 8));
  scope += '/';
  scope += region;
  scope += "/s3/aws4_request";
  return scope;
}

std::string signature_over(const crypto::Sha256Value& key, std::string_view text) {
  return std::string(HexSha256(crypto::hmac_sha256(key, as_bytes(text))).view());
}

// The query of a request we build ourselves always parses; a caller's bad escape signs as empty and
// is refused by the server.
Query parse_or_empty(std::string_view raw) {
  Result<Query> query = Query::parse(raw);
  return query ? std::move(*query) : Query();
}

}  // namespace

crypto::Sha256Value derive_signing_key(std::string_view secret, std::string_view date,
                                       std::string_view region, std::string_view service) {
  std::string first = "AWS4";
  first += secret;
  crypto::Sha256Value key = crypto::hmac_sha256(as_bytes(first), as_bytes(date));
  key = crypto::hmac_sha256(key, as_bytes(region));
  key = crypto::hmac_sha256(key, as_bytes(service));
  return crypto::hmac_sha256(key, as_bytes(kV4Terminator));
}

SignedRequest sign_v4(const SigningIdentity& identity, const RequestView& request,
                      std::string_view content_sha256, WallTime now) {
  SignedRequest out;
  std::vector<HeaderView> headers(request.headers.begin(), request.headers.end());
  const std::string date = format_amz_date(now);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (request.header(name)) return;
    out.headers.push_back({std::string(name), std::string(value)});
    headers.push_back({name, value});
  };
  add("x-amz-date", date);
  add("x-amz-content-sha256", content_sha256);
  if (!identity.session_token.empty()) add("x-amz-security-token", identity.session_token);

  RequestView full = request;
  full.headers = headers;
  const std::string names = signed_header_names(headers);
  const std::string_view used_date = full.header("x-amz-date").value_or(date);
  const std::string scope = scope_of(used_date, identity.region);
  std::string canonical;
  append_canonical_request(canonical, full, parse_or_empty(request.query),
                           {.signed_headers = names,
                            .payload = full.header("x-amz-content-sha256").value_or(""),
                            .query_without = {},
                            .host = std::nullopt,
                            .tilde = Tilde::kKeep});
  std::string text;
  append_string_to_sign(text, used_date, scope, canonical);
  out.chunk_signing.signing_key =
      derive_signing_key(identity.secret, used_date.substr(0, 8), identity.region);
  out.chunk_signing.date = used_date;
  out.chunk_signing.scope = scope;
  out.chunk_signing.seed_signature = signature_over(out.chunk_signing.signing_key, text);
  out.headers.push_back({"Authorization", std::string(kV4Algorithm) +
                                              " Credential=" + identity.access_key + "/" + scope +
                                              ", SignedHeaders=" + names +
                                              ", Signature=" + out.chunk_signing.seed_signature});
  return out;
}

std::string presign_v4(const SigningIdentity& identity, const RequestView& request, WallTime now,
                       uint32_t expires_seconds) {
  const std::string date = format_amz_date(now);
  const std::string scope = scope_of(date, identity.region);
  const std::string names = signed_header_names(request.headers);
  std::string query(request.query);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!query.empty()) query += '&';
    query += name;
    query += '=';
    append_uri_encoded(query, value, Slash::kEncode);
  };
  add("X-Amz-Algorithm", kV4Algorithm);
  add("X-Amz-Credential", identity.access_key + "/" + scope);
  add("X-Amz-Date", date);
  add("X-Amz-Expires", std::to_string(expires_seconds));
  if (!identity.session_token.empty()) add("X-Amz-Security-Token", identity.session_token);
  add("X-Amz-SignedHeaders", names);
  std::string canonical;
  append_canonical_request(
      canonical, request, parse_or_empty(query),
      {.signed_headers = names,
       .payload = request.header("x-amz-content-sha256").value_or(kUnsignedPayload),
       .query_without = {},
       .host = std::nullopt,
       .tilde = Tilde::kKeep});
  std::string text;
  append_string_to_sign(text, date, scope, canonical);
  add("X-Amz-Signature",
      signature_over(derive_signing_key(identity.secret, date.substr(0, 8), identity.region),
                     text));
  return query;
}

std::string sign_post_policy_v4(const SigningIdentity& identity, std::string_view policy_base64,
                                WallTime now) {
  const std::string date = format_amz_date(now).substr(0, 8);
  return signature_over(derive_signing_key(identity.secret, date, identity.region), policy_base64);
}

}  // namespace cairn::sigv4
