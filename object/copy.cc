#include "object/copy.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "crypto/hash_engine.h"
#include "object/body_writer.h"
#include "object/commit.h"
#include "object/holds.h"
#include "object/multipart.h"
#include "object/object_reader.h"
#include "object/placing.h"
#include "object/rows.h"
#include "object/sse_plan.h"

namespace cairn::object {
namespace {

// The source as it is now, pinned.
io::Task<Result<std::unique_ptr<StoredObjectReader>>> open_source(Context& context,
                                                                  BucketInfo bucket,
                                                                  ObjectInfo source,
                                                                  ReadEpochs::ReadPin pin,
                                                                  crypto::SseKeyPointer key) {
  std::shared_ptr<const OpenObject> object =
      co_await io::or_return(load_version(context, bucket, source.key, source.version_id, true));
  if (object == nullptr) co_return fail(Code::kNotFound, std::string(reason::kNoSuchKey));
  const ObjectInfo& now = object->head.info;
  if (now.etag != source.etag || now.modified != source.modified ||
      now.size_bytes != source.size_bytes) {
    co_return fail(Code::kFailedPrecondition,
                   std::string(reason::kConditionIfMatch) + ": the copy's source changed");
  }
  co_return StoredObjectReader::create(context, std::move(object), std::move(pin), key);
}

ReadEpochs::ReadPin pin_now(Context& context) {
  return ReadEpochs::ReadPin(context.core().readers, io::Reactor::current().now());
}

io::Task<Status> pump(ObjectReader& reader, ByteRange range, ObjectWriter& writer) {
  co_await io::or_return(reader.start(range));
  while (true) {
    const Buffer piece = co_await io::or_return(reader.next());
    if (piece.empty()) co_return Status{};
    co_await io::or_return(writer.write(piece.view()));
  }
}

io::Task<Result<ObjectInfo>> copy_by_reading(ObjectReader& reader, ByteRange range,
                                             std::unique_ptr<ObjectWriter> writer) {
  const Status pumped = co_await pump(reader, range, *writer);
  if (!pumped) {
    co_await writer->abort();
    co_return std::unexpected(pumped.error());
  }
  ExpectedBody expected;
  expected.size_bytes = range.size_bytes;
  co_return co_await writer->finish(std::move(expected));
}

// Whether the bytes can be shared: they lie in chunks of the same tenant under the same key, where
// the target is to lie.
bool can_share(const StoredObjectReader& source, const BucketInfo& target,
               const crypto::SseKeyPointer& target_key, PlacementId placement) {
  const OpenObject& object = source.object();
  return object.tenant == target.tenant && !object.manifest.extents.empty() &&
         crypto::same_sse_key(source.key(), target_key) &&
         lie_in(object.manifest.extents, placement);
}

io::Task<Result<ObjectInfo>> commit_shared(Context& context, const OpenObject& source,
                                           BucketInfo bucket, std::string key, PutOptions options,
                                           std::string sse_record, OwnerId owner) {
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  Manifest manifest;
  manifest.owner = owner;
  manifest.extents = source.manifest.extents;
  NewVersion version;
  version.head = source.head;
  version.head.owner = owner;
  version.head.appends_count = 0;
  version.head.info.modified = context.now();
  version.head.info.metadata = std::move(options.metadata);
  version.head.info.lock = options.lock;
  version.head.info.acl = std::move(options.acl);
  version.head.info.sse = std::move(sse_record);
  version.hook = std::move(options.hook);
  version.head.info.parts_count = 0;
  PreparedBody prepared =
      co_await io::or_return(prepare_manifest(context, tenant_keys, std::move(manifest), true));
  version.bucket = std::move(bucket);
  version.key = std::move(key);
  version.conditions = std::move(options.conditions);
  version.keys = tenant_keys;
  version.body = &prepared;
  Result<ObjectInfo> result = co_await commit_version(context, std::move(version));
  co_await end_prepared(prepared, result.has_value());
  co_return result;
}

// Digests of a range and the part made of it.
io::Task<Result<Part>> hash_range(Context& context, ObjectReader& reader, ByteRange range,
                                  DigestKind kind) {
  crypto::Md5Stream md5;
  crypto::Sha256Stream sha256;
  const std::unique_ptr<crypto::Digest> checksum = crypto::Digest::create(kind);
  HashBatcher& hashing = context.core().hashing;
  co_await io::or_return(reader.start(range));
  while (true) {
    const Result<Buffer> piece = co_await reader.next();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    hashing.add(md5, sha256, piece->view());
    checksum->update(piece->view());
    co_await hashing.drain();
  }
  Part part;
  const crypto::Sha256Value whole = sha256.finish();
  part.sha256.assign(whole.begin(), whole.end());
  part.info.etag = to_hex(md5.finish());
  part.info.size_bytes = range.size_bytes;
  part.info.checksum.emplace();
  part.info.checksum->kind = kind;
  part.info.checksum->value = checksum->finish();
  co_return part;
}

io::Task<Result<PartInfo>> commit_shared_part(Context& context, BucketInfo bucket,
                                              UploadInfo upload, Part part, Manifest manifest) {
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  PreparedBody prepared =
      co_await io::or_return(prepare_manifest(context, tenant_keys, std::move(manifest), true));
  part.body = prepared.body;
  part.info.modified = context.now();
  PartInfo info = part.info;
  const Status status = co_await commit_part(context, std::move(bucket), std::move(upload),
                                             std::move(part), std::move(prepared.new_edges));
  co_await end_prepared(prepared, status.has_value());
  if (!status) co_return std::unexpected(status.error());
  co_return info;
}

PartInfo part_of(const ObjectInfo& written, uint32_t number) {
  PartInfo out;
  out.number = number;
  out.size_bytes = written.size_bytes;
  out.etag = written.etag;
  out.checksum = written.checksum;
  out.modified = written.modified;
  return out;
}

}  // namespace

io::Task<Result<ObjectInfo>> copy_object(Context& context, BucketInfo source_bucket,
                                         ObjectInfo source, BucketInfo target_bucket,
                                         std::string target_key, PutOptions options) {
  co_await io::or_return(check_key(target_key));
  const std::unique_ptr<StoredObjectReader> reader = co_await io::or_return(open_source(
      context, std::move(source_bucket), std::move(source), pin_now(context), options.source_key));
  SsePlan plan =
      co_await io::or_return(plan_sse(context, target_bucket.tenant, std::move(options.sse)));
  const PlacementId placement = co_await io::or_return(
      placement_for(context.placements, target_bucket, options.metadata.storage_class));
  const OpenObject& object = reader->object();
  const std::optional<ObjectChecksum>& checksum = object.head.info.checksum;
  const bool same_checksum =
      options.digests.empty() || (checksum && checksum->kind == options.digests.front());
  if (same_checksum && can_share(*reader, target_bucket, plan.key, placement)) {
    const OwnerId owner = context.new_owner();
    Holds holds(context, owner);
    const Result<bool> taken = co_await holds.take(object.manifest.chunks());
    if (taken && *taken) {
      Result<ObjectInfo> result = co_await commit_shared(context, object, target_bucket, target_key,
                                                         options, plan.record, owner);
      co_await holds.end(result.has_value());
      co_return result;
    }
    co_await holds.end(false);
  }
  const ByteRange all{0, object.head.info.size_bytes};
  options.size_bytes = all.size_bytes;
  std::unique_ptr<ObjectWriter> writer = co_await io::or_return(
      make_object_writer(context, std::move(target_bucket), std::move(target_key),
                         std::move(options), std::move(plan)));
  co_return co_await copy_by_reading(*reader, all, std::move(writer));
}

io::Task<Result<PartInfo>> copy_part(Context& context, BucketInfo source_bucket, ObjectInfo source,
                                     std::optional<ByteRange> range, BucketInfo bucket,
                                     UploadInfo upload, uint32_t part_number, CopyKeys keys) {
  co_await io::or_return(check_part_number(part_number));
  const std::unique_ptr<StoredObjectReader> reader =
      co_await io::or_return(open_source(context, std::move(source_bucket), std::move(source),
                                         pin_now(context), std::move(keys.source)));
  const SsePlan plan =
      co_await io::or_return(plan_part_sse(context, bucket.tenant, upload.sse, keys.upload));
  const PlacementId placement = co_await io::or_return(
      placement_for(context.placements, bucket, upload.metadata.storage_class));
  const OpenObject& object = reader->object();
  const ByteRange wanted = range.value_or(ByteRange{0, object.head.info.size_bytes});
  if (!wanted.inside(object.head.info.size_bytes)) {
    co_return fail(Code::kOutOfRange, "the range lies outside the copy's source");
  }
  if (can_share(*reader, bucket, plan.key, placement)) {
    Part part = co_await io::or_return(hash_range(context, *reader, wanted, upload.checksum));
    part.info.number = part_number;
    hide_digests(context, upload, part);
    Manifest manifest;
    manifest.owner = context.new_owner();
    manifest.extents = object.manifest.slice(wanted);
    Holds holds(context, manifest.owner);
    const Result<bool> taken = co_await holds.take(manifest.chunks());
    if (taken && *taken) {
      const Result<PartInfo> result = co_await commit_shared_part(
          context, bucket, upload, std::move(part), std::move(manifest));
      co_await holds.end(result.has_value());
      co_return result;
    }
    co_await holds.end(false);
  }
  PutOptions options;
  options.size_bytes = wanted.size_bytes;
  options.sse.customer_key = std::move(keys.upload);
  std::unique_ptr<ObjectWriter> writer = co_await io::or_return(make_part_writer(
      context, std::move(bucket), std::move(upload), part_number, std::move(options)));
  const ObjectInfo written =
      co_await io::or_return(copy_by_reading(*reader, wanted, std::move(writer)));
  co_return part_of(written, part_number);
}

}  // namespace cairn::object
