// Signature version 2 (S3.md 1.6): still the default of older SDKs for presigned URLs.
#pragma once

#include <string>
#include <string_view>

#include "s3/request_view.h"
#include "s3/uri.h"

namespace cairn::s3 {

// What stands in the Date line: the Date header, or Expires of a presigned URL.
enum class V2Form : uint8_t { kHeader, kQuery };

// Whether `/bucket` is signed as it stands or, as boto3 does, as `/bucket/`.
enum class V2BucketPath : uint8_t { kAsSent, kWithSlash };

// The string to sign. `target` tells the bucket of virtual-host requests.
std::string v2_string_to_sign(const RequestView& request, const Query& query, const Target& target,
                              V2Form form, V2BucketPath bucket_path = V2BucketPath::kAsSent);
// Whether the parameters of a presigned URL read as no others do in the string to sign, where they
// stand decoded: what is signed as several may not be sent as one, of which the rest then says
// nothing.
bool v2_query_is_plain(const Query& query);
// base64(HMAC-SHA1(secret, text)); also signs POST policies (text = base64 policy).
std::string v2_signature(std::string_view secret, std::string_view text);

}  // namespace cairn::s3
