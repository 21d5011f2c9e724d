#include "object/multipart.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "object/body_writer.h"
#include "object/chunk_reader.h"
#include "object/commit.h"
#include "object/complete.h"
#include "object/keys.h"
#include "object/native_rows.h"
#include "object/placing.h"
#include "object/rows.h"
#include "object/signed_row.h"
#include "object/sse_plan.h"
#include "object/usage_follow.h"

namespace cairn::object {
namespace {

using catalog::Precondition;

std::unexpected<Error> no_such_upload() {
  return fail(Code::kNotFound, std::string(reason::kNoSuchUpload));
}

// Ids of one key sort by the time they were made.
std::string new_upload_id(Context& context) {
  uint8_t bytes[kUploadIdDigits / 2];
  context.random.fill(bytes);
  store_be(bytes, static_cast<uint64_t>(context.now().unix_ms));
  return to_hex(bytes);
}

}  // namespace

io::Task<Result<std::optional<UploadRow>>> load_upload(Context& context, BucketInfo bucket,
                                                       std::string key, std::string upload_id) {
  UploadRow out;
  out.row_key = keys::upload(bucket.id, key, upload_id);
  std::optional<catalog::Entry> entry = co_await io::or_return(context.catalog.get(out.row_key));
  if (!entry) co_return std::optional<UploadRow>();
  out.value = std::move(entry->value);
  out.version = entry->version;
  const BytesView record =
      co_await io::or_return(open_record(context, bucket.tenant, out.row_key, out.value));
  out.upload = co_await io::or_return(parse_upload_record(record));
  out.upload.key = std::move(key);
  out.upload.upload_id = std::move(upload_id);
  co_return std::optional(std::move(out));
}

namespace {

// Makes the body a part of an upload.
class PartTarget final : public BodyTarget {
 public:
  PartTarget(Context& context, BucketInfo bucket, UploadInfo upload, uint32_t number,
             DigestKind told, std::shared_ptr<const crypto::TenantKeys> keys)
      : context_(context),
        bucket_(std::move(bucket)),
        upload_(std::move(upload)),
        number_(number),
        told_(told),
        keys_(std::move(keys)) {}

  io::Task<Result<ObjectInfo>> commit(FinishedBody body) override;

 private:
  Context& context_;
  BucketInfo bucket_;
  UploadInfo upload_;
  uint32_t number_;
  DigestKind told_;  // The checksum in the answer; the upload's is stored.
  std::shared_ptr<const crypto::TenantKeys> keys_;
};

io::Task<Result<ObjectInfo>> PartTarget::commit(FinishedBody body) {
  const BodyDigests& digests = body.digests;
  Part part;
  part.info.number = number_;
  part.info.size_bytes = digests.size_bytes;
  part.info.etag = to_hex(digests.md5.view());
  part.info.modified = context_.now();
  part.info.checksum.emplace();
  part.info.checksum->kind = upload_.checksum;
  part.info.checksum->value = *digests.find(upload_.checksum);
  part.sha256.assign(digests.sha256.view().begin(), digests.sha256.view().end());
  hide_digests(context_, upload_, part);
  PreparedBody prepared =
      co_await io::or_return(prepare_manifest(context_, keys_, std::move(body.manifest), true));
  part.body = prepared.body;

  ObjectInfo info;
  info.key = upload_.key;
  info.size_bytes = part.info.size_bytes;
  info.etag = part.info.etag;
  info.modified = part.info.modified;
  info.checksum.emplace();
  info.checksum->kind = told_;
  info.checksum->value = *digests.find(told_);
  info.sse = upload_.sse;
  const Status status = co_await commit_part(context_, bucket_, upload_, std::move(part),
                                             std::move(prepared.new_edges), std::move(body.hooks));
  co_await end_prepared(prepared, status.has_value());
  if (!status) co_return std::unexpected(status.error());
  co_return info;
}

}  // namespace

void hide_digests(Context& context, const UploadInfo& upload, Part& part) {
  if (upload.sse.empty()) return;
  part.info.etag = make_sse_etag(context, true);
  part.sha256.clear();
}

Status check_part_number(uint32_t number) {
  if (number >= 1 && number <= kPartNumberMax) return {};
  return fail(Code::kInvalidArgument,
              std::string(reason::kInvalidPart) + ": number " + std::to_string(number));
}

io::Task<Result<UploadInfo>> create_upload(Context& context, BucketInfo bucket, std::string key,
                                           UploadOptions options) {
  co_await io::or_return(check_key(key));
  UploadInfo upload;
  upload.key = std::move(key);
  upload.upload_id = new_upload_id(context);
  upload.initiated = context.now();
  upload.metadata = std::move(options.metadata);
  upload.lock = options.lock;
  upload.acl = std::move(options.acl);
  SsePlan plan = co_await io::or_return(plan_sse(context, bucket.tenant, std::move(options.sse)));
  upload.sse = std::move(plan.record);
  upload.native = std::move(options.native);
  if (upload.native && upload.native->owner == OwnerId{}) {
    upload.native->owner = context.new_owner();
  }
  upload.checksum_was_asked = options.checksum.has_value();
  upload.checksum = options.checksum.value_or(DigestKind::kCrc64Nvme);
  const bool full = upload.checksum == DigestKind::kCrc64Nvme;
  upload.checksum_type =
      options.checksum_type.value_or(full ? ChecksumType::kFullObject : ChecksumType::kComposite);
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  const std::string row_key = keys::upload(bucket.id, upload.key, upload.upload_id);
  catalog::Batch batch;
  batch.preconditions.push_back(Precondition::present(keys::bucket_alive(bucket.id)));
  batch.puts.push_back({row_key, sign_row(*tenant_keys, row_key, encode_upload(upload))});
  const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
  if (done) co_return upload;
  if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  co_return fail(Code::kNotFound, std::string(reason::kNoSuchBucket));
}

io::Task<Result<UploadInfo>> find_upload(Context& context, BucketInfo bucket, std::string key,
                                         std::string upload_id) {
  std::optional<UploadRow> row = co_await io::or_return(
      load_upload(context, std::move(bucket), std::move(key), std::move(upload_id)));
  if (!row) co_return no_such_upload();
  co_return std::move(row->upload);
}

Result<std::unique_ptr<ObjectWriter>> make_part_writer(Context& context, BucketInfo bucket,
                                                       UploadInfo upload, uint32_t part_number,
                                                       PutOptions options) {
  const Status valid = check_part_number(part_number);
  if (!valid) return std::unexpected(valid.error());
  if (upload.native) return no_such_upload();
  if (options.size_bytes && *options.size_bytes > kPartBytesMax) {
    return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) + ": too large");
  }
  Result<std::shared_ptr<const crypto::TenantKeys>> keys = context.keys_of(bucket.tenant);
  if (!keys) return std::unexpected(std::move(keys.error()));
  const Result<SsePlan> plan =
      plan_part_sse(context, bucket.tenant, upload.sse, options.sse.customer_key);
  if (!plan) return std::unexpected(plan.error());
  const Result<PlacementId> placement =
      placement_for(context.placements, bucket, upload.metadata.storage_class);
  if (!placement) return std::unexpected(placement.error());
  BodySink::Options sink;
  sink.placement = *placement;
  sink.keys = seal_keys(*keys, plan->key);
  sink.owner = context.new_owner();
  sink.digests = std::move(options.digests);
  const DigestKind told = sink.digests.empty() ? upload.checksum : sink.digests.back();
  sink.digests.push_back(upload.checksum);
  sink.size_bytes = options.size_bytes;
  sink.size_bytes_max = kPartBytesMax;
  sink.may_inline = false;
  sink.shares_segments = plan->key == nullptr;
  auto target = std::make_unique<PartTarget>(context, std::move(bucket), std::move(upload),
                                             part_number, told, *keys);
  return std::make_unique<BodyWriter>(context, std::move(sink), std::move(target));
}

io::Task<Status> commit_part(Context& context, BucketInfo bucket, UploadInfo upload, Part part,
                             std::vector<std::pair<ChunkId, OwnerId>> new_edges,
                             std::vector<catalog::Put> hooks) {
  // Of a native upload: its content comes by names.
  if (upload.native) co_return no_such_upload();
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  const std::string row_key = keys::part(upload.upload_id, part.info.number);
  const KeyLocks::Guard guard = co_await context.locks.lock(row_key);
  const std::string value = sign_row(*tenant_keys, row_key, encode_part(part));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const std::optional<UploadRow> row =
        co_await io::or_return(load_upload(context, bucket, upload.key, upload.upload_id));
    if (!row) co_return no_such_upload();
    const std::optional<catalog::Entry> old = co_await io::or_return(context.catalog.get(row_key));
    catalog::Batch batch;
    batch.preconditions.push_back(Precondition::present(row->row_key));
    batch.preconditions.push_back(Precondition::unchanged(row_key, old));
    batch.puts.push_back({row_key, value});
    batch.puts.push_back({row->row_key, row->value});
    for (const auto& [chunk, owner] : new_edges) {
      batch.puts.push_back({keys::edge(chunk, owner), std::string()});
    }
    batch.puts.insert(batch.puts.end(), hooks.begin(), hooks.end());
    UsageChange usage = usage_change(bucket);
    usage.by.size_bytes = static_cast<int64_t>(part.info.size_bytes);
    if (old) {
      const BytesView record =
          co_await io::or_return(open_record(context, bucket.tenant, row_key, old->value));
      const Part replaced = co_await io::or_return(parse_part(record));
      usage.by.size_bytes -= static_cast<int64_t>(replaced.info.size_bytes);
      if (replaced.body.has_chunks()) {
        add_garbage(context, *tenant_keys, encode_body(replaced.body), batch);
      }
    }
    UsageReservation reserved = co_await io::or_return(context.usage.reserve(usage));
    const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
    keep_usage(context, done, reserved);
    if (done) co_return Status{};
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  }
  co_return fail(Code::kUnavailable, "the part changes faster than it can be written");
}

io::Task<Result<std::vector<Part>>> load_parts(Context& context, TenantId tenant,
                                               std::string upload_id) {
  std::vector<Part> out;
  catalog::ScanRequest request;
  request.begin = keys::parts(upload_id);
  request.end = catalog::prefix_end(request.begin);
  while (out.size() <= kPartNumberMax) {
    const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(request));
    for (const catalog::Entry& entry : page.entries) {
      const BytesView record =
          co_await io::or_return(open_record(context, tenant, entry.key, entry.value));
      Part part = co_await io::or_return(parse_part(record));
      out.push_back(std::move(part));
    }
    if (!page.more || page.entries.empty()) break;
    request.begin = page.entries.back().key + '\0';
  }
  co_return out;
}

io::Task<Result<std::vector<PartInfo>>> list_parts(Context& context, BucketInfo bucket,
                                                   UploadInfo upload, uint32_t after,
                                                   size_t limit) {
  std::vector<PartInfo> out;
  catalog::ScanRequest request;
  request.begin = keys::part(upload.upload_id, after) + '\0';
  request.end = catalog::prefix_end(keys::parts(upload.upload_id));
  limit = std::min(limit, kListLimitMax);
  while (out.size() < limit) {
    request.limit_entries = limit - out.size();
    const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(request));
    for (const catalog::Entry& entry : page.entries) {
      const BytesView record =
          co_await io::or_return(open_record(context, bucket.tenant, entry.key, entry.value));
      Part part = co_await io::or_return(parse_part(record));
      out.push_back(std::move(part.info));
    }
    if (!page.more || page.entries.empty()) break;
    request.begin = page.entries.back().key + '\0';
  }
  co_return out;
}

namespace {

// The object's manifest out of the chosen parts; a part's own stored manifest becomes garbage.
io::Task<Result<Manifest>> join_parts(Context& context, TenantId tenant,
                                      const crypto::TenantKeys& tenant_keys,
                                      const std::vector<const Part*>& parts,
                                      catalog::Batch& batch) {
  Manifest out;
  out.owner = context.new_owner();
  for (const Part* part : parts) {
    if (part->body.kind == Body::Kind::kStoredManifest) {
      Body table;
      table.kind = Body::Kind::kManifest;
      table.manifest = part->body.manifest;
      add_garbage(context, tenant_keys, encode_body(table), batch);
    }
    const Manifest manifest = co_await io::or_return(load_manifest(context, tenant, part->body));
    ManifestPart& entry = out.parts.emplace_back();
    entry.info = part->info;
    entry.sha256 = part->sha256;
    entry.owner = manifest.owner;
    entry.extents_count = static_cast<uint32_t>(manifest.extents.size());
    out.extents.insert(out.extents.end(), manifest.extents.begin(), manifest.extents.end());
  }
  co_return out;
}

}  // namespace

// The only way to a full-object digest that does not combine.
io::Task<Result<DigestValue>> digest_body(Context& context, TenantId tenant, DigestKind kind,
                                          crypto::SseKeyPointer key, std::vector<Extent> extents) {
  const std::unique_ptr<crypto::Digest> digest = crypto::Digest::create(kind);
  ReadEpochs::ReadPin pin(context.core().readers, io::Reactor::current().now());
  ChunkReader reader(context, tenant, std::move(pin), std::move(key));
  reader.start(std::move(extents));
  while (true) {
    const Buffer piece = co_await io::or_return(reader.next());
    if (piece.empty()) break;
    digest->update(piece.view());
  }
  co_return digest->finish();
}

namespace {

// Everything that the commit takes away, but the upload's row.
void add_consumed(Context& context, const crypto::TenantKeys& tenant_keys,
                  const std::string& upload_id, const std::vector<Part>& stored,
                  const std::vector<const Part*>& kept, catalog::Batch& batch) {
  size_t next_kept = 0;
  for (const Part& part : stored) {
    batch.deletes.push_back(keys::part(upload_id, part.info.number));
    if (next_kept < kept.size() && kept[next_kept] == &part) {
      ++next_kept;
    } else if (part.body.has_chunks()) {
      add_garbage(context, tenant_keys, encode_body(part.body), batch);
    }
  }
}

io::Task<Result<ObjectInfo>> completed_before(Context& context, BucketInfo bucket, std::string key,
                                              std::string upload_id) {
  const std::string row_key = keys::completed(upload_id);
  const std::optional<catalog::Entry> entry = co_await io::or_return(context.catalog.get(row_key));
  if (!entry) co_return no_such_upload();
  const BytesView record =
      co_await io::or_return(open_record(context, bucket.tenant, row_key, entry->value));
  CompletedUpload completed = co_await io::or_return(parse_completed(record));
  if (completed.bucket_id != bucket.id || completed.key != key) co_return no_such_upload();
  completed.head.info.key = std::move(key);
  if (bucket.is_versioned()) completed.head.info.version_id = version_id_of(completed.head);
  co_return std::move(completed.head.info);
}

uint64_t size_of(const std::vector<Part>& parts) {
  uint64_t size_bytes = 0;
  for (const Part& part : parts) size_bytes += part.info.size_bytes;
  return size_bytes;
}

// One attempt; kFailedPrecondition kLostRace when a part came in between.
io::Task<Result<ObjectInfo>> try_complete(Context& context, BucketInfo bucket, UploadRow row,
                                          const CompleteOptions& options) {
  const std::string& upload_id = row.upload.upload_id;
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  co_await io::or_return(
      check_complete_key(context, bucket.tenant, row.upload, options.customer_key));
  const std::vector<Part> stored =
      co_await io::or_return(load_parts(context, bucket.tenant, upload_id));
  const std::vector<const Part*> parts =
      co_await io::or_return(choose_parts(stored, row.upload, options));

  NewVersion version;
  Manifest manifest =
      co_await io::or_return(join_parts(context, bucket.tenant, *tenant_keys, parts, version.more));
  ObjectInfo& info = version.head.info;
  info.checksum = combined_checksum(parts, row.upload);
  if (!info.checksum) {
    info.checksum.emplace();
    info.checksum->kind = row.upload.checksum;
    crypto::SseKeyPointer key = co_await io::or_return(
        open_sse(context, bucket.tenant, row.upload.sse, options.customer_key));
    info.checksum->value = co_await io::or_return(
        digest_body(context, bucket.tenant, row.upload.checksum, std::move(key), manifest.extents));
  }
  co_await io::or_return(check_whole(options, *info.checksum));
  info.size_bytes = manifest.size_bytes();
  info.etag = combined_etag(parts);
  info.modified = context.now();
  info.metadata = row.upload.metadata;
  info.lock = row.upload.lock;
  info.acl = row.upload.acl;
  info.sse = row.upload.sse;
  info.parts_count = static_cast<uint32_t>(parts.size());
  version.head.owner = manifest.owner;

  PreparedBody prepared =
      co_await io::or_return(prepare_manifest(context, tenant_keys, std::move(manifest), false));
  version.bucket = bucket;
  version.key = row.upload.key;
  version.conditions = options.conditions;
  version.keys = tenant_keys;
  version.body = &prepared;
  catalog::Batch& more = version.more;
  more.preconditions.push_back(Precondition::version_is(row.row_key, row.version));
  more.deletes.push_back(row.row_key);
  add_consumed(context, *tenant_keys, upload_id, stored, parts, more);
  version.freed_bytes = size_of(stored);
  version.hook = options.hook;
  version.with_head = [&](const Head& head, catalog::Batch& batch) {
    CompletedUpload completed;
    completed.bucket_id = bucket.id;
    completed.key = row.upload.key;
    completed.completed = head.info.modified;
    completed.head = head;
    std::string completed_key = keys::completed(upload_id);
    std::string value = sign_row(*tenant_keys, completed_key, encode_completed(completed));
    batch.puts.push_back({std::move(completed_key), std::move(value)});
  };
  Result<ObjectInfo> result = co_await commit_version(context, std::move(version));
  co_await end_prepared(prepared, result.has_value());
  co_return result;
}

}  // namespace

io::Task<Result<ObjectInfo>> finish_upload(Context& context, BucketInfo bucket, std::string key,
                                           std::string upload_id, FinishAttempt attempt) {
  const KeyLocks::Guard guard = co_await context.locks.lock(keys::completed(upload_id));
  for (int number = 0; number < kCommitAttemptsMax; ++number) {
    std::optional<UploadRow> row =
        co_await io::or_return(load_upload(context, bucket, key, upload_id));
    if (!row) co_return co_await completed_before(context, bucket, key, upload_id);
    Result<ObjectInfo> result = co_await attempt(std::move(*row));
    if (!lost_race(result)) co_return result;
  }
  co_return fail(Code::kUnavailable, "the upload changes faster than it can be completed");
}

io::Task<Result<ObjectInfo>> complete_upload(Context& context, BucketInfo bucket, std::string key,
                                             std::string upload_id, CompleteOptions options) {
  FinishAttempt attempt = [&](UploadRow row) {
    return try_complete(context, bucket, std::move(row), options);
  };
  co_return co_await finish_upload(context, bucket, std::move(key), std::move(upload_id),
                                   std::move(attempt));
}

io::Task<Status> abort_upload(Context& context, BucketInfo bucket, std::string key,
                              std::string upload_id) {
  const KeyLocks::Guard guard = co_await context.locks.lock(keys::completed(upload_id));
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const std::optional<UploadRow> row =
        co_await io::or_return(load_upload(context, bucket, key, upload_id));
    if (!row) co_return no_such_upload();
    if (row->upload.native) {
      const bool dropped = co_await io::or_return(drop_native_chunks(context, bucket, *row));
      if (!dropped) continue;
      co_return Status{};
    }
    const std::vector<Part> stored =
        co_await io::or_return(load_parts(context, bucket.tenant, upload_id));
    catalog::Batch batch;
    batch.preconditions.push_back(Precondition::version_is(row->row_key, row->version));
    batch.deletes.push_back(row->row_key);
    add_consumed(context, *tenant_keys, upload_id, stored, {}, batch);
    const Usage gone{-static_cast<int64_t>(size_of(stored)), 0};
    UsageReservation freed =
        co_await io::or_return(context.usage.reserve(usage_change(bucket, gone)));
    const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
    keep_usage(context, done, freed);
    if (done) co_return Status{};
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  }
  co_return fail(Code::kUnavailable, "the upload changes faster than it can be aborted");
}

io::Task<Status> abort_all_uploads(Context& context, BucketInfo bucket) {
  catalog::ScanRequest request;
  request.begin = keys::uploads(bucket.id);
  request.end = catalog::prefix_end(request.begin);
  request.keys_only = true;
  while (true) {
    const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(request));
    for (const catalog::Entry& entry : page.entries) {
      const std::optional<keys::ParsedUpload> parsed = keys::parse_upload(entry.key);
      if (!parsed) co_return fail(Code::kCorruption, "an upload row has a damaged key");
      const Status aborted = co_await abort_upload(context, bucket, std::string(parsed->key),
                                                   std::string(parsed->upload_id));
      if (!aborted && aborted.error().code != Code::kNotFound) co_return aborted;
    }
    if (!page.more || page.entries.empty()) co_return Status{};
    request.begin = page.entries.back().key + '\0';
  }
}

}  // namespace cairn::object
