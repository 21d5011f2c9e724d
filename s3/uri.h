// Names on the wire: percent coding, query parameters, bucket and key (S3.md 1.2, 2.0, 2.1).
// Keys are opaque bytes: `//`, `.` and `..` mean nothing here.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "s3/errors.h"
#include "s3/request_view.h"

namespace cairn::s3 {

inline constexpr size_t kQueryParamsMax = 256;
inline constexpr size_t kKeySizeBytesMax = 1024;

enum class Plus : uint8_t { kLiteral, kSpace };

// Decodes %XX once. nullopt on an incomplete or non-hex escape.
std::optional<std::string> percent_decode(std::string_view text, Plus plus);

enum class Slash : uint8_t { kKeep, kEncode };
enum class Tilde : uint8_t { kKeep, kEncode };
// Appends `text` with every byte but A-Za-z0-9-._~ (and '/', when kept) as %XX, upper-case.
void append_uri_encoded(std::string& out, std::string_view text, Slash slash,
                        Tilde tilde = Tilde::kKeep);
// For encoding-type=url: '/' is kept, space is %20.
std::string url_encode_key(std::string_view key);

// Decodes and encodes in one pass, which makes one canonical form of all encodings of a path.
// False on a bad escape. The path is never normalised.
bool append_canonical_path(std::string& out, std::string_view raw_path, Tilde tilde = Tilde::kKeep);

// One parameter, decoded ('+' is a space). Views into the request or into the Query.
struct QueryParam {
  std::string_view name;
  std::string_view value;     // Empty when there is no '='.
  std::string_view raw_name;  // As on the wire.
  std::string_view raw_value;
};

// The parameters in order of arrival. Refers to the raw query it was parsed from. Movable.
class Query {
 public:
  Query() = default;
  // 400 InvalidURI on a bad escape or more than kQueryParamsMax parameters. Empty pieces (`&&`) are
  // dropped.
  static S3Result<Query> parse(std::string_view raw);

  std::span<const QueryParam> params() const { return params_; }
  // First of that exact name.
  std::optional<std::string_view> find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name).has_value(); }
  // Names compared without case: X-Amz-* and hoisted headers.
  std::optional<std::string_view> find_ignoring_case(std::string_view name) const;
  size_t count_ignoring_case(std::string_view name) const;

 private:
  std::vector<QueryParam> params_;
  std::unique_ptr<char[]> decoded_;  // Only when something had to be decoded.
};

// Appends the canonical query of SigV4: encoded, sorted by name then value, duplicates kept,
// without parameters named `without` (any case).
void append_canonical_query(std::string& out, const Query& query, std::string_view without = {},
                            Tilde tilde = Tilde::kKeep);

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
