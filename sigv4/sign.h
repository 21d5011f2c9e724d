// Signs requests with SigV4: for clients (CLI, replication), presigned URLs and tests.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/digest.h"
#include "sigv4/request_view.h"

namespace cairn::sigv4 {

struct SigningIdentity {
  std::string access_key;
  std::string secret;
  std::string region = "us-east-1";
  std::string session_token;  // Empty = none.
};

struct SignedHeader {
  std::string name;
  std::string value;
};

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// What the chain of chunk signatures of an aws-chunked body starts from.
struct ChunkSigning {
  crypto::Sha256Value signing_key{};
  std::string date;            // yyyyMMdd'T'HHmmss'Z'
  std::string scope;           // yyyymmdd/region/s3/aws4_request
  std::string seed_signature;  // 64 lower-case hex digits.
};

struct SignedRequest {
  std::vector<SignedHeader>
      headers;                 // To be added: x-amz-date, x-amz-content-sha256, Authorization, ...
  ChunkSigning chunk_signing;  // Seed for aws-chunked bodies.
};
// Signs host, all x-amz-* and the other headers of `request`. The request must hold Host.
// `content_sha256` goes to x-amz-content-sha256 unless the request has that header already.
SignedRequest sign_v4(const SigningIdentity& identity, const RequestView& request,
                      std::string_view content_sha256, WallTime now);

// The query (without '?') of a presigned URL for `request` (its own parameters included); only the
// headers of `request` are signed, so give it Host and what the user of the URL will send.
std::string presign_v4(const SigningIdentity& identity, const RequestView& request, WallTime now,
                       uint32_t expires_seconds);

// Signature over a POST policy (base64 text).
std::string sign_post_policy_v4(const SigningIdentity& identity, std::string_view policy_base64,
                                WallTime now);

// HMAC chain "AWS4"+secret -> date (yyyymmdd) -> region -> service -> aws4_request.
crypto::Sha256Value derive_signing_key(std::string_view secret, std::string_view date,
                                       std::string_view region, std::string_view service = "s3");

}  // namespace cairn::sigv4
