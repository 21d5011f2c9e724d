#include "s3/payload.h"

#include <algorithm>

#include "base/encoding.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kAllowedForms =
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or "
    "a valid sha256 value.";

struct NamedKind {
  std::string_view name;
  PayloadKind kind;
};
constexpr NamedKind kNamedKinds[] = {
    {"UNSIGNED-PAYLOAD", PayloadKind::kUnsigned},
    {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PayloadKind::kStreamingUnsignedTrailer},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PayloadKind::kStreamingSigned},
    {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PayloadKind::kStreamingSignedTrailer},
    {"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", PayloadKind::kStreamingEcdsa},
    {"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", PayloadKind::kStreamingEcdsaTrailer},
};

}  // namespace

S3Result<Payload> parse_payload(std::string_view content_sha256) {
  for (const NamedKind& named : kNamedKinds) {
    if (named.name == content_sha256) return Payload{named.kind, {}};
  }
  Payload payload{PayloadKind::kHashed, {}};
  if (content_sha256.size() == 2 * payload.sha256.size()) {
    if (const std::optional<Bytes> bytes = from_hex(content_sha256)) {
      std::ranges::copy(*bytes, payload.sha256.begin());
      return payload;
    }
  }
  return invalid_argument(std::string(kAllowedForms), "x-amz-content-sha256", content_sha256);
}

S3Error content_sha256_mismatch(const crypto::Sha256Value& claimed,
                                const crypto::Sha256Value& computed) {
  return S3Error{S3Code::kXAmzContentSHA256Mismatch,
                 {},
                 {{"ClientComputedContentSHA256", to_hex(claimed)},
                  {"S3ComputedContentSHA256", to_hex(computed)}}};
}

}  // namespace cairn::s3
