// What x-amz-content-sha256 says about the body (S3.md 1.4). It alone decides the framing; never
// Content-Encoding.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/digest.h"
#include "s3/errors.h"
#include "sigv4/sign.h"

namespace cairn::s3 {

enum class PayloadKind : uint8_t {
  kHashed,                    // 64 hex digits: compare before commit.
  kUnsigned,                  // UNSIGNED-PAYLOAD, presigned, or no header at all.
  kStreamingUnsignedTrailer,  // aws-chunked without chunk signatures.
  kStreamingSigned,           // aws-chunked with them.
  kStreamingSignedTrailer,
  kStreamingEcdsa,  // V4a: 501.
  kStreamingEcdsaTrailer,
};

struct Payload {
  PayloadKind kind = PayloadKind::kUnsigned;
  crypto::Sha256Value sha256{};  // Only for kHashed.
  bool is_streaming() const { return kind >= PayloadKind::kStreamingUnsignedTrailer; }
  bool has_trailer() const {
    return kind == PayloadKind::kStreamingUnsignedTrailer ||
           kind == PayloadKind::kStreamingSignedTrailer ||
           kind == PayloadKind::kStreamingEcdsaTrailer;
  }
};

// 400 InvalidArgument for anything but the known forms.
S3Result<Payload> parse_payload(std::string_view content_sha256);

// 400 XAmzContentSHA256Mismatch with both hashes.
S3Error content_sha256_mismatch(const crypto::Sha256Value& claimed,
                                const crypto::Sha256Value& computed);

using sigv4::ChunkSigning;

}  // namespace cairn::s3
