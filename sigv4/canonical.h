// The canonical request and string to sign of SigV4, made from the wire (S3.md 1.2). Shared by the
// verifier and the signer. Appends to caller-owned strings, so a verifier reuses its memory.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/digest.h"
#include "sigv4/request_view.h"
#include "sigv4/uri.h"

namespace cairn::sigv4 {

inline constexpr std::string_view kV4Algorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kV4Terminator = "aws4_request";
inline constexpr std::string_view kV4Service = "s3";

struct CanonicalInput {
  std::string_view signed_headers;       // "host;x-amz-date", as sent.
  std::string_view payload;              // Last line, verbatim.
  std::string_view query_without;        // X-Amz-Signature of presigned URLs.
  std::optional<std::string_view> host;  // In place of the Host header.
  Tilde tilde = Tilde::kKeep;
};
// False when the path holds a bad escape.
bool append_canonical_request(std::string& out, const RequestView& request, const Query& query,
                              const CanonicalInput& input);
// `scope` is yyyymmdd/region/s3/aws4_request.
void append_string_to_sign(std::string& out, std::string_view date, std::string_view scope,
                           std::string_view canonical_request);

// Appends the values of one header: trimmed, runs of spaces squeezed, repeats joined with ','.
void append_canonical_header_value(std::string& out, const RequestView& request,
                                   std::string_view name);

// 64 lower-case hex digits without an allocation.
class HexSha256 {
 public:
  explicit HexSha256(const crypto::Sha256Value& value);
  std::string_view view() const { return {digits_.data(), digits_.size()}; }

 private:
  std::array<char, 64> digits_;
};

}  // namespace cairn::sigv4
