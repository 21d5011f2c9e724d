#include "s3/auth_v4.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/dates.h"
#include "s3/sigv4.h"

namespace cairn::s3 {
namespace {

// Stands in for the secret of an unknown access key, so that refusing costs what verifying costs.
constexpr std::string_view kUnknownSecret = "no access key has this secret";

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

std::unexpected<S3Error> header_malformed(std::string detail) {
  return s3_fail(S3Code::kAuthorizationHeaderMalformed,
                 "The authorization header is malformed; " + detail);
}
std::unexpected<S3Error> query_malformed(std::string message) {
  return s3_fail(S3Code::kAuthorizationQueryParametersError, std::move(message));
}
std::unexpected<S3Error> scope_malformed(ScopePlace place, std::string_view credential,
                                         std::string detail) {
  if (place == ScopePlace::kHeader) return header_malformed(std::move(detail));
  if (place == ScopePlace::kForm) {
    return invalid_argument(std::move(detail), "X-Amz-Credential", credential);
  }
  return query_malformed("Error parsing the X-Amz-Credential parameter; " + detail);
}
std::unexpected<S3Error> invalid_date() {
  return s3_fail(S3Code::kAccessDenied,
                 "AWS authentication requires a valid Date or x-amz-date header.");
}

// Cuts the part after the last '/' off `rest`.
std::optional<std::string_view> cut_last(std::string_view& rest) {
  const size_t slash = rest.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view part = rest.substr(slash + 1);
  rest = rest.substr(0, slash);
  return part;
}

bool is_scope_date(std::string_view date) {
  std::array<char, 16> full = {'0', '0', '0', '0', '0', '0', '0', '0',
                               'T', '0', '0', '0', '0', '0', '0', 'Z'};
  if (date.size() != 8) return false;
  std::ranges::copy(date, full.begin());
  return parse_amz_date({full.data(), full.size()}).has_value();
}

bool lists_header(std::string_view list, std::string_view name) {
  for (size_t from = 0; from <= list.size();) {
    const size_t to = std::min(list.find(';', from), list.size());
    if (equal_ignoring_case(list.substr(from, to - from), name)) return true;
    from = to + 1;
  }
  return false;
}

// Lower-case names, each once. The list itself is part of what is signed.
bool is_signed_header_list(std::string_view list) {
  size_t count = 0;
  std::string_view before;
  bool is_sorted = true;
  for (size_t from = 0; from <= list.size();) {
    const size_t to = std::min(list.find(';', from), list.size());
    const std::string_view name = list.substr(from, to - from);
    if (name.empty() || ++count > kSignedHeadersMax) return false;
    if (std::ranges::any_of(name, [](char c) { return (c >= 'A' && c <= 'Z') || c <= ' '; })) {
      return false;
    }
    // Clients sort the list, which rules out repeats; the others pay for a search.
    is_sorted = is_sorted && before < name;
    if (!is_sorted && from > 0 && lists_header(list.substr(0, from - 1), name)) return false;
    before = name;
    from = to + 1;
  }
  return true;
}

// RELIABILITY.md S17.
S3Status check_signed_headers(const RequestView& request, std::string_view list) {
  std::string missing;
  const auto require = [&](std::string_view name) {
    if (lists_header(list, name)) return;
    if (!missing.empty()) missing += ", ";
    missing += name;
  };
  require("host");
  for (const HeaderView& header : request.headers) {
    if (starts_with_ignoring_case(header.name, "x-amz-")) require(header.name);
  }
  if (missing.empty()) return {};
  return s3_fail(S3Code::kAccessDenied,
                 "There were headers present in the request which were not signed",
                 {{"HeadersNotSigned", std::move(missing)}});
}

// The value that was signed is the value that is used: a repeated header would be two.
S3Status check_single(const RequestView& request) {
  for (const std::string_view name :
       {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"}) {
    if (request.header_count(name) > 1) {
      return invalid_argument("The header " + std::string(name) + " may be sent only once.", name,
                              {});
    }
  }
  return {};
}

// `Credential=..,SignedHeaders=..,Signature=..` in any order, blanks after commas or none.
struct Components {
  std::string_view credential, signed_headers, signature;
};
S3Result<Components> parse_components(std::string_view text) {
  Components out;
  for (size_t from = 0; from <= text.size();) {
    const size_t to = std::min(text.find(',', from), text.size());
    const std::string_view piece = trimmed(text.substr(from, to - from));
    from = to + 1;
    if (piece.empty()) continue;
    const size_t equals = piece.find('=');
    const auto malformed = [&] {
      return header_malformed("the authorization component " + quoted(piece) + " is malformed.");
    };
    if (equals == std::string_view::npos) return malformed();
    const std::string_view name = piece.substr(0, equals);
    std::string_view* target = name == "Credential"      ? &out.credential
                               : name == "SignedHeaders" ? &out.signed_headers
                               : name == "Signature"     ? &out.signature
                                                         : nullptr;
    if (target == nullptr || !target->empty() || equals + 1 == piece.size()) return malformed();
    *target = piece.substr(equals + 1);
  }
  if (out.credential.empty()) return header_malformed("missing Credential.");
  if (out.signed_headers.empty()) return header_malformed("missing SignedHeaders.");
  if (out.signature.empty()) return header_malformed("missing Signature.");
  return out;
}

// The parameters of a presigned URL; every X-Amz-* at most once, in any case.
struct QueryAuth {
  std::optional<std::string_view> algorithm, credential, date, expires, signed_headers, signature,
      token, content_sha256;
};
S3Result<QueryAuth> parse_query_auth(const Query& query) {
  QueryAuth out;
  struct Named {
    std::string_view name;
    std::optional<std::string_view>* value;
  };
  const Named named[] = {{"x-amz-algorithm", &out.algorithm},
                         {"x-amz-credential", &out.credential},
                         {"x-amz-date", &out.date},
                         {"x-amz-expires", &out.expires},
                         {"x-amz-signedheaders", &out.signed_headers},
                         {"x-amz-signature", &out.signature},
                         {"x-amz-security-token", &out.token},
                         {"x-amz-content-sha256", &out.content_sha256}};
  for (const QueryParam& param : query.params()) {
    if (!starts_with_ignoring_case(param.name, "x-amz-")) continue;
    if (query.count_ignoring_case(param.name) > 1) {
      return query_malformed("The query parameter " + std::string(param.name) +
                             " may be given only once.");
    }
    for (const Named& one : named) {
      if (equal_ignoring_case(param.name, one.name)) *one.value = param.value;
    }
  }
  if (!out.algorithm || !out.credential || !out.date || !out.expires || !out.signed_headers ||
      !out.signature) {
    return query_malformed(
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
        "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.");
  }
  return out;
}

}  // namespace

std::string spaced_hex(std::string_view text) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size() * 3);
  for (const char c : text) {
    if (!out.empty()) out += ' ';
    out += kHexDigits[static_cast<uint8_t>(c) >> 4];
    out += kHexDigits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

const Credential* find_credential(const CredentialSource& source, std::string_view access_key,
                                  std::string_view token) {
  const Credential* credential = source.find(access_key);
  if (credential != nullptr || token.empty()) return credential;
  return source.find_session(access_key, token);
}

S3Error unknown_access_key(std::string_view access_key, std::string_view token) {
  if (!token.empty()) return {S3Code::kInvalidToken, {}, {}};
  return {S3Code::kInvalidAccessKeyId, {}, {{"AWSAccessKeyId", std::string(access_key)}}};
}

S3Status check_skew(WallTime time, WallTime now, std::string_view request_time) {
  const int64_t skew_ms =
      time.unix_ms > now.unix_ms ? time.unix_ms - now.unix_ms : now.unix_ms - time.unix_ms;
  constexpr int64_t kSkewMaxMs = kClockSkewMax.nanoseconds / 1000000;
  if (skew_ms <= kSkewMaxMs) return {};
  return s3_fail(S3Code::kRequestTimeTooSkewed, {},
                 {{"RequestTime", std::string(request_time)},
                  {"ServerTime", format_iso8601(now)},
                  {"MaxAllowedSkewMilliseconds", std::to_string(kSkewMaxMs)}});
}

S3Status check_session_token(const Credential& credential, std::string_view token, WallTime now) {
  if (!crypto::equal_secret(as_bytes(credential.session_token), as_bytes(token))) {
    return s3_fail(S3Code::kInvalidToken);
  }
  if (credential.expires && *credential.expires <= now) return s3_fail(S3Code::kExpiredToken);
  return {};
}

S3Result<CredentialScope> parse_credential(std::string_view text, ScopePlace place,
                                           const AuthConfig& config) {
  CredentialScope out;
  out.credential = text;
  std::string_view rest = text;
  const std::optional<std::string_view> terminator = cut_last(rest);
  const std::optional<std::string_view> service = cut_last(rest);
  const std::optional<std::string_view> region = cut_last(rest);
  const std::optional<std::string_view> date = cut_last(rest);
  if (!date || rest.empty()) {
    return scope_malformed(place, text,
                           "the Credential is mal-formed; expecting "
                           "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
  }
  if (*terminator != kV4Terminator) {
    return scope_malformed(
        place, text,
        "incorrect terminal " + quoted(*terminator) + ". This endpoint uses \"aws4_request\".");
  }
  if (std::ranges::find(config.services, *service) == config.services.end()) {
    return scope_malformed(place, text,
                           "incorrect service " + quoted(*service) + ". This endpoint belongs to " +
                               quoted(config.services.front()) + ".");
  }
  if (!is_scope_date(*date)) {
    return scope_malformed(place, text,
                           "incorrect date format " + quoted(*date) +
                               ". This date in the credential must be in the format "
                               "\"yyyyMMdd\".");
  }
  if (config.strict_region && *region != config.region) {
    std::unexpected<S3Error> error = scope_malformed(
        place, text,
        "the region '" + std::string(*region) + "' is wrong; expecting '" + config.region + "'");
    error.error().fields.push_back({"Region", config.region});
    return error;
  }
  out.access_key = rest;
  out.scope = text.substr(rest.size() + 1);
  out.date = *date;
  out.region = *region;
  out.service = *service;
  return out;
}

V4Verifier::V4Verifier(const CredentialSource& credentials, const Clock& clock,
                       const AuthConfig& config)
    : credentials_(credentials), clock_(clock), config_(config) {}

S3Status V4Verifier::parse_header_date(const RequestView& request, Claim& claim) const {
  std::optional<WallTime> time;
  if (const auto amz_date = request.header("x-amz-date")) {
    time = parse_amz_date(*amz_date);
    claim.date = *amz_date;
  } else if (const auto date = request.header("date")) {
    time = parse_any_date(*date);
    if (time) claim.date_storage = format_amz_date(*time);
    claim.date = claim.date_storage;
  }
  if (!time) return invalid_date();
  if (claim.scope.date != claim.date.substr(0, 8)) {
    return header_malformed(
        "Invalid credential date " + quoted(claim.scope.date) +
        ". This date is not the same as X-Amz-Date: " + quoted(claim.date.substr(0, 8)) + ".");
  }
  return check_skew(*time, clock_.wall_now(), claim.date);
}

S3Result<AuthResult> V4Verifier::verify_header(const RequestView& request, const Query& query,
                                               std::string_view authorization) {
  const S3Result<Components> parts = parse_components(authorization);
  if (!parts) return std::unexpected(parts.error());
  Claim claim;
  S3Result<CredentialScope> scope =
      parse_credential(parts->credential, ScopePlace::kHeader, config_);
  if (!scope) return std::unexpected(std::move(scope.error()));
  claim.scope = *scope;
  if (!is_signed_header_list(parts->signed_headers)) {
    return header_malformed("the authorization component \"SignedHeaders\" is malformed.");
  }
  claim.signed_headers = parts->signed_headers;
  claim.signature = parts->signature;
  if (S3Status single = check_single(request); !single) return std::unexpected(single.error());
  if (S3Status date = parse_header_date(request, claim); !date) {
    return std::unexpected(std::move(date.error()));
  }
  claim.payload = request.header("x-amz-content-sha256");
  claim.token = request.header("x-amz-security-token").value_or(std::string_view{});
  return verify_claim(request, query, claim);
}

S3Status V4Verifier::check_query_times(const Query& query, const Claim& claim) const {
  const std::optional<WallTime> time = parse_amz_date(claim.date);
  if (!time) {
    return query_malformed(
        "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  if (claim.scope.date != claim.date.substr(0, 8)) {
    return query_malformed(
        "Invalid credential date " + quoted(claim.scope.date) +
        ". This date is not the same as X-Amz-Date: " + quoted(claim.date.substr(0, 8)) + ".");
  }
  std::string_view text = query.find_ignoring_case("x-amz-expires").value_or(std::string_view{});
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  uint64_t expires_s = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), expires_s);
  if (parsed.ptr != text.data() + text.size() || parsed.ec == std::errc::invalid_argument) {
    return query_malformed("X-Amz-Expires should be a number");
  }
  if (is_negative) return query_malformed("X-Amz-Expires must be non-negative");
  if (parsed.ec == std::errc::result_out_of_range || expires_s > kPresignSecondsMax) {
    return query_malformed(
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
        "must "
        "be less than 604800 seconds");
  }
  const WallTime now = clock_.wall_now();
  if (time->unix_ms > now.unix_ms + kClockSkewMax.nanoseconds / 1000000) {
    return s3_fail(S3Code::kAccessDenied, "Request is not valid yet");
  }
  const WallTime end{time->unix_ms + static_cast<int64_t>(expires_s) * 1000};
  if (now >= end) {
    return s3_fail(S3Code::kAccessDenied, "Request has expired",
                   {{"X-Amz-Expires", std::to_string(expires_s)},
                    {"Expires", format_iso8601(end)},
                    {"ServerTime", format_iso8601(now)}});
  }
  return {};
}

S3Result<AuthResult> V4Verifier::verify_query(const RequestView& request, const Query& query) {
  const S3Result<QueryAuth> auth = parse_query_auth(query);
  if (!auth) return std::unexpected(auth.error());
  if (*auth->algorithm == "AWS4-ECDSA-P256-SHA256") {
    return s3_fail(S3Code::kNotImplemented, "AWS4-ECDSA-P256-SHA256 is not implemented.");
  }
  if (*auth->algorithm != kV4Algorithm) {
    return query_malformed("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
  }
  Claim claim;
  claim.kind = AuthKind::kV4Query;
  S3Result<CredentialScope> scope =
      parse_credential(*auth->credential, ScopePlace::kQuery, config_);
  if (!scope) return std::unexpected(std::move(scope.error()));
  claim.scope = *scope;
  claim.date = *auth->date;
  claim.signature = *auth->signature;
  claim.signed_headers = *auth->signed_headers;
  if (!is_signed_header_list(claim.signed_headers)) {
    return query_malformed("X-Amz-SignedHeaders is malformed.");
  }
  if (S3Status times = check_query_times(query, claim); !times) {
    return std::unexpected(std::move(times.error()));
  }
  if (S3Status single = check_single(request); !single) return std::unexpected(single.error());
  const std::optional<std::string_view> header = request.header("x-amz-content-sha256");
  claim.payload = header ? header : auth->content_sha256;
  if (!claim.payload) claim.payload = request.body_sha256.value_or(kUnsignedPayload);
  claim.token = auth->token ? *auth->token
                            : request.header("x-amz-security-token").value_or(std::string_view{});
  return verify_claim(request, query, claim);
}

S3Result<AuthResult> V4Verifier::verify_claim(const RequestView& request, const Query& query,
                                              const Claim& claim) {
  AuthResult result;
  result.kind = claim.kind;
  if (claim.payload) {
    S3Result<Payload> payload = parse_payload(*claim.payload);
    if (!payload) return std::unexpected(std::move(payload.error()));
    result.payload = *payload;
  }
  if (S3Status headers = check_signed_headers(request, claim.signed_headers); !headers) {
    return std::unexpected(std::move(headers.error()));
  }
  const Credential* credential = find_credential(credentials_, claim.scope.access_key, claim.token);
  const crypto::Sha256Value key = signing_key(claim.scope, credential);
  const bool is_match = matches_any(request, query, claim, key);
  if (credential == nullptr) {
    return std::unexpected(unknown_access_key(claim.scope.access_key, claim.token));
  }
  if (!is_match) return std::unexpected(mismatch(request, query, claim));
  if (S3Status token = check_session_token(*credential, claim.token, clock_.wall_now()); !token) {
    return std::unexpected(std::move(token.error()));
  }
  remember(claim, credential->secret, key);
  result.identity = credential->identity;
  if (result.payload.kind == PayloadKind::kStreamingSigned ||
      result.payload.kind == PayloadKind::kStreamingSignedTrailer) {
    result.chunk_signing = ChunkSigning{
        key, std::string(claim.date), std::string(claim.scope.scope), std::string(claim.signature)};
  }
  return result;
}

crypto::Sha256Value V4Verifier::signing_key(const CredentialScope& scope,
                                            const Credential* credential) {
  if (credential != nullptr) {
    return keys_.get(scope.credential, credential->secret, scope.date, scope.region, scope.service);
  }
  unknown_credential_ = '\n';
  unknown_credential_ += scope.scope;
  return keys_.get(unknown_credential_, kUnknownSecret, scope.date, scope.region, scope.service);
}

// Keeps the key, and beside it the one used for unknown access keys, so that both are cached alike.
void V4Verifier::remember(const Claim& claim, std::string_view secret,
                          const crypto::Sha256Value& key) {
  if (keys_.holds(claim.scope.credential)) return keys_.keep(claim.scope.credential, secret, key);
  const crypto::Sha256Value unknown = signing_key(claim.scope, nullptr);
  keys_.keep(unknown_credential_, kUnknownSecret, unknown);
  keys_.keep(claim.scope.credential, secret, key);
}

bool V4Verifier::matches(const RequestView& request, const Query& query, const Claim& claim,
                         const CanonicalInput& input, const crypto::Sha256Value& key) {
  canonical_.clear();
  text_.clear();
  if (!append_canonical_request(canonical_, request, query, input)) return false;
  append_string_to_sign(text_, claim.date, claim.scope.scope, canonical_);
  const HexSha256 expected(crypto::hmac_sha256(key, as_bytes(text_)));
  return crypto::equal_secret(as_bytes(expected.view()), as_bytes(claim.signature));
}

bool V4Verifier::matches_any(const RequestView& request, const Query& query, const Claim& claim,
                             const crypto::Sha256Value& key) {
  CanonicalInput input;
  input.signed_headers = claim.signed_headers;
  if (claim.kind == AuthKind::kV4Query) input.query_without = "X-Amz-Signature";
  // curl --aws-sigv4 sends no x-amz-content-sha256 and signs the hash of an empty body.
  const std::string_view implied = request.body_sha256.value_or(kEmptySha256);
  input.payload = claim.payload.value_or(implied);
  if (matches(request, query, claim, input, key)) return true;
  // Readings that other clients sign. The path and query that were sent are used in every case:
  // only their canonical spelling differs.
  const std::optional<std::string_view> forwarded =
      config_.trust_forwarded_host ? request.header("x-forwarded-host") : std::nullopt;
  const bool has_tilde = canonical_.find('~') != std::string::npos;
  for (const bool other_host : {false, true}) {
    if (other_host && !forwarded) continue;
    for (const bool other_tilde : {false, true}) {
      if (other_tilde && !has_tilde) continue;
      for (const bool other_payload : {false, true}) {
        if (other_payload && (claim.payload || request.body_sha256)) continue;
        if (!other_host && !other_tilde && !other_payload) continue;
        input.host = other_host ? forwarded : std::nullopt;
        input.tilde = other_tilde ? Tilde::kEncode : Tilde::kKeep;
        input.payload = other_payload ? kUnsignedPayload : claim.payload.value_or(implied);
        if (matches(request, query, claim, input, key)) return true;
      }
    }
  }
  return false;
}

S3Error V4Verifier::mismatch(const RequestView& request, const Query& query, const Claim& claim) {
  canonical_.clear();
  text_.clear();
  CanonicalInput input;
  input.signed_headers = claim.signed_headers;
  if (claim.kind == AuthKind::kV4Query) input.query_without = "X-Amz-Signature";
  input.payload = claim.payload.value_or(request.body_sha256.value_or(kEmptySha256));
  append_canonical_request(canonical_, request, query, input);
  append_string_to_sign(text_, claim.date, claim.scope.scope, canonical_);
  return {S3Code::kSignatureDoesNotMatch,
          {},
          {{"AWSAccessKeyId", std::string(claim.scope.access_key)},
           {"StringToSign", text_},
           {"SignatureProvided", std::string(claim.signature)},
           {"StringToSignBytes", spaced_hex(text_)},
           {"CanonicalRequest", canonical_},
           {"CanonicalRequestBytes", spaced_hex(canonical_)}}};
}

S3Result<Identity> V4Verifier::verify_post_form(const Authenticator::PostForm& form) {
  if (form.algorithm != kV4Algorithm) {
    return invalid_argument("Only AWS4-HMAC-SHA256 is supported", "X-Amz-Algorithm",
                            form.algorithm);
  }
  const S3Result<CredentialScope> scope =
      parse_credential(form.credential, ScopePlace::kForm, config_);
  if (!scope) return std::unexpected(scope.error());
  const std::optional<WallTime> time = parse_amz_date(form.date);
  if (!time || form.date.substr(0, 8) != scope->date) {
    return invalid_argument("X-Amz-Date must be formated via ISO8601 Long format", "X-Amz-Date",
                            form.date);
  }
  // A signing key is good for a week; how long the form may be used, its policy says.
  const int64_t age_ms = clock_.wall_now().unix_ms - time->unix_ms;
  if (age_ms > int64_t{kPresignSecondsMax} * 1000) {
    return s3_fail(S3Code::kAccessDenied, "Invalid according to Policy: Policy expired.");
  }
  const Credential* credential =
      find_credential(credentials_, scope->access_key, form.security_token);
  const crypto::Sha256Value key = signing_key(*scope, credential);
  const HexSha256 expected(crypto::hmac_sha256(key, as_bytes(form.policy)));
  const bool is_match = crypto::equal_secret(as_bytes(expected.view()), as_bytes(form.signature));
  if (credential == nullptr) {
    return std::unexpected(unknown_access_key(scope->access_key, form.security_token));
  }
  if (!is_match) {
    return s3_fail(S3Code::kSignatureDoesNotMatch, {},
                   {{"AWSAccessKeyId", std::string(scope->access_key)},
                    {"StringToSign", std::string(form.policy)},
                    {"SignatureProvided", std::string(form.signature)},
                    {"StringToSignBytes", spaced_hex(form.policy)}});
  }
  if (S3Status token = check_session_token(*credential, form.security_token, clock_.wall_now());
      !token) {
    return std::unexpected(std::move(token.error()));
  }
  return credential->identity;
}

}  // namespace cairn::s3
