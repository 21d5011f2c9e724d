#include "s3/auth.h"

#include <charconv>

#include "base/dates.h"
#include "s3/auth_v4.h"
#include "s3/sigv2.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kUnknownSecret = "no access key has this secret";

bool has_v4_query(const Query& query) {
  return query.count_ignoring_case("x-amz-algorithm") > 0 ||
         query.count_ignoring_case("x-amz-credential") > 0 ||
         query.count_ignoring_case("x-amz-signature") > 0;
}

bool has_v2_query(const Query& query) {
  return query.has("AWSAccessKeyId") || query.has("Signature") || query.has("Expires");
}

bool is_post_form(const RequestView& request, const Target& target) {
  if (request.method != "POST" || target.bucket.empty() || !target.key.empty()) return false;
  // Whatever else a bucket is posted without a sub-resource is refused as no form.
  if (request.query.empty()) return true;
  const std::optional<std::string_view> type = request.header("content-type");
  return type && starts_with_ignoring_case(*type, "multipart/form-data");
}

// The body's form where the mechanism signs no payload. Signed chunks need a V4 seed.
S3Status set_payload(const RequestView& request, AuthResult& result) {
  const std::optional<std::string_view> text = request.header("x-amz-content-sha256");
  if (!text) return {};
  S3Result<Payload> payload = parse_payload(*text);
  if (!payload) return std::unexpected(std::move(payload.error()));
  if (payload->kind == PayloadKind::kStreamingSigned ||
      payload->kind == PayloadKind::kStreamingSignedTrailer) {
    return s3_fail(S3Code::kInvalidRequest,
                   "The authorization mechanism you have provided does not support signed chunks.");
  }
  result.payload = *payload;
  return {};
}

// boto3 sends `/bucket` and signs `/bucket/`.
std::string second_v2_string(const RequestView& request, const Query& query, const Target& target,
                             V2Form form) {
  const bool is_bare_bucket = !target.bucket.empty() && target.key.empty() &&
                              !target.virtual_host && !request.path.ends_with('/');
  if (!is_bare_bucket) return {};
  return v2_string_to_sign(request, query, target, form, V2BucketPath::kWithSlash);
}

}  // namespace

const Credential* CredentialSource::find_session(std::string_view, std::string_view) const {
  return nullptr;
}

std::string_view to_string(AuthKind kind) {
  switch (kind) {
    case AuthKind::kAnonymous: return "anonymous";
    case AuthKind::kV4Header: return "v4";
    case AuthKind::kV4Query: return "v4-presigned";
    case AuthKind::kV2Header: return "v2";
    case AuthKind::kV2Query: return "v2-presigned";
    case AuthKind::kPostForm: return "post-form";
  }
  return "unknown";
}

struct Authenticator::State {
  State(const CredentialSource& source, const Clock& time, AuthConfig settings)
      : credentials(source), clock(time), config(std::move(settings)), v4(source, time, config) {}

  S3Result<AuthResult> verify_authorization(const RequestView& request, const Query& query,
                                            const Target& target, std::string_view header);
  S3Result<AuthResult> verify_v2_header(const RequestView& request, const Query& query,
                                        const Target& target, std::string_view credentials_text);
  S3Result<AuthResult> verify_v2_query(const RequestView& request, const Query& query,
                                       const Target& target);
  // `second_text`: another string that the client may have signed instead; empty = none.
  S3Result<Identity> verify_v2(std::string_view access_key, std::string_view signature,
                               std::string_view text, std::string_view second_text,
                               std::string_view token);
  S3Status check_v2_allowed() const;

  const CredentialSource& credentials;
  const Clock& clock;
  const AuthConfig config;
  V4Verifier v4;
};

S3Status Authenticator::State::check_v2_allowed() const {
  if (config.allow_v2) return {};
  return s3_fail(S3Code::kInvalidRequest,
                 "The authorization mechanism you have provided is not supported. Please use "
                 "AWS4-HMAC-SHA256.");
}

S3Result<Identity> Authenticator::State::verify_v2(std::string_view access_key,
                                                   std::string_view signature,
                                                   std::string_view text,
                                                   std::string_view second_text,
                                                   std::string_view token) {
  const Credential* credential = find_credential(credentials, access_key, token);
  const std::string_view secret =
      credential != nullptr ? std::string_view(credential->secret) : kUnknownSecret;
  const auto signs = [&](std::string_view candidate) {
    return crypto::equal_secret(as_bytes(v2_signature(secret, candidate)), as_bytes(signature));
  };
  const bool is_match = signs(text) || (!second_text.empty() && signs(second_text));
  if (credential == nullptr) return std::unexpected(unknown_access_key(access_key, token));
  if (!is_match) {
    return s3_fail(S3Code::kSignatureDoesNotMatch, {},
                   {{"AWSAccessKeyId", std::string(access_key)},
                    {"StringToSign", std::string(text)},
                    {"SignatureProvided", std::string(signature)},
                    {"StringToSignBytes", spaced_hex(text)}});
  }
  if (S3Status checked = check_session_token(*credential, token, clock.wall_now()); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return credential->identity;
}

S3Result<AuthResult> Authenticator::State::verify_v2_header(const RequestView& request,
                                                            const Query& query,
                                                            const Target& target,
                                                            std::string_view credentials_text) {
  if (S3Status allowed = check_v2_allowed(); !allowed) return std::unexpected(allowed.error());
  const size_t colon = credentials_text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == credentials_text.size()) {
    return invalid_argument(
        "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature", "Authorization",
        credentials_text);
  }
  const std::optional<std::string_view> amz_date = request.header("x-amz-date");
  const std::optional<std::string_view> date = amz_date ? amz_date : request.header("date");
  const std::optional<WallTime> time = date ? parse_any_date(*date) : std::nullopt;
  if (!time) {
    return s3_fail(S3Code::kAccessDenied,
                   "AWS authentication requires a valid Date or x-amz-date header.");
  }
  if (S3Status skew = check_skew(*time, clock.wall_now(), *date); !skew) {
    return std::unexpected(std::move(skew.error()));
  }
  AuthResult result;
  result.kind = AuthKind::kV2Header;
  if (S3Status payload = set_payload(request, result); !payload) {
    return std::unexpected(std::move(payload.error()));
  }
  S3Result<Identity> identity =
      verify_v2(credentials_text.substr(0, colon), credentials_text.substr(colon + 1),
                v2_string_to_sign(request, query, target, V2Form::kHeader),
                second_v2_string(request, query, target, V2Form::kHeader),
                request.header("x-amz-security-token").value_or(std::string_view{}));
  if (!identity) return std::unexpected(std::move(identity.error()));
  result.identity = std::move(*identity);
  return result;
}

S3Result<AuthResult> Authenticator::State::verify_v2_query(const RequestView& request,
                                                           const Query& query,
                                                           const Target& target) {
  if (S3Status allowed = check_v2_allowed(); !allowed) return std::unexpected(allowed.error());
  for (const std::string_view name : {"AWSAccessKeyId", "Signature", "Expires"}) {
    if (query.count_ignoring_case(name) != 1 || !query.has(name)) {
      return s3_fail(S3Code::kAccessDenied,
                     "Query-string authentication requires the Signature, Expires and "
                     "AWSAccessKeyId parameters");
    }
  }
  if (!v2_query_is_plain(query)) {
    return s3_fail(S3Code::kAccessDenied,
                   "A parameter of the query would be signed like several parameters.");
  }
  const std::string_view text = *query.find("Expires");
  int64_t expires_s = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), expires_s);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || expires_s < 0 ||
      expires_s > INT64_MAX / 1000) {
    return s3_fail(S3Code::kAccessDenied,
                   "Invalid date (should be seconds since epoch): " + std::string(text));
  }
  const WallTime now = clock.wall_now();
  if (now.unix_ms >= expires_s * 1000) {
    return s3_fail(S3Code::kAccessDenied, "Request has expired",
                   {{"Expires", format_iso8601(WallTime{expires_s * 1000})},
                    {"ServerTime", format_iso8601(now)}});
  }
  AuthResult result;
  result.kind = AuthKind::kV2Query;
  if (S3Status payload = set_payload(request, result); !payload) {
    return std::unexpected(std::move(payload.error()));
  }
  const std::string_view token =
      effective_header(request, query, AuthKind::kV2Query, "x-amz-security-token")
          .value_or(std::string_view{});
  S3Result<Identity> identity =
      verify_v2(*query.find("AWSAccessKeyId"), *query.find("Signature"),
                v2_string_to_sign(request, query, target, V2Form::kQuery),
                second_v2_string(request, query, target, V2Form::kQuery), token);
  if (!identity) return std::unexpected(std::move(identity.error()));
  result.identity = std::move(*identity);
  return result;
}

S3Result<AuthResult> Authenticator::State::verify_authorization(const RequestView& request,
                                                                const Query& query,
                                                                const Target& target,
                                                                std::string_view header) {
  const size_t space = header.find(' ');
  if (space == std::string_view::npos) {
    return invalid_argument(
        "Authorization header is invalid -- one and only one ' ' (space) required.",
        "Authorization", header);
  }
  const std::string_view scheme = header.substr(0, space);
  const std::string_view rest = trimmed(header.substr(space + 1));
  if (scheme == kV4Algorithm) return v4.verify_header(request, query, rest);
  if (scheme == "AWS") return verify_v2_header(request, query, target, rest);
  if (scheme == "AWS4-ECDSA-P256-SHA256") {
    return s3_fail(S3Code::kNotImplemented, "AWS4-ECDSA-P256-SHA256 is not implemented.");
  }
  return invalid_argument("Unsupported Authorization Type", "Authorization", header);
}

Authenticator::Authenticator(const CredentialSource& credentials, const Clock& clock,
                             AuthConfig config)
    : state_(std::make_unique<State>(credentials, clock, std::move(config))) {}
Authenticator::~Authenticator() = default;

S3Result<AuthResult> Authenticator::authenticate(const RequestView& request, const Query& query,
                                                 const Target& target) {
  // An empty header says nothing of who asks.
  const bool says_nothing = request.header("authorization").value_or("").empty();
  const size_t headers_count = says_nothing ? 0 : request.header_count("authorization");
  const bool is_v4_query = has_v4_query(query);
  const bool is_v2_query = has_v2_query(query);
  if (headers_count + (is_v4_query ? 1 : 0) + (is_v2_query ? 1 : 0) > 1) {
    return invalid_argument(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature "
        "query "
        "string parameter or the Authorization header should be specified",
        "Authorization", request.header("authorization").value_or(std::string_view{}));
  }
  if (headers_count == 1) {
    return state_->verify_authorization(request, query, target, *request.header("authorization"));
  }
  if (is_v4_query) return state_->v4.verify_query(request, query);
  if (is_v2_query) return state_->verify_v2_query(request, query, target);
  AuthResult result;
  if (is_post_form(request, target)) result.kind = AuthKind::kPostForm;
  if (S3Status payload = set_payload(request, result); !payload) {
    return std::unexpected(std::move(payload.error()));
  }
  return result;
}

S3Result<Identity> Authenticator::verify_post_form(const PostForm& form) {
  if (!form.algorithm.empty() || !form.credential.empty()) {
    if (!form.access_key.empty()) {
      return invalid_argument("Only one auth mechanism allowed", "AWSAccessKeyId", form.access_key);
    }
    return state_->v4.verify_post_form(form);
  }
  if (S3Status allowed = state_->check_v2_allowed(); !allowed) {
    return std::unexpected(allowed.error());
  }
  return state_->verify_v2(form.access_key, form.signature, form.policy, {}, form.security_token);
}

std::optional<std::string_view> effective_header(const RequestView& request, const Query& query,
                                                 AuthKind kind, std::string_view name) {
  if (const std::optional<std::string_view> value = request.header(name)) return value;
  if (kind != AuthKind::kV4Query && kind != AuthKind::kV2Query) return std::nullopt;
  if (!name.starts_with("x-amz-")) return std::nullopt;
  if (name.starts_with("x-amz-checksum-") || name == "x-amz-sdk-checksum-algorithm" ||
      name == "x-amz-trailer") {
    return std::nullopt;
  }
  return query.find_ignoring_case(name);
}

}  // namespace cairn::s3
