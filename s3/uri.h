// Bucket and key of a request, and the names allowed (S3.md 2.0, 2.1); the coding of URIs is that
// of sigv4/. Keys are opaque bytes: `//`, `.` and `..` mean nothing here.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "s3/errors.h"
#include "s3/request_view.h"
#include "sigv4/uri.h"

namespace cairn::s3 {

using sigv4::append_canonical_path;
using sigv4::append_canonical_query;
using sigv4::append_uri_encoded;
using sigv4::kQueryParamsMax;
using sigv4::percent_decode;
using sigv4::Plus;
using sigv4::Query;
using sigv4::QueryParam;
using sigv4::Slash;
using sigv4::Tilde;

inline constexpr size_t kKeySizeBytesMax = 1024;

// Query::parse with S3's words: 400 InvalidURI.
S3Result<Query> parse_query(std::string_view raw);

// For encoding-type=url: '/' is kept, space is %20.
std::string url_encode_key(std::string_view key);

// Length of the well-formed UTF-8 sequence (Unicode table 3-7) at the start of `text`; 0 when there
// is none.
size_t utf8_sequence_size(std::string_view text);
bool is_valid_utf8(std::string_view text);
// 1..1024 bytes of UTF-8 without NUL; KeyTooLongError or InvalidURI.
S3Status check_key(std::string_view key);
// S3.md 2.1; InvalidBucketName + BucketName.
S3Status check_bucket_name(std::string_view name);

// What a request is about. Empty bucket = the service; empty key = the bucket.
struct Target {
  std::string bucket;
  std::string key;
  bool virtual_host = false;  // The bucket came from Host.
};
// Splits host and raw path. `base_domains` are lower-case without port; a host that is none of them
// and does not end in one is path style. Decodes the path once, `/bucket` = `/bucket/`.
// InvalidURI on a bad escape; the bucket name and key are checked too (check_bucket_name,
// check_key).
S3Result<Target> split_target(std::string_view host, std::string_view raw_path,
                              std::span<const std::string> base_domains);

}  // namespace cairn::s3
