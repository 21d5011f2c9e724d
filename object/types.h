// What buckets and objects are, as every door sees them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
inline constexpr uint32_t kAppendsMax = 10000;  // To one object.
inline constexpr uint64_t kInlineBytesMax = 16 * KiB;

enum class Versioning : uint8_t { kUnversioned, kEnabled, kSuspended };

inline constexpr std::string_view kNullVersionId = "null";

// What is configured on a bucket. Immutable once read and shared by all requests of a core.
struct BucketConfig {
  Versioning versioning = Versioning::kUnversioned;
  bool object_lock = false;  // Retention and legal holds may be set; implies kEnabled.
  // ARN of the user or role that made the bucket: its size quota limits what is here. Empty where
  // nobody knows.
  std::string creator;
  // By sub-resource ("cors", "policy", "lifecycle", ...): the document as it is given back.
  std::map<std::string, std::string, std::less<>> documents;

  // Null when it is not set.
  const std::string* document(std::string_view name) const {
    const auto found = documents.find(name);
    return found == documents.end() ? nullptr : &found->second;
  }
};

// The configuration of a new bucket; one object for all.
std::shared_ptr<const BucketConfig> default_bucket_config();

struct BucketInfo {
  std::string name;
  uint64_t id = 0;  // Never reused; object keys are under it.
  TenantId tenant;  // The owner.
  WallTime created;
  std::string location;  // As given in LocationConstraint; empty = default region.
  std::shared_ptr<const BucketConfig> config = default_bucket_config();  // Never null.
  // Version of the bucket's row by id, which changes with `versioning` and `object_lock`: writes
  // depend on it. 0 = not known; then they depend on the bucket's existence only.
  uint64_t mode_version = 0;

  bool is_versioned() const { return config->versioning != Versioning::kUnversioned; }
};

enum class LockMode : uint8_t { kNone, kGovernance, kCompliance };

// Object lock of one version (S3.md 2.4).
struct ObjectLock {
  LockMode mode = LockMode::kNone;
  WallTime retain_until;  // Meaningful with a mode.
  bool legal_hold = false;
  bool legal_hold_was_set = false;  // At some time; then OFF is told as well.

  bool any() const { return mode != LockMode::kNone || legal_hold || legal_hold_was_set; }
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
  std::string version_id;  // Empty while the bucket is unversioned; "null" for its null version.
  bool is_delete_marker = false;
  bool is_latest = true;
  uint64_t size_bytes = 0;
  std::string etag;  // Without quotes.
  WallTime modified;
  ObjectMetadata metadata;
  std::optional<ObjectChecksum> checksum;
  uint32_t parts_count = 0;  // 0 = not a multipart upload.
  ObjectLock lock;
  std::string acl;     // The door's text; empty = the owner's alone.
  std::string sse;     // How the body is encrypted beyond the tenant's keys; empty = not.
  std::string origin;  // Store id of the site that it came from (site_sync.h); empty = this one.
  WallTime changed;    // When tags, lock or ACL were last changed in place; 0 = never.
};

// RFC 9110 conditions on the current object; ETags without quotes, "*" allowed.
struct Conditions {
  std::vector<std::string> if_match;
  std::vector<std::string> if_none_match;
  std::optional<WallTime> if_modified_since;
  std::optional<WallTime> if_unmodified_since;
  // Of removals: what is there has this size, and was changed in this second. They hold of nothing.
  std::optional<uint64_t> size_bytes = {};
  std::optional<WallTime> modified = {};
  bool any() const {
    return !if_match.empty() || !if_none_match.empty() || if_modified_since ||
           if_unmodified_since || size_bytes || modified;
  }
};

}  // namespace cairn::object
