// What the rows of the catalog hold, as plain structures. Serialised form: proto/metadata.proto.
//
// An object is two rows: the object row (Head: all that HEAD and LIST need) and the body row (Body:
// the sealed bytes of a small object, or the manifest). They change in one commit; the head holds
// the SHA-256 of the body row, and the head's HMAC (signed_row.h) covers both.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/units.h"
#include "crypto/sealing.h"
#include "object/objects.h"
#include "object/types.h"
#include "storage/chunk_store.h"

namespace cairn::object {

using crypto::ChunkId;
using crypto::Sha256Value;
using storage::OwnerId;

// A run of bytes inside one chunk.
struct Extent {
  ChunkId chunk;
  uint32_t chunk_bytes = 0;  // Plaintext of the whole chunk.
  uint32_t offset_bytes = 0;
  uint32_t size_bytes = 0;
  friend bool operator==(const Extent&, const Extent&) = default;
};

// A part inside a finished object; it owns the edges of its extents.
struct ManifestPart {
  PartInfo info;
  OwnerId owner;
  uint32_t extents_count = 0;
  Bytes sha256;  // Empty when it is not known.
};

// Where a body's bytes are, in order.
struct Manifest {
  OwnerId owner;  // Of all edges when `parts` is empty.
  std::vector<Extent> extents;
  std::vector<ManifestPart> parts;  // Cover `extents` in order; empty when not a multipart upload.

  uint64_t size_bytes() const;
  // The reference edges, each once, in chunk order.
  std::vector<std::pair<ChunkId, OwnerId>> references() const;
  // The chunks, each once, in order.
  std::vector<ChunkId> chunks() const;
  // The extents of `range` of the body. REQUIRES: range.inside(size_bytes()).
  std::vector<Extent> slice(ByteRange range) const;
};

// Value of a body row.
struct Body {
  enum class Kind : uint8_t {
    kEmpty,
    kInline,          // `inline_sealed`
    kManifest,        // `manifest`
    kStoredManifest,  // `manifest` says where the encoded manifest's `stored_bytes` are.
  };
  Kind kind = Kind::kEmpty;
  std::string inline_sealed;
  Manifest manifest;
  uint64_t stored_bytes = 0;

  bool has_chunks() const { return kind == Kind::kManifest || kind == Kind::kStoredManifest; }
};

// Value of an object row.
struct Head {
  ObjectInfo info;  // `key` is set by the reader of the row.
  OwnerId owner;
  Bytes sha256;  // Of the whole body, when known.
  bool has_chunks = false;
  std::optional<Sha256Value> body_sha256;  // Unset: no body row.
  uint64_t order = 0;  // Newer versions of a key have higher numbers; 0 = written unversioned.
  uint32_t appends_count = 0;  // Since the object was last written whole.
  bool is_null = false;        // The null version of a versioned bucket; set with order 0 as well.
};

// Bytes of an order in a version id, and of an owner.
inline constexpr size_t kVersionIdHalfBytes = 8;
// What S3 calls the version: "null", or 32 hex digits of its order and of its owner's first bytes.
std::string version_id_of(uint64_t order, bool is_null, const OwnerId& owner);
std::string version_id_of(const Head& head);
// The order that a version id names; nullopt for an id that version_id_of() never makes.
std::optional<uint64_t> order_of(std::string_view version_id);

// Value of a part row.
struct Part {
  PartInfo info;
  Bytes sha256;
  Body body;
};

// Value of the row of a chunk that a native upload holds.
struct NativeChunk {
  std::vector<Extent> extents;
  std::optional<DigestValue> crc64_nvme;  // Of its bytes, when the server saw them.

  uint64_t size_bytes() const;
};

// What a rename's client token was used for.
struct RenameToken {
  std::string source_key;
  std::string target_key;
  WallTime used;
};

// A body that waits for the collector.
struct Garbage {
  std::string body;         // Serialised.
  bool is_version = false;  // It was a whole version's: nothing else has its owners.
};

struct CompletedUpload {
  uint64_t bucket_id = 0;
  std::string key;
  WallTime completed;
  Head head;
};

// Encoders and their parsers. A parser answers kCorruption for anything that an encoder cannot have
// written; input is untrusted.
std::string encode_bucket(const BucketInfo& bucket);
std::string encode_bucket_name(TenantId tenant);
Result<TenantId> parse_bucket_name(BytesView bytes);
Result<BucketInfo> parse_bucket(BytesView bytes);
std::string encode_head(const Head& head);
Result<Head> parse_head(BytesView bytes);

// Parses many object rows for a listing, reusing its memory from row to row. One coroutine.
class ListedParser {
 public:
  ListedParser();
  ~ListedParser();
  ListedParser(const ListedParser&) = delete;
  ListedParser& operator=(const ListedParser&) = delete;

  // What parse_head() tells of `info`, but of the metadata the storage class only, into a fresh
  // `out`.
  Status parse(BytesView bytes, ObjectInfo& out);

 private:
  struct Message;
  std::unique_ptr<Message> message_;
};

std::string encode_body(const Body& body);
Result<Body> parse_body(BytesView bytes);
std::string encode_manifest(const Manifest& manifest);
Result<Manifest> parse_manifest(BytesView bytes);
std::string encode_part(const Part& part);
Result<Part> parse_part(BytesView bytes);
std::string encode_upload(const UploadInfo& upload);  // Without key and id: they are the row's key.
Result<UploadInfo> parse_upload_record(BytesView bytes);
std::string encode_native_chunk(const NativeChunk& chunk);
Result<NativeChunk> parse_native_chunk(BytesView bytes);
std::string encode_completed(const CompletedUpload& completed);
Result<CompletedUpload> parse_completed(BytesView bytes);
std::string encode_rename_token(const RenameToken& token);
Result<RenameToken> parse_rename_token(BytesView bytes);
std::string encode_garbage(const Garbage& garbage);
Result<Garbage> parse_garbage(BytesView bytes);

struct StoreInfo {
  uint32_t schema_version = 0;
  Bytes store_id;
  WallTime created;
};
std::string encode_store_info(const StoreInfo& info);
Result<StoreInfo> parse_store_info(BytesView bytes);

}  // namespace cairn::object
