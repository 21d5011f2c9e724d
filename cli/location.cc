#include "cli/location.h"

#include <algorithm>

namespace cairn::cli {
namespace {

constexpr std::string_view kScheme = "s3://";

// What every S3 server agrees on; servers judge the rest.
bool is_possible_bucket(std::string_view name) {
  const bool is_plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
  return is_plain && name != "." && name != ".." && name.size() <= 255;
}

}  // namespace

std::string Location::text() const {
  switch (kind) {
    case Kind::kS3: return std::string(kScheme) + bucket + (key.empty() ? "" : "/") + key;
    case Kind::kLocal: return path;
    case Kind::kStandardStream: return "-";
  }
  return {};
}

Result<Location> parse_location(std::string_view text) {
  Location location;
  if (text.empty()) return fail(Code::kInvalidArgument, "an empty path names nothing");
  if (text == "-") {
    location.kind = Location::Kind::kStandardStream;
    return location;
  }
  if (text.starts_with(kScheme)) {
    const std::string_view rest = text.substr(kScheme.size());
    const size_t slash = std::min(rest.find('/'), rest.size());
    location.kind = Location::Kind::kS3;
    location.bucket = rest.substr(0, slash);
    if (slash < rest.size()) location.key = rest.substr(slash + 1);
    if (!is_possible_bucket(location.bucket) ||
        (location.bucket.empty() && !location.key.empty())) {
      return fail(Code::kInvalidArgument,
                  "\"" + std::string(text) + "\" has no bucket name: write s3://BUCKET/KEY");
    }
    if (location.key.size() > kKeyBytesMax) {
      return fail(Code::kInvalidArgument, "a key has at most 1024 bytes");
    }
    return location;
  }
  const size_t colon = text.find("://");
  if (colon != std::string_view::npos && colon > 0 && text.find('/') > colon) {
    return fail(Code::kInvalidArgument, "\"" + std::string(text) +
                                            "\" is neither s3://BUCKET/KEY nor a path (for a file "
                                            "of that name write ./" +
                                            std::string(text) + ")");
  }
  if (text.find('\0') != std::string_view::npos) {
    return fail(Code::kInvalidArgument, "a path holds no NUL");
  }
  location.path = text;
  return location;
}

Result<Location> parse_bucket_location(std::string_view text) {
  Result<Location> location = parse_location(text);
  if (!location) return location;
  if (!location->is_s3() || location->bucket.empty()) {
    return fail(Code::kInvalidArgument,
                "\"" + std::string(text) + "\" names no bucket: write s3://BUCKET");
  }
  return location;
}

Result<Location> parse_object_location(std::string_view text) {
  Result<Location> location = parse_bucket_location(text);
  if (!location) return location;
  if (location->key.empty()) {
    return fail(Code::kInvalidArgument,
                "\"" + std::string(text) + "\" names no object: write s3://BUCKET/KEY");
  }
  return location;
}

std::string joined_key(std::string_view prefix, std::string_view name) {
  std::string key(prefix);
  if (!key.empty() && !key.ends_with('/') && !name.empty()) key += '/';
  key += name;
  return key;
}

}  // namespace cairn::cli
