#include "object/native_commit.h"

#include <algorithm>
#include <map>
#include <memory>

#include "base/encoding.h"
#include "object/chunk_reader.h"
#include "object/commit.h"
#include "object/keys.h"
#include "object/multipart.h"
#include "object/native_offer.h"
#include "object/placing.h"
#include "object/replica.h"
#include "object/signed_row.h"
#include "object/sse_plan.h"

namespace cairn::object {
namespace {

using catalog::Precondition;

// The chunks that an upload holds, by hash.
using Held = std::map<Sha256Value, const HeldChunk*>;

Error missing_error(const std::vector<ContentName>& chunks, const Held& held) {
  size_t missing_count = 0;
  std::string named;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (held.contains(chunks[i].hash)) continue;
    if (++missing_count > kNativeMissingNamedMax) continue;
    named += (named.empty() ? " " : ", ") + std::to_string(i) + " (" + to_hex(chunks[i].hash) + ")";
  }
  return {Code::kFailedPrecondition,
          std::string(reason::kChunksMissing) + ": " + std::to_string(missing_count) + " of " +
              std::to_string(chunks.size()) + " chunks were never filled: number" + named};
}

// The body's extents in order.
Result<Manifest> make_manifest(const std::vector<ContentName>& chunks, const UploadInfo& upload,
                               const Held& held) {
  uint64_t size_bytes = 0;
  Manifest out;
  out.owner = upload.native->owner;
  for (const ContentName& name : chunks) {
    const auto found = held.find(name.hash);
    if (found == held.end()) return std::unexpected(missing_error(chunks, held));
    if (found->second->name != name) {
      return fail(Code::kInvalidArgument,
                  std::string(reason::kSizeMismatch) + ": a chunk has another size than named");
    }
    size_bytes += name.size_bytes;
    const std::vector<Extent>& extents = found->second->where.extents;
    out.extents.insert(out.extents.end(), extents.begin(), extents.end());
  }
  if (size_bytes != upload.native->size_bytes) {
    return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) + ": the chunks have " +
                                            std::to_string(size_bytes) +
                                            " bytes, the upload was begun for " +
                                            std::to_string(upload.native->size_bytes));
  }
  return out;
}

// What the server knows of the content.
struct Digests {
  std::optional<DigestValue> md5;
  std::optional<DigestValue> sha256;
  std::optional<std::pair<DigestKind, DigestValue>> checksum;
};

// Reads the body once for several digests.
io::Task<Result<std::vector<DigestValue>>> read_digests(Context& context, TenantId tenant,
                                                        crypto::SseKeyPointer key,
                                                        std::vector<Extent> extents,
                                                        std::vector<DigestKind> kinds) {
  std::vector<std::unique_ptr<crypto::Digest>> digests;
  for (const DigestKind kind : kinds) digests.push_back(crypto::Digest::create(kind));
  ReadEpochs::ReadPin pin(context.core().readers, io::Reactor::current().now());
  ChunkReader reader(context, tenant, std::move(pin), std::move(key));
  reader.start(std::move(extents));
  while (true) {
    const Buffer piece = co_await io::or_return(reader.next());
    if (piece.empty()) break;
    for (const auto& digest : digests) digest->update(piece.view());
  }
  std::vector<DigestValue> out;
  for (const auto& digest : digests) out.push_back(digest->finish());
  co_return out;
}

// The whole body's CRC-64 out of its chunks'; nullopt when one is not known.
std::optional<DigestValue> combine_chunks(const std::vector<ContentName>& chunks,
                                          const Held& held) {
  DigestValue out = crypto::digest_of(DigestKind::kCrc64Nvme, {});
  for (const ContentName& name : chunks) {
    const std::optional<DigestValue>& crc = held.at(name.hash)->where.crc64_nvme;
    if (!crc) return std::nullopt;
    out = crypto::combine_crc(DigestKind::kCrc64Nvme, out, *crc, name.size_bytes);
  }
  return out;
}

Status compare(const NativeCommit& commit, const UploadInfo& upload, const Digests& digests) {
  const auto differs = [](std::string_view what) {
    return fail(Code::kInvalidArgument, std::string(reason::kChecksumMismatch) + ": " +
                                            std::string(what) + " of the whole body differs");
  };
  const std::optional<Sha256Value>& sha256 = upload.native->sha256;
  if (sha256 && digests.sha256 && DigestValue(*sha256) != *digests.sha256) {
    return differs("SHA-256");
  }
  if (commit.checksum && commit.checksum != digests.checksum) return differs("the checksum");
  return {};
}

io::Task<Result<Digests>> find_digests(Context& context, TenantId tenant,
                                       const NativeCommit& commit, const UploadInfo& upload,
                                       const Manifest& manifest, const Held& held) {
  Digests out;
  const DigestKind kind = commit.checksum ? commit.checksum->first : DigestKind::kCrc64Nvme;
  const bool reads_all = manifest.size_bytes() <= kNativeVerifyBytesMax;
  if (kind == DigestKind::kCrc64Nvme) {
    const std::optional<DigestValue> combined = combine_chunks(commit.chunks, held);
    if (combined) out.checksum.emplace(kind, *combined);
  }
  const bool reads_checksum = !out.checksum && (commit.checksum.has_value() || reads_all);
  std::vector<DigestKind> kinds;
  if (reads_all) kinds = {DigestKind::kMd5, DigestKind::kSha256};
  if (reads_checksum) kinds.push_back(kind);
  if (kinds.empty()) co_return out;
  const crypto::SseKeyPointer key =
      co_await io::or_return(open_sse(context, tenant, upload.sse, nullptr));
  const std::vector<DigestValue> values =
      co_await io::or_return(read_digests(context, tenant, key, manifest.extents, kinds));
  if (reads_all) {
    out.md5 = values[0];
    out.sha256 = values[1];
  }
  if (reads_checksum) out.checksum.emplace(kind, values.back());
  co_return out;
}

// What the request asks for must be what the chunks were sealed with.
Status check_encryption(const SseRequest& asked, const UploadInfo& upload) {
  SseRecord record;
  if (!upload.sse.empty()) {
    const Result<SseRecord> parsed = parse_sse(upload.sse);
    if (!parsed) return std::unexpected(parsed.error());
    record = *parsed;
  }
  const bool same_key = asked.kms_key.empty() || asked.kms_key == record.kms_key_id ||
                        asked.kms_key.ends_with("/" + record.kms_key_id);
  if (asked.kind == record.kind && same_key && asked.customer_key == nullptr) return {};
  return fail(Code::kInvalidArgument, std::string(reason::kEncryptionDiffers));
}

// The chunks are where the upload was begun for.
Status check_placement(const Context& context, const BucketInfo& bucket,
                       const ObjectMetadata& asked, const UploadInfo& upload) {
  if (asked.storage_class == upload.metadata.storage_class) return {};
  const Result<PlacementId> wanted = placement_for(context.placements, bucket, asked.storage_class);
  if (!wanted) return std::unexpected(wanted.error());
  const Result<PlacementId> begun =
      placement_for(context.placements, bucket, upload.metadata.storage_class);
  if (!begun) return std::unexpected(begun.error());
  if (*wanted == *begun) return {};
  return fail(Code::kInvalidArgument, std::string(reason::kPlacementDiffers));
}

void fill_info(Context& context, NativeCommit& commit, const UploadInfo& upload,
               const Digests& digests, Head& head) {
  ObjectInfo& info = head.info;
  info.size_bytes = upload.native->size_bytes;
  info.modified = context.now();
  info.metadata = commit.options.metadata;
  info.lock = commit.options.lock;
  info.acl = commit.options.acl;
  info.sse = upload.sse;
  head.owner = upload.native->owner;
  if (digests.checksum) {
    info.checksum.emplace();
    info.checksum->kind = digests.checksum->first;
    info.checksum->value = digests.checksum->second;
  }
  if (!upload.sse.empty()) {
    info.etag = make_sse_etag(context, false);
  } else if (digests.md5) {
    info.etag = to_hex(digests.md5->view());
    head.sha256.assign(digests.sha256->view().begin(), digests.sha256->view().end());
  } else {
    info.etag = native_etag(commit.chunks);
  }
}

// The rows that make the upload an object's: its own goes, and is remembered.
void add_end(Context& context, const UploadRow& row, const std::vector<HeldChunk>& chunks,
             const std::shared_ptr<const crypto::TenantKeys>& tenant_keys, const Manifest& manifest,
             NewVersion& version) {
  catalog::Batch& more = version.more;
  more.preconditions.push_back(Precondition::version_is(row.row_key, row.version));
  more.deletes.push_back(row.row_key);
  consume_native_chunks(context, *tenant_keys, row.upload, chunks, manifest.chunks(), more);
  for (const HeldChunk& chunk : chunks) version.freed_bytes += chunk.name.size_bytes;
  version.with_head = [upload_id = row.upload.upload_id, bucket_id = version.bucket.id,
                       key = version.key, tenant_keys](const Head& head, catalog::Batch& batch) {
    CompletedUpload completed;
    completed.bucket_id = bucket_id;
    completed.key = key;
    completed.completed = head.info.modified;
    completed.head = head;
    std::string row_key = keys::completed(upload_id);
    std::string value = sign_row(*tenant_keys, row_key, encode_completed(completed));
    batch.puts.push_back({std::move(row_key), std::move(value)});
  };
}

// One attempt; kFailedPrecondition kLostRace when a chunk came in between.
io::Task<Result<ObjectInfo>> try_commit(Context& context, BucketInfo bucket, UploadRow row,
                                        NativeCommit commit) {
  const UploadInfo& upload = row.upload;
  if (!upload.native) co_return fail(Code::kNotFound, std::string(reason::kNoSuchUpload));
  co_await io::or_return(check_encryption(commit.options.sse, upload));
  co_await io::or_return(check_placement(context, bucket, commit.options.metadata, upload));
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  const std::vector<HeldChunk> chunks = co_await io::or_return(load_native_chunks(
      context, bucket.tenant, upload.upload_id, std::nullopt, kNativeChunksMax + 1));
  if (chunks.size() > kNativeChunksMax) {
    co_return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) +
                                               ": the upload holds too many chunks: abort it");
  }
  Held held;
  for (const HeldChunk& chunk : chunks) held.emplace(chunk.name.hash, &chunk);
  Manifest manifest = co_await io::or_return(make_manifest(commit.chunks, upload, held));
  const Digests digests =
      co_await io::or_return(find_digests(context, bucket.tenant, commit, upload, manifest, held));
  co_await io::or_return(compare(commit, upload, digests));

  NewVersion version;
  version.bucket = bucket;
  version.key = upload.key;
  version.conditions = commit.options.conditions;
  version.hook = commit.options.hook;
  version.replica = commit.options.replica;
  if (version.replica != nullptr) {
    co_await io::or_return(add_parts(manifest, version.replica->parts));
  }
  version.keys = tenant_keys;
  fill_info(context, commit, upload, digests, version.head);
  add_end(context, row, chunks, tenant_keys, manifest, version);
  PreparedBody prepared =
      co_await io::or_return(prepare_manifest(context, tenant_keys, std::move(manifest), false));
  version.body = &prepared;
  Result<ObjectInfo> result = co_await commit_version(context, std::move(version));
  co_await end_prepared(prepared, result.has_value());
  co_return result;
}

}  // namespace

std::string native_etag(const std::vector<ContentName>& chunks) {
  const std::unique_ptr<crypto::Digest> md5 = crypto::Digest::create(DigestKind::kMd5);
  for (const ContentName& name : chunks) md5->update(name.hash);
  return to_hex(md5->finish().view()) + "-" + std::to_string(chunks.size());
}

io::Task<Result<ObjectInfo>> commit_native(Context& context, BucketInfo bucket, std::string key,
                                           std::string upload_id, NativeCommit commit) {
  FinishAttempt attempt = [&](UploadRow row) {
    return try_commit(context, bucket, std::move(row), commit);
  };
  co_return co_await finish_upload(context, bucket, std::move(key), std::move(upload_id),
                                   std::move(attempt));
}

}  // namespace cairn::object
