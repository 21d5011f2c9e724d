// The Objects of the doors: hands each call to the file that does it.
#include "object/objects.h"

#include <atomic>
#include <utility>

#include "base/assert.h"
#include "object/append.h"
#include "object/body_writer.h"
#include "object/buckets.h"
#include "object/catalog_watch.h"
#include "object/change_version.h"
#include "object/collector.h"
#include "object/commit.h"
#include "object/conditions.h"
#include "object/context.h"
#include "object/copy.h"
#include "object/keys.h"
#include "object/kms_keys.h"
#include "object/known_bodies.h"
#include "object/lister.h"
#include "object/multipart.h"
#include "object/native_upload.h"
#include "object/object_reader.h"
#include "object/read_ahead.h"
#include "object/remove.h"
#include "object/rename.h"
#include "object/rows.h"
#include "object/schema.h"
#include "object/scrubber.h"
#include "object/shared_store.h"
#include "object/site_sync.h"
#include "object/sse_plan.h"
#include "object/tenant_keys.h"
#include "object/transition.h"
#include "object/usage_count.h"
#include "object/usage_follow.h"
#include "object/version_lister.h"
#include "object/versions.h"

namespace cairn::object {
namespace {

std::unexpected<Error> not_found(std::string_view why) {
  return fail(Code::kNotFound, std::string(why));
}

// The version as the caller sees it; what is not there is told apart.
io::Task<Result<std::shared_ptr<const OpenObject>>> require_version(
    Context& context, BucketInfo bucket, std::string key, std::string version_id, bool with_body) {
  const std::shared_ptr<const OpenObject> object =
      co_await io::or_return(load_version(context, bucket, key, version_id, with_body));
  if (object != nullptr && !object->head.info.is_delete_marker) co_return object;
  if (object != nullptr) {
    co_return fail(Code::kFailedPrecondition, std::string(reason::kIsDeleteMarker));
  }
  if (!version_id.empty() || !bucket.is_versioned()) co_return no_such_version(version_id);
  const KeyRows rows = co_await io::or_return(load_key_rows(context, std::move(bucket), key));
  if (rows.current || !rows.newest) co_return not_found(reason::kNoSuchKey);
  co_return fail(Code::kNotFound, std::string(reason::kNoSuchKey) + ": " +
                                      std::string(reason::kIsDeleteMarker) +
                                      version_id_of(rows.newest->head));
}

// The null version of a versioned bucket is shown as such, also when it was written before.
bool needs_null_id(const BucketInfo& bucket, const ObjectInfo& info) {
  return bucket.is_versioned() && info.version_id.empty();
}

}  // namespace

Status ObjectReader::warm_later(ByteRange /*range*/) {
  return fail(Code::kUnsupported, "there is no cache that could keep it");
}

namespace {

class StoredObjects final : public Objects {
 public:
  StoredObjects(const ObjectsOptions& options, const SharedOptions& shared)
      : context_(*options.catalog, *options.store, *options.keys,
                 options.random == nullptr ? system_random() : *options.random),
        watch_(context_.catalog, context_.generations),
        collector_(context_, shared.garbage_grace) {
    context_.known_bodies = &known_bodies_;
    context_.sync_tail = &site_sync_.tail();
    context_.ram_tier = options.ram_tier;
    context_.placements = options.placements;
    context_.read_ahead = options.read_ahead != nullptr
                              ? options.read_ahead
                              : std::make_shared<ReadAhead>(options.ram_tier);
  }
  ~StoredObjects() override { ASSERT(closed_); }

  io::Task<Result<BucketInfo>> create_bucket(TenantId tenant, std::string name,
                                             CreateBucketOptions options) override {
    return object::create_bucket(context_, tenant, std::move(name), std::move(options));
  }
  io::Task<Result<BucketInfo>> bucket(TenantId tenant, std::string name) override {
    return object::find_bucket(context_, tenant, std::move(name));
  }
  io::Task<Result<BucketInfo>> find_bucket(std::string name) override {
    return find_bucket_by_name(context_, std::move(name));
  }
  io::Task<Result<BucketInfo>> change_bucket(
      TenantId tenant, std::string name,
      std::function<Status(BucketConfig& config)> change) override {
    return object::change_bucket(context_, tenant, std::move(name), std::move(change));
  }
  io::Task<Result<std::vector<BucketInfo>>> all_buckets(std::optional<uint64_t> after,
                                                        size_t limit) override {
    return object::all_buckets(context_, after, limit);
  }
  io::Task<Status> delete_bucket(TenantId tenant, std::string name) override {
    return object::delete_bucket(context_, tenant, std::move(name));
  }
  io::Task<Result<std::vector<BucketInfo>>> list_buckets(TenantId tenant, std::string prefix,
                                                         std::string start_after,
                                                         size_t limit) override {
    return object::list_buckets(context_, tenant, std::move(prefix), std::move(start_after), limit);
  }

  io::Task<Status> check_conditions(BucketInfo bucket, std::string key,
                                    Conditions conditions) override;
  io::Task<Result<std::unique_ptr<ObjectWriter>>> put(BucketInfo bucket, std::string key,
                                                      PutOptions options) override;
  io::Task<Result<std::unique_ptr<ObjectWriter>>> append(BucketInfo bucket, std::string key,
                                                         uint64_t offset_bytes,
                                                         PutOptions options) override {
    return make_append_writer(context_, std::move(bucket), std::move(key), offset_bytes,
                              std::move(options));
  }
  io::Task<Result<ObjectInfo>> head(BucketInfo bucket, std::string key,
                                    std::string version_id) override;
  io::Task<Result<std::unique_ptr<ObjectReader>>> open(BucketInfo bucket, std::string key,
                                                       std::string version_id,
                                                       crypto::SseKeyPointer customer_key) override;
  Status check_customer_key(const BucketInfo& bucket, const ObjectInfo& info,
                            const crypto::SseKeyPointer& customer_key) override;
  io::Task<Result<std::vector<RemovedInfo>>> remove(BucketInfo bucket,
                                                    std::vector<RemoveRequest> requests,
                                                    CommitHook hook) override {
    return remove_versions(context_, std::move(bucket), std::move(requests), std::move(hook));
  }
  io::Task<Result<ObjectInfo>> change_version(BucketInfo bucket, std::string key,
                                              std::string version_id,
                                              std::function<Status(ObjectInfo& info)> change,
                                              CommitHook hook) override {
    return object::change_version(context_, std::move(bucket), std::move(key),
                                  std::move(version_id), std::move(change), std::move(hook));
  }
  io::Task<Result<ObjectInfo>> copy(BucketInfo source_bucket, ObjectInfo source,
                                    BucketInfo target_bucket, std::string target_key,
                                    PutOptions options) override {
    return copy_object(context_, std::move(source_bucket), std::move(source),
                       std::move(target_bucket), std::move(target_key), std::move(options));
  }
  io::Task<Result<ObjectInfo>> rename(BucketInfo bucket, std::string source_key,
                                      std::string target_key, RenameOptions options) override {
    return rename_object(context_, std::move(bucket), std::move(source_key), std::move(target_key),
                         std::move(options));
  }
  io::Task<Result<TransitionedInfo>> transition(BucketInfo bucket, ObjectInfo version,
                                                TransitionOptions options) override {
    return transition_version(context_, std::move(bucket), std::move(version), std::move(options));
  }
  io::Task<Result<ListPage>> list(BucketInfo bucket, ListRequest request) override {
    return list_objects(context_, std::move(bucket), std::move(request));
  }
  io::Task<Result<VersionListPage>> list_versions(BucketInfo bucket,
                                                  VersionListRequest request) override {
    return object::list_versions(context_, std::move(bucket), std::move(request));
  }
  io::Task<Result<std::unique_ptr<VersionCursor>>> walk_versions(
      BucketInfo bucket, VersionListRequest request) override {
    return object::walk_versions(context_, std::move(bucket), std::move(request));
  }

  io::Task<Result<UploadInfo>> create_upload(BucketInfo bucket, std::string key,
                                             UploadOptions options) override {
    return object::create_upload(context_, std::move(bucket), std::move(key), std::move(options));
  }
  io::Task<Result<UploadInfo>> upload(BucketInfo bucket, std::string key,
                                      std::string upload_id) override {
    return find_upload(context_, std::move(bucket), std::move(key), std::move(upload_id));
  }
  io::Task<Result<std::unique_ptr<ObjectWriter>>> put_part(BucketInfo bucket, UploadInfo upload,
                                                           uint32_t part_number,
                                                           PutOptions options) override;
  io::Task<Result<PartInfo>> copy_part(BucketInfo source_bucket, ObjectInfo source,
                                       std::optional<ByteRange> range, BucketInfo bucket,
                                       UploadInfo upload, uint32_t part_number,
                                       CopyKeys keys) override {
    return object::copy_part(context_, std::move(source_bucket), std::move(source), range,
                             std::move(bucket), std::move(upload), part_number, std::move(keys));
  }
  io::Task<Result<std::vector<PartInfo>>> list_parts(BucketInfo bucket, UploadInfo upload,
                                                     uint32_t after, size_t limit) override {
    return object::list_parts(context_, std::move(bucket), std::move(upload), after, limit);
  }
  io::Task<Result<ObjectInfo>> complete_upload(BucketInfo bucket, std::string key,
                                               std::string upload_id,
                                               CompleteOptions options) override {
    return object::complete_upload(context_, std::move(bucket), std::move(key),
                                   std::move(upload_id), std::move(options));
  }
  io::Task<Status> abort_upload(BucketInfo bucket, std::string key,
                                std::string upload_id) override {
    return object::abort_upload(context_, std::move(bucket), std::move(key), std::move(upload_id));
  }
  io::Task<Result<UploadListPage>> list_uploads(BucketInfo bucket,
                                                UploadListRequest request) override {
    return object::list_uploads(context_, std::move(bucket), std::move(request));
  }

  io::Task<Result<crypto::KmsKeyPointer>> change_kms_key(KmsCommand command) override {
    return object::change_kms_key(context_, std::move(command));
  }

  const storage::Placements& placements() const override { return context_.placements; }
  SegmentIndex* segments() override { return &context_.segments; }
  std::unique_ptr<ChunkReader> read_chunks(TenantId tenant) override {
    return std::make_unique<ChunkReader>(context_, tenant, ReadEpochs::ReadPin());
  }
  NativeUploads* native() override { return &native_; }
  SiteSync* site_sync() override { return &site_sync_; }
  KnownBodies* known_bodies() override { return &known_bodies_; }

  UsageTable& usage() override { return context_.usage; }
  io::Task<Status> begin_usage_count() override;
  io::Task<Status> count_usage(io::StopToken stop) override;

  io::Task<Result<ScrubReport>> scrub() override;
  io::Task<Result<bool>> collect_garbage() override { return collector_.pass(); }
  io::Task<Status> close() override;

  Context& context() { return context_; }

 private:
  // Whether a new version of `key` with so many bytes may come.
  io::Task<Status> check_quota(BucketInfo bucket, std::string key, uint64_t size_bytes);

  Context context_;
  CatalogWatch watch_;
  std::shared_ptr<const catalog::Snapshot> usage_snapshot_;
  std::unique_ptr<UsageFollower> usage_follower_;  // Null where the catalog is not shared.
  Collector collector_;
  NativeUploads native_{context_};
  SiteSync site_sync_{context_};
  KnownBodies known_bodies_{context_};
  std::atomic<bool> closed_{false};
};

io::Task<Status> StoredObjects::check_conditions(BucketInfo bucket, std::string key,
                                                 Conditions conditions) {
  const std::shared_ptr<const OpenObject> object = co_await io::or_return(
      load_object(context_, bucket.tenant, bucket.id, std::move(key), false));
  co_return check_write(conditions, object == nullptr ? nullptr : &object->head.info);
}

io::Task<Result<std::unique_ptr<ObjectWriter>>> StoredObjects::put(BucketInfo bucket,
                                                                   std::string key,
                                                                   PutOptions options) {
  if (context_.usage.has_limits()) {
    co_await io::or_return(check_quota(bucket, key, options.size_bytes.value_or(0)));
  }
  co_await io::or_return(context_.check_room(options.size_bytes));
  SsePlan plan = co_await io::or_return(plan_sse(context_, bucket.tenant, std::move(options.sse)));
  co_return make_object_writer(context_, std::move(bucket), std::move(key), std::move(options),
                               std::move(plan));
}

io::Task<Result<std::unique_ptr<ObjectWriter>>> StoredObjects::put_part(BucketInfo bucket,
                                                                        UploadInfo upload,
                                                                        uint32_t part_number,
                                                                        PutOptions options) {
  const Usage part{static_cast<int64_t>(options.size_bytes.value_or(0)), 0};
  co_await io::or_return(context_.usage.check(usage_change(bucket, part)));
  co_await io::or_return(context_.check_room(options.size_bytes));
  co_return make_part_writer(context_, std::move(bucket), std::move(upload), part_number,
                             std::move(options));
}

io::Task<Result<ObjectInfo>> StoredObjects::head(BucketInfo bucket, std::string key,
                                                 std::string version_id) {
  const std::shared_ptr<const OpenObject> object = co_await io::or_return(
      require_version(context_, bucket, std::move(key), std::move(version_id), false));
  ObjectInfo info = object->head.info;
  if (needs_null_id(bucket, info)) info.version_id = kNullVersionId;
  co_return info;
}

io::Task<Result<std::unique_ptr<ObjectReader>>> StoredObjects::open(
    BucketInfo bucket, std::string key, std::string version_id,
    crypto::SseKeyPointer customer_key) {
  Core& core = context_.core();
  // Before the lookup: what is found then cannot be collected under the reader.
  ReadEpochs::ReadPin pin(core.readers, core.reactor.now());
  std::shared_ptr<const OpenObject> object = co_await io::or_return(
      require_version(context_, bucket, std::move(key), std::move(version_id), true));
  const bool show_null = needs_null_id(bucket, object->head.info);
  std::unique_ptr<StoredObjectReader> reader = co_await io::or_return(
      StoredObjectReader::create(context_, std::move(object), std::move(pin), customer_key));
  if (show_null) reader->show_as(std::string(kNullVersionId));
  co_return reader;
}

Status StoredObjects::check_customer_key(const BucketInfo& bucket, const ObjectInfo& info,
                                         const crypto::SseKeyPointer& customer_key) {
  if (info.sse.empty() && customer_key == nullptr) return {};
  const Result<SseRecord> record = parse_sse(info.sse);
  if (!record) return std::unexpected(record.error());
  // What is told of an object without its bytes needs no KMS key.
  if (record->kind == crypto::SseKind::kKms && customer_key == nullptr) return {};
  const Result<crypto::SseKeyPointer> key =
      open_sse(context_, bucket.tenant, info.sse, customer_key);
  if (!key) return std::unexpected(key.error());
  return {};
}

io::Task<Status> StoredObjects::check_quota(BucketInfo bucket, std::string key,
                                            uint64_t size_bytes) {
  UsageChange change = usage_change(bucket, {static_cast<int64_t>(size_bytes), 1});
  const Status fits = context_.usage.check(change);
  if (fits || bucket.config->versioning == Versioning::kEnabled) co_return fits;
  // What is replaced makes room.
  const std::optional<HeadRow> old =
      co_await io::or_return(load_head(context_, bucket.tenant, bucket.id, std::move(key)));
  if (!old) co_return fits;
  change.by.size_bytes -= static_cast<int64_t>(old->head.info.size_bytes);
  change.by.versions_count = 0;
  co_return context_.usage.check(change);
}

io::Task<Status> StoredObjects::begin_usage_count() {
  if (context_.catalog.is_shared()) {
    usage_follower_ = std::make_unique<UsageFollower>(context_.catalog, context_.usage);
  }
  usage_snapshot_ = co_await io::or_return(context_.catalog.snapshot());
  if (usage_follower_) co_await io::or_return(usage_follower_->begin(*usage_snapshot_));
  co_return Status();
}

io::Task<Status> StoredObjects::count_usage(io::StopToken stop) {
  std::shared_ptr<const catalog::Snapshot> snapshot = std::exchange(usage_snapshot_, nullptr);
  ASSERT(snapshot != nullptr);
  if (usage_follower_) {
    co_return co_await usage_follower_->count_and_follow(context_, std::move(snapshot), stop);
  }
  const bool is_whole = co_await io::or_return(object::count_usage(
      context_, std::move(snapshot),
      [this](const UsageChange& bucket) { context_.usage.add_counted(bucket); }, stop));
  if (is_whole) context_.usage.set_counted();
  co_return Status();
}

io::Task<Result<ScrubReport>> StoredObjects::scrub() {
  Scrubber scrubber(context_);
  co_return co_await scrubber.run();
}

io::Task<Status> StoredObjects::close() {
  context_.read_ahead->stop();
  co_await context_.join_fetches();
  closed_ = true;
  co_return Status{};
}

io::Task<Status> start(Context& context) {
  co_await io::or_return(load_tenant_keys(context.catalog, context.keys));
  co_await io::or_return(load_kms_keys(context.catalog, context.keys));
  co_await io::or_return(check_schema(context));
  co_return co_await ensure_tenant_keys(context.catalog, context.keys, crypto::kRootTenant,
                                        context.random);
}

}  // namespace

io::Task<Result<RemovedInfo>> Objects::remove_one(BucketInfo bucket, RemoveRequest request,
                                                  CommitHook hook) {
  std::vector<RemoveRequest> requests;
  requests.push_back(std::move(request));
  std::vector<RemovedInfo> removed =
      co_await io::or_return(remove(std::move(bucket), std::move(requests), std::move(hook)));
  co_await io::or_return(std::move(removed.front().status));
  co_return std::move(removed.front());
}

io::Task<Result<std::unique_ptr<Objects>>> open_objects(ObjectsOptions options) {
  return open_objects(std::move(options), SharedOptions());
}

io::Task<Result<std::unique_ptr<Objects>>> open_objects(ObjectsOptions options,
                                                        SharedOptions shared) {
  ASSERT(options.catalog != nullptr && options.store != nullptr && options.keys != nullptr);
  auto objects = std::make_unique<StoredObjects>(options, shared);
  Status started = co_await start(objects->context());
  if (started) started = co_await objects->site_sync()->load();
  if (!started) {
    const Status closed = co_await objects->close();
    static_cast<void>(closed);
    co_return std::unexpected(started.error());
  }
  co_return objects;
}

}  // namespace cairn::object
