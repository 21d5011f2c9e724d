// What the arguments of cp, mv, sync, ls, ... name: s3://BUCKET/KEY, a path, or "-".
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn::cli {

// Keys are opaque bytes: nothing is decoded and nothing is normalised.
inline constexpr size_t kKeyBytesMax = 1024;  // As S3.

struct Location {
  enum class Kind : unsigned char { kS3, kLocal, kStandardStream };
  Kind kind = Kind::kLocal;
  std::string bucket;  // Of kS3; empty = the service itself (`s3://`).
  std::string key;     // Of kS3; empty = the bucket itself.
  std::string path;    // Of kLocal.

  bool is_s3() const { return kind == Kind::kS3; }
  bool is_local() const { return kind == Kind::kLocal; }
  bool is_stream() const { return kind == Kind::kStandardStream; }
  // As a person would type it.
  std::string text() const;
};

// kInvalidArgument when `text` is empty, an S3 address with an impossible bucket name, or looks
// like another kind of address ("http://...", "S3://...").
Result<Location> parse_location(std::string_view text);
// The same, and it must be an S3 address with a bucket.
Result<Location> parse_bucket_location(std::string_view text);
// The same, and it must name an object.
Result<Location> parse_object_location(std::string_view text);

// Joins a prefix that ends a folder ("" or "a/b/") and a relative name.
std::string joined_key(std::string_view prefix, std::string_view name);

}  // namespace cairn::cli
