// What buckets and objects are, as every door sees them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "crypto/digest.h"
#include "crypto/key_ring.h"

namespace cairn::object {

using crypto::DigestKind;
using crypto::DigestValue;
using crypto::TenantId;

// S3's limits (S3.md 2.1).
inline constexpr size_t kKeyBytesMax = 1024;
inline constexpr uint64_t kObjectBytesMax = 50 * TiB;
inline constexpr uint64_t kPartBytesMax = 5 * GiB;
inline constexpr uint64_t kPartBytesMin = 5 * MiB;
inline constexpr uint32_t kPartNumberMax = 10000;
inline constexpr uint64_t kInlineBytesMax = 16 * KiB;

struct BucketInfo {
  std::string name;
  uint64_t id = 0;  // Never reused; object keys are under it.
  TenantId tenant;
  WallTime created;
  std::string location;  // As given in LocationConstraint; empty = default region.
};

// Headers that are stored and given back as they came. `user` holds x-amz-meta-* by lower-case name
// without the prefix, in name order; values are raw bytes.
struct ObjectMetadata {
  std::string content_type;
  std::string cache_control;
  std::string content_disposition;
  std::string content_encoding;
  std::string content_language;
  std::string expires;
  std::string website_redirect;
  std::string storage_class;  // Empty = STANDARD.
  std::map<std::string, std::string> user;
  std::vector<std::pair<std::string, std::string>> tags;
};

enum class ChecksumType : uint8_t { kFullObject, kComposite };

// A checksum that the client sees. For a composite one `parts_count` is the N of `-N`.
struct ObjectChecksum {
  DigestKind kind = DigestKind::kCrc64Nvme;
  ChecksumType type = ChecksumType::kFullObject;
  DigestValue value;
  uint32_t parts_count = 0;
};

struct PartInfo {
  uint32_t number = 0;
  uint64_t size_bytes = 0;
  std::string etag;  // Without quotes: 32 hex digits of MD5.
  std::optional<ObjectChecksum> checksum;
  WallTime modified;
};

struct ObjectInfo {
  std::string key;
  std::string version_id;  // Empty while the bucket is unversioned.
  bool is_delete_marker = false;
  uint64_t size_bytes = 0;
  std::string etag;  // Without quotes.
  WallTime modified;
  ObjectMetadata metadata;
  std::optional<ObjectChecksum> checksum;
  uint32_t parts_count = 0;  // 0 = not a multipart upload.
};

// RFC 9110 conditions on the current object; ETags without quotes, "*" allowed.
struct Conditions {
  std::vector<std::string> if_match;
  std::vector<std::string> if_none_match;
  std::optional<WallTime> if_modified_since;
  std::optional<WallTime> if_unmodified_since;
  bool any() const {
    return !if_match.empty() || !if_none_match.empty() || if_modified_since || if_unmodified_since;
  }
};

}  // namespace cairn::object
