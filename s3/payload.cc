#include "s3/payload.h"

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

// One pass without an allocation: every signed request goes through here.
bool parse_hex(std::string_view text, crypto::Sha256Value& out) {
  if (text.size() != 2 * out.size()) return false;
  const auto digit = [](char c) -> unsigned {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return 0x100;
  };
  unsigned seen = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const unsigned high = digit(text[2 * i]);
    const unsigned low = digit(text[2 * i + 1]);
    seen |= high | low;
    out[i] = static_cast<uint8_t>((high << 4) | low);
  }
  return seen < 0x100;
}

}  // namespace

S3Result<Payload> parse_payload(std::string_view content_sha256) {
  Payload payload{PayloadKind::kHashed, {}};
  if (parse_hex(content_sha256, payload.sha256)) return payload;
  for (const NamedKind& named : kNamedKinds) {
    if (named.name == content_sha256) return Payload{named.kind, {}};
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
