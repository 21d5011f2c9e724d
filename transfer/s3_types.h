// What an S3 client sends and gets back, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/units.h"
#include "crypto/digest.h"

namespace cairn::http {
class BodySource;
}  // namespace cairn::http

namespace cairn::transfer {

using HeaderPair = std::pair<std::string, std::string>;

struct BucketEntry {
  std::string name;
  WallTime created;
};

struct ObjectEntry {
  std::string key;
  uint64_t size_bytes = 0;
  WallTime modified;
  std::string etag;  // Without quotes, here and below.
  std::string storage_class;
};

struct ListQuery {
  std::string prefix = {};
  std::string delimiter = {};
  std::string start_after = {};
  uint32_t keys_max = 1000;
};
struct ListPage {
  std::vector<ObjectEntry> objects;
  std::vector<std::string> prefixes;
  std::string next_token;  // Empty = the last page.
};

// One version or delete marker of ListObjectVersions.
struct VersionEntry {
  std::string key;
  std::string version_id;
  bool is_latest = false;
  bool is_delete_marker = false;
  uint64_t size_bytes = 0;
  WallTime modified;
  std::string etag;
};
struct VersionPage {
  std::vector<VersionEntry> versions;
  std::vector<std::string> prefixes;
  std::string next_key;  // Empty = the last page.
  std::string next_version;
};

// What a HEAD or GET tells of an object.
struct ObjectInfo {
  uint64_t size_bytes = 0;  // Of the whole object, also where a range was asked for.
  std::string etag;
  WallTime modified;
  std::string version_id;
  std::string content_type;
  std::string storage_class;
  std::vector<HeaderPair> metadata;  // Without x-amz-meta-.
  // Cache-Control, Content-Disposition, -Encoding, -Language, Expires: what a copy in parts
  // repeats.
  std::vector<HeaderPair> headers;
  // The object is encrypted in a way in which its ETag is no MD5 (SSE-KMS, SSE-C).
  bool etag_is_opaque = false;
  // Of the whole object; unset for composite checksums.
  std::optional<uint64_t> crc64_nvme = {};
  std::optional<crypto::Sha256Value> sha256 = {};
};

// Preconditions; empty = none.
struct Conditions {
  std::string if_match = {};       // An ETag.
  std::string if_none_match = {};  // "*" or an ETag.
};

// A body to send: memory, or a source that is read while it is sent. What is known of it in advance
// goes into the signed head.
struct UploadBody {
  BytesView bytes = {};                // Must live until the call returns.
  http::BodySource* source = nullptr;  // Instead of `bytes`; its size must be known.
  // Instead of `bytes`, and only of what is_unsigned: pieces in order, which live as `bytes` do.
  std::span<const BytesView> pieces = {};
  std::optional<crypto::Sha256Value> sha256 = {};
  std::optional<uint64_t> crc64_nvme = {};
  bool is_unsigned = false;  // The receiver checks the bytes by what is in them.
};

struct PutOptions {
  Conditions conditions = {};
  std::vector<HeaderPair> headers = {};  // Content-Type, x-amz-meta-*, x-amz-storage-class, ...
};
struct PutResult {
  std::string etag;
  std::string version_id;
  bool was_instant = false;  // Answered before any byte of the body was sent.
};

struct PartEntry {
  uint32_t number = 0;
  std::string etag;
  uint64_t size_bytes = 0;
  std::optional<uint64_t> crc64_nvme = {};
};
struct PartsPage {
  std::vector<PartEntry> parts;
  uint32_t next_marker = 0;  // 0 = the last page.
};
struct UploadEntry {
  std::string key;
  std::string upload_id;
  WallTime initiated;
};
struct UploadsPage {
  std::vector<UploadEntry> uploads;
  std::string next_key;  // Empty = the last page.
  std::string next_upload_id;
};

struct CopySource {
  std::string bucket;
  std::string key;
  std::string version_id = {};
  std::string if_match = {};
  std::optional<ByteRange> range = {};  // For a part.
};
struct CopyOptions {
  Conditions conditions = {};
  bool replace_metadata = false;  // With the metadata among `headers`.
  std::vector<HeaderPair> headers = {};
};

struct DeleteKey {
  std::string key;
  std::string version_id = {};
};
struct DeleteProblem {
  std::string key;
  std::string version_id;
  std::string code;
  std::string message;
};

}  // namespace cairn::transfer
