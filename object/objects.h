// Objects: the one composer of catalog, chunk store and keys. Every door talks to this.
//
// Invariants, each with a test named in ARCHITECTURE.md:
// - A write is visible only as a whole, after its data and its catalog batch are durable.
// - Order: data durable -> reference edges + object in one commit -> the caller's answer.
// - Removal: edges first; bytes later, re-verified by the collector (gc.h).
// - Conditions are checked in the same commit that makes the write visible.
// Thread rule: any reactor; a Writer or Reader is used on the reactor that made it.
//
// Failures beyond those named: kNotFound "bucket"/"key"/"upload" are told apart by ObjectError.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "crypto/key_ring.h"
#include "io/stop.h"
#include "io/task.h"
#include "object/sse.h"
#include "object/types.h"
#include "object/usage.h"
#include "storage/chunk_store.h"
#include "storage/placement.h"

namespace cairn::cache {
class RamTier;
}

namespace cairn::object {

class ChunkReader;
class NativeUploads;
class SiteSync;
struct Replica;

// Messages that doors match on to tell failures of one Code apart; Error::message starts with one.
namespace reason {
inline constexpr std::string_view kNoSuchBucket = "no such bucket";
inline constexpr std::string_view kNoSuchKey = "no such key";
inline constexpr std::string_view kNoSuchVersion = "no such version";
inline constexpr std::string_view kNoSuchUpload = "no such upload";
inline constexpr std::string_view kBucketNotEmpty = "bucket not empty";
inline constexpr std::string_view kBucketExists = "bucket exists";
inline constexpr std::string_view kBucketOwned = "bucket owned by caller";
inline constexpr std::string_view kConditionIfMatch = "condition If-Match";
inline constexpr std::string_view kConditionIfNoneMatch = "condition If-None-Match";
inline constexpr std::string_view kConditionSize = "condition size";
inline constexpr std::string_view kConditionModified = "condition time of change";
inline constexpr std::string_view kInvalidPart = "invalid part";
inline constexpr std::string_view kInvalidPartOrder = "invalid part order";
inline constexpr std::string_view kPartTooSmall = "part too small";
inline constexpr std::string_view kChunksMissing = "chunks missing";
inline constexpr std::string_view kEncryptionDiffers =
    "the upload was begun with another encryption than its commit asks for";
inline constexpr std::string_view kPlacementDiffers =
    "the upload was begun for a storage class that is kept elsewhere than that of its commit: name "
    "x-amz-storage-class when the upload is begun";
inline constexpr std::string_view kSegmentsMissing = "segments missing";
inline constexpr std::string_view kChecksumMismatch = "checksum mismatch";
inline constexpr std::string_view kSizeMismatch = "size mismatch";
inline constexpr std::string_view kChecksumMissing = "checksum missing";
inline constexpr std::string_view kChecksumTypeDiffers = "checksum type differs";
inline constexpr std::string_view kChecksumKindDiffers = "checksum kind differs";
inline constexpr std::string_view kObjectLocked = "object locked";
inline constexpr std::string_view kInvalidWriteOffset = "invalid write offset";
inline constexpr std::string_view kTooManyParts = "too many parts";
inline constexpr std::string_view kTokenMismatch = "token used otherwise";
// Before the reason of a condition on a rename's source.
inline constexpr std::string_view kSourceCondition = "source ";
inline constexpr std::string_view kQuotaExceeded = "quota exceeded";
// Of replicas: this site has the version, or a later one in its place.
inline constexpr std::string_view kReplicaKnown = "replica known";
inline constexpr std::string_view kReplicaOlder = "replica older";
// Of a read without a version id: kNoSuchKey, followed by kIsDeleteMarker and the marker's id. Of a
// read of the marker's own version: kFailedPrecondition with kIsDeleteMarker alone.
inline constexpr std::string_view kIsDeleteMarker = "delete marker ";
}  // namespace reason

// Adds rows to the very commit that makes a write visible. `info` is the version that was written
// (or the delete marker, or the removed version). May run more than once, for commits that lost a
// race: it must not have effects but on the batch.
using CommitHook = std::function<void(const ObjectInfo& info, catalog::Batch& batch)>;

// See object/known_bodies.h.
struct KnownBody;
class KnownBodies;

struct CreateBucketOptions {
  std::string location;
  BucketConfig config;
  // The name is the tenant's own: it is not taken from, and not found by, anybody else.
  bool is_isolated = false;
};

struct PutOptions {
  ObjectMetadata metadata;
  ObjectLock lock;
  std::string acl;
  SseRequest sse;  // Of a part only `customer_key` counts: the rest is the upload's.
  crypto::SseKeyPointer source_key;  // Of a copy: its source's, under SSE-C.
  CommitHook hook;
  Conditions conditions;  // If-Match / If-None-Match on the current object.
  // Besides MD5 (the ETag) and SHA-256 (always): what is computed and, when it is the object's
  // checksum, stored. The first entry is the stored one; empty = CRC64NVME.
  std::vector<DigestKind> digests;
  std::optional<uint64_t> size_bytes;  // When known: space is reserved, a different count fails.
  // Set: a version of another site, which keeps its place among the key's versions, its ETag and
  // all else (replica.h). kAlreadyExists kReplicaKnown when there is nothing to do.
  std::shared_ptr<const Replica> replica;
};

// What a finished body is compared with before the commit; a difference is kInvalidArgument.
struct ExpectedBody {
  std::optional<uint64_t> size_bytes;
  std::optional<DigestValue> md5;
  std::optional<DigestValue> sha256;
  std::vector<std::pair<DigestKind, DigestValue>> checksums;
};

// Digests of a body once all of it was written.
struct BodyDigests {
  uint64_t size_bytes = 0;
  DigestValue md5;
  DigestValue sha256;
  std::vector<std::pair<DigestKind, DigestValue>> extra;
  const DigestValue* find(DigestKind kind) const;  // Null when it was not computed.
};

// Takes one body. Either finish() or abort() is awaited exactly once.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  // Memory to receive the next bytes into: at least 1 byte, at most 1 MiB, waits while the pool is
  // exhausted. The bytes go straight into the chunk that will be sealed: no copy.
  virtual io::Task<Result<MutableBytes>> next_space() = 0;
  // The first `size_bytes` of that memory were filled.
  virtual io::Task<Status> advance(size_t size_bytes) = 0;
  // Copies `bytes` in; for small bodies and decoders.
  io::Task<Status> write(BytesView bytes);
  // Hashes what is left and tells the digests; the caller may still abort.
  virtual io::Task<Result<BodyDigests>> digests() = 0;
  // Compares, flushes, commits. For a part, `key` and `etag` of the info are the part's.
  virtual io::Task<Result<ObjectInfo>> finish(ExpectedBody expected) = 0;
  // In place of bytes and finish(): the body is one that the store holds. nullopt when it cannot
  // be used (it is gone, a digest that is needed is not known or another one, it is sealed with
  // other keys): the writer takes bytes then as if nothing had been asked.
  // REQUIRES: nothing was written.
  virtual io::Task<Result<std::optional<ObjectInfo>>> finish_known(KnownBody body,
                                                                   ExpectedBody expected) = 0;
  virtual io::Task<void> abort() = 0;
};

// A range of a chunk's plaintext.
struct ChunkSpan {
  crypto::ChunkId chunk;
  ByteRange range;
};

// Reads one version. Pins its chunks until destroyed.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  virtual const ObjectInfo& info() const = 0;
  // Range and checksum of part `number` (1-based); nullopt when there is no such part.
  virtual io::Task<Result<std::optional<std::pair<ByteRange, PartInfo>>>> part(uint32_t number) = 0;
  // All parts after `marker`; empty when the object was not a multipart upload.
  virtual io::Task<Result<std::vector<PartInfo>>> parts(uint32_t after, size_t limit) = 0;
  // Starts reading `range` (inside the object); read-ahead of bounded depth begins at once.
  virtual Status start(ByteRange range) = 0;
  // The next verified bytes of the range, up to 1 MiB; empty at its end.
  virtual io::Task<Result<Buffer>> next() = 0;

  // As start(), for the cache tiers: they keep what is read, with `pin` until it is unpinned, and
  // the store serves others first. Bodies that no tier keeps are just read.
  virtual Status start_warming(ByteRange range, bool /*pin*/) { return start(range); }
  // Warms the range behind the scenes, without this reader. kResourceExhausted when too much of
  // that waits already; kUnsupported where nothing is kept.
  virtual Status warm_later(ByteRange range);
  // Of what next() gave since start(): what a tier had.
  virtual uint64_t cached_bytes() const { return 0; }
  // Which parts of which chunks the range is made of; none for a body in memory.
  virtual std::vector<ChunkSpan> chunk_spans(ByteRange /*range*/) const { return {}; }
};

struct RenameOptions {
  Conditions source;
  Conditions target;
  // A repeat with the same token and names does nothing and succeeds while the token is remembered
  // (kRenameTokenMemory). Empty = none.
  std::string token;
  CommitHook hook;  // Of the object under its new name.
};

// A change of one version's storage class, which moves its bytes where that class is kept.
struct TransitionOptions {
  std::string storage_class;      // As in ObjectMetadata: empty = STANDARD.
  uint64_t bytes_per_second = 0;  // Of bytes that are moved; 0 = as fast as it goes.
  io::StopToken stop;             // Ends it between pieces: kCancelled.
  CommitHook hook;
};
struct TransitionedInfo {
  ObjectInfo info;
  uint64_t moved_bytes = 0;  // 0 where the bytes lay there already, or in the catalog.
};

struct ListRequest {
  std::string prefix;
  std::string delimiter;
  std::string start_after;  // Exclusive key, or a common prefix: everything under it is skipped.
  size_t limit = 1000;
};
struct ListPage {
  // Keys and prefixes are each in order; together they count toward `limit`.
  std::vector<ObjectInfo> objects;  // metadata.user is not filled.
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string next;  // Last key or prefix returned: the next start_after.
};

// One key of a removal.
struct RemoveRequest {
  std::string key;
  std::string version_id;  // Empty = as S3: a delete marker where the bucket is versioned.
  Conditions conditions;   // On the current version.
  bool bypass_governance = false;
  std::string origin = {};  // Store id of the site that asks for it; empty = a client.
};
struct RemovedInfo {
  Status status;
  std::string version_id;         // Of the marker that was made or the version that was removed.
  bool is_delete_marker = false;  // The version named is (or was) a delete marker.
  bool made_marker = false;
};

struct VersionListRequest {
  std::string prefix;
  std::string delimiter;
  std::string key_marker;         // Exclusive, unless `version_id_marker` is given:
  std::string version_id_marker;  // then the key's versions behind it come first.
  size_t limit = 1000;
};
struct VersionListPage {
  // By key, newest first; markers among them. Together with the prefixes they count to `limit`.
  std::vector<ObjectInfo> versions;  // metadata.user is not filled.
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string next_key;
  std::string next_version_id;  // Empty behind a common prefix.
};

// The versions of a bucket as of one moment, a few at a time: for whoever has other work to let
// through in between. Holds a snapshot of the catalog, so it lives for seconds.
class VersionCursor {
 public:
  virtual ~VersionCursor() = default;
  // Those behind the last ones.
  virtual io::Task<Result<VersionListPage>> next(size_t limit) = 0;
};

// What makes an upload a native one (native_upload.h).
struct NativeSession {
  storage::OwnerId owner;  // Of the reference edges of all its chunks.
  uint64_t size_bytes = 0;
  std::optional<crypto::Sha256Value> sha256;  // Of the whole body, as the client says.
};
struct UploadOptions {
  ObjectMetadata metadata;
  ObjectLock lock;
  std::string acl;
  SseRequest sse;
  std::optional<DigestKind> checksum;  // Unset = CRC64NVME full object.
  std::optional<ChecksumType> checksum_type;
  std::optional<NativeSession> native;  // An `owner` of zeros is chosen by the upload.
};
struct UploadInfo {
  std::string key;
  std::string upload_id;
  WallTime initiated;
  ObjectMetadata metadata;
  ObjectLock lock;
  std::string acl;
  std::string sse;
  DigestKind checksum = DigestKind::kCrc64Nvme;
  ChecksumType checksum_type = ChecksumType::kFullObject;
  bool checksum_was_asked = false;
  std::optional<NativeSession> native;  // Unset for an upload of parts.
};
struct CompletedPart {
  uint32_t number = 0;
  std::string etag;  // Without quotes.
  std::optional<std::pair<DigestKind, DigestValue>> checksum;
};
struct CompleteOptions {
  std::vector<CompletedPart> parts;
  Conditions conditions;
  // Under SSE-C; needed only where the checksum asked for has to be computed from all bytes.
  crypto::SseKeyPointer customer_key;
  std::optional<uint64_t> size_bytes;
  std::optional<std::pair<DigestKind, DigestValue>> checksum;  // Of the whole object.
  std::optional<ChecksumType> checksum_type;
  CommitHook hook;
};
// Upload ids are that many lower-case hexadecimal digits.
inline constexpr size_t kUploadIdDigits = 48;

struct UploadListRequest {
  std::string prefix;
  std::string delimiter;
  std::string key_marker;
  std::string upload_id_marker;
  size_t limit = 1000;
};
struct UploadListPage {
  std::vector<UploadInfo> uploads;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string next_key;
  std::string next_upload_id;
};

// Customers' keys of a copied part: of what is read and of the upload.
struct CopyKeys {
  crypto::SseKeyPointer source;
  crypto::SseKeyPointer upload;
};

// What a scrub found.
struct ScrubReport {
  uint64_t chunks_count = 0;
  uint64_t bytes_count = 0;
  uint64_t objects_count = 0;
  // Under keys that are not here (SSE-C, deleted KMS keys): checked as far as that goes without.
  uint64_t locked_objects_count = 0;
  struct Damage {
    std::string bucket;
    std::string key;
    std::string version_id;
    std::string what;
  };
  std::vector<Damage> damaged;
};

class SegmentIndex;

class Objects {
 public:
  virtual ~Objects() = default;

  // Buckets. Names are one space for all tenants but the isolated ones. A taken name is
  // kAlreadyExists, with kBucketOwned when it is the tenant's own.
  virtual io::Task<Result<BucketInfo>> create_bucket(TenantId tenant, std::string name,
                                                     CreateBucketOptions options) = 0;
  // The tenant's bucket of that name.
  virtual io::Task<Result<BucketInfo>> bucket(TenantId tenant, std::string name) = 0;
  // Anybody's bucket of that name, but those of isolated tenants.
  virtual io::Task<Result<BucketInfo>> find_bucket(std::string name) = 0;
  // Changes the configuration atomically; `change` may run more than once. Its failure is the
  // call's, and then nothing changes.
  virtual io::Task<Result<BucketInfo>> change_bucket(
      TenantId tenant, std::string name, std::function<Status(BucketConfig& config)> change) = 0;
  // Every bucket of every tenant with an id above `after`, in id order.
  virtual io::Task<Result<std::vector<BucketInfo>>> all_buckets(std::optional<uint64_t> after,
                                                                size_t limit) = 0;
  virtual io::Task<Status> delete_bucket(TenantId tenant, std::string name) = 0;
  virtual io::Task<Result<std::vector<BucketInfo>>> list_buckets(TenantId tenant,
                                                                 std::string prefix,
                                                                 std::string start_after,
                                                                 size_t limit) = 0;

  // Objects. `BucketInfo` comes from bucket(); a bucket deleted meanwhile is kNotFound.
  // Early check of write conditions, before a body is read; the commit checks again.
  virtual io::Task<Status> check_conditions(BucketInfo bucket, std::string key,
                                            Conditions conditions) = 0;
  virtual io::Task<Result<std::unique_ptr<ObjectWriter>>> put(BucketInfo bucket, std::string key,
                                                              PutOptions options) = 0;
  // Adds to the end of the object, in one commit and without reading it (append.h). `offset_bytes`
  // is the object's size, or 0 where there is none: else kInvalidArgument kInvalidWriteOffset.
  virtual io::Task<Result<std::unique_ptr<ObjectWriter>>> append(BucketInfo bucket, std::string key,
                                                                 uint64_t offset_bytes,
                                                                 PutOptions options) = 0;
  virtual io::Task<Result<ObjectInfo>> head(BucketInfo bucket, std::string key,
                                            std::string version_id) = 0;
  // `customer_key` under SSE-C. Failures of keys: object/sse.h.
  virtual io::Task<Result<std::unique_ptr<ObjectReader>>> open(
      BucketInfo bucket, std::string key, std::string version_id,
      crypto::SseKeyPointer customer_key = nullptr) = 0;
  // Whether `customer_key` is what `info`, which head() told, was stored with; of an object that is
  // not under SSE-C, that there is none.
  virtual Status check_customer_key(const BucketInfo& bucket, const ObjectInfo& info,
                                    const crypto::SseKeyPointer& customer_key) = 0;
  // Removes versions or writes delete markers, in as few commits as possible; one answer per
  // request, in order. Removing what is not there succeeds, unless the conditions ask for it; a
  // locked version is kPermissionDenied kObjectLocked. `hook` runs for each that changes anything.
  virtual io::Task<Result<std::vector<RemovedInfo>>> remove(BucketInfo bucket,
                                                            std::vector<RemoveRequest> requests,
                                                            CommitHook hook = {}) = 0;
  // One removal; its status is the call's.
  io::Task<Result<RemovedInfo>> remove_one(BucketInfo bucket, RemoveRequest request,
                                           CommitHook hook = {});
  // Changes metadata.tags, lock or acl of one version in place; nothing else of what `change` does
  // is kept. Its failure is the call's.
  virtual io::Task<Result<ObjectInfo>> change_version(
      BucketInfo bucket, std::string key, std::string version_id,
      std::function<Status(ObjectInfo& info)> change, CommitHook hook = {}) = 0;
  // By reference: shares the source's chunks, no data is read, when source and target have one
  // tenant and one key and no new checksum kind is asked for; otherwise by reading.
  virtual io::Task<Result<ObjectInfo>> copy(BucketInfo source_bucket, ObjectInfo source,
                                            BucketInfo target_bucket, std::string target_key,
                                            PutOptions options) = 0;
  // Another name in the same bucket, in one commit; what had that name is replaced (rename.h).
  virtual io::Task<Result<ObjectInfo>> rename(BucketInfo bucket, std::string source_key,
                                              std::string target_key, RenameOptions options) = 0;
  // Another storage class for the version that `version` describes; nothing else of it changes
  // (transition.h). kFailedPrecondition when it is not that version any more, kNotFound when it is
  // gone, kInvalidArgument kSseKeyRequired when only a customer's key opens it.
  virtual io::Task<Result<TransitionedInfo>> transition(BucketInfo bucket, ObjectInfo version,
                                                        TransitionOptions options) = 0;
  virtual io::Task<Result<ListPage>> list(BucketInfo bucket, ListRequest request) = 0;
  virtual io::Task<Result<VersionListPage>> list_versions(BucketInfo bucket,
                                                          VersionListRequest request) = 0;
  // From behind the markers of `request`, whose limit is the most rows that are read at once.
  // kInvalidArgument when that is 0.
  virtual io::Task<Result<std::unique_ptr<VersionCursor>>> walk_versions(
      BucketInfo bucket, VersionListRequest request) = 0;

  // Reads chunks that no object here names, through the caches like any others: of an object in
  // another server, whose chunks the store finds there (gateway/).
  virtual std::unique_ptr<ChunkReader> read_chunks(TenantId tenant) = 0;

  // Multipart uploads.
  virtual io::Task<Result<UploadInfo>> create_upload(BucketInfo bucket, std::string key,
                                                     UploadOptions options) = 0;
  virtual io::Task<Result<UploadInfo>> upload(BucketInfo bucket, std::string key,
                                              std::string upload_id) = 0;
  // The last of options.digests is the checksum in the answer; the upload's is stored.
  virtual io::Task<Result<std::unique_ptr<ObjectWriter>>> put_part(BucketInfo bucket,
                                                                   UploadInfo upload,
                                                                   uint32_t part_number,
                                                                   PutOptions options) = 0;
  virtual io::Task<Result<PartInfo>> copy_part(BucketInfo source_bucket, ObjectInfo source,
                                               std::optional<ByteRange> range, BucketInfo bucket,
                                               UploadInfo upload, uint32_t part_number,
                                               CopyKeys keys = {}) = 0;
  virtual io::Task<Result<std::vector<PartInfo>>> list_parts(BucketInfo bucket, UploadInfo upload,
                                                             uint32_t after, size_t limit) = 0;
  // Idempotent: a repeat with the same upload id answers the same object while it is remembered
  // (kCompletedUploadMemory).
  virtual io::Task<Result<ObjectInfo>> complete_upload(BucketInfo bucket, std::string key,
                                                       std::string upload_id,
                                                       CompleteOptions options) = 0;
  virtual io::Task<Status> abort_upload(BucketInfo bucket, std::string key,
                                        std::string upload_id) = 0;
  virtual io::Task<Result<UploadListPage>> list_uploads(BucketInfo bucket,
                                                        UploadListRequest request) = 0;

  // Where bodies may be kept.
  virtual const storage::Placements& placements() const = 0;

  // Uploads by names of chunks; null where there are none.
  virtual NativeUploads* native() { return nullptr; }
  // Bodies that the store holds already, by their SHA-256; null where nobody looks for them.
  virtual KnownBodies* known_bodies() { return nullptr; }

  // Sync with other sites; null where there is none.
  virtual SiteSync* site_sync() { return nullptr; }

  // Keys of SSE-KMS; see object/kms_keys.h. Their list is the key ring's.
  virtual io::Task<Result<crypto::KmsKeyPointer>> change_kms_key(KmsCommand command) = 0;

  // Limits and counters of buckets and tenants. put() and put_part() refuse what cannot fit before
  // a body is read, commits decide: kResourceExhausted as UsageTable::reserve().
  virtual UsageTable& usage() = 0;
  // Awaited once, before the first write: what is there now is what count_usage() counts.
  virtual io::Task<Status> begin_usage_count() = 0;
  // Counts in the background until done or `stop`.
  virtual io::Task<Status> count_usage(io::StopToken stop) = 0;

  // Where segments of stored bodies lie; null where they are not known.
  virtual SegmentIndex* segments() { return nullptr; }

  // Verifies every record of the store and every manifest.
  virtual io::Task<Result<ScrubReport>> scrub() = 0;
  // One pass of the collector; true when it dropped or found something to do.
  virtual io::Task<Result<bool>> collect_garbage() = 0;
  virtual io::Task<Status> close() = 0;
};

inline constexpr Duration kCompletedUploadMemory = seconds(24 * 3600);
inline constexpr Duration kRenameTokenMemory = seconds(24 * 3600);

class ReadAhead;

struct ObjectsOptions {
  storage::Placements placements = {};
  catalog::Catalog* catalog = nullptr;    // Outlives Objects.
  storage::ChunkStore* store = nullptr;   // Outlives Objects.
  crypto::KeyRing* keys = nullptr;        // Outlives Objects.
  Random* random = nullptr;               // Null = system_random().
  cache::RamTier* ram_tier = nullptr;     // Null = none; outlives Objects.
  std::shared_ptr<ReadAhead> read_ahead;  // Null = its own.
};
// Checks the schema version of the catalog and starts nothing: background work is the caller's
// (collect_garbage in a loop).
io::Task<Result<std::unique_ptr<Objects>>> open_objects(ObjectsOptions options);

}  // namespace cairn::object
