#include "object/buckets.h"

#include <algorithm>
#include <utility>

#include "object/keys.h"
#include "object/multipart.h"
#include "object/rows.h"
#include "object/signed_row.h"
#include "object/stale_reads.h"
#include "object/sync_tail.h"
#include "object/tenant_keys.h"

namespace cairn::object {
namespace {

using catalog::Precondition;

Precondition empty(std::string prefix) {
  std::string end = catalog::prefix_end(prefix);
  return Precondition::range_empty(std::move(prefix), std::move(end));
}

struct BucketRow {
  BucketInfo bucket;
  catalog::Version version = 0;
};

// One view of the bucket's two rows, so that its mode and the mode's version belong together. As
// fresh as a cached bucket is; commits have their preconditions.
io::Task<Result<std::optional<BucketRow>>> load_bucket(Context& context, TenantId tenant,
                                                       std::string row_key) {
  const std::shared_ptr<const catalog::Snapshot> view =
      co_await io::or_return(catalog::recent_snapshot(context.catalog));
  const std::optional<catalog::Entry> entry =
      co_await io::or_return(context.catalog.get(row_key, view.get()));
  if (!entry) co_return std::optional<BucketRow>();
  const BytesView record =
      co_await io::or_return(open_record(context, tenant, row_key, entry->value));
  BucketRow out;
  out.bucket = co_await io::or_return(parse_bucket(record));
  out.version = entry->version;
  const std::optional<catalog::Entry> mode =
      co_await io::or_return(context.catalog.get(keys::bucket_alive(out.bucket.id), view.get()));
  if (!mode) co_return fail(Code::kCorruption, "a bucket has no row by its id");
  out.bucket.mode_version = mode->version;
  co_return std::optional(std::move(out));
}

std::unexpected<Error> no_such_bucket() {
  return fail(Code::kNotFound, std::string(reason::kNoSuchBucket));
}

// The row by id: the documents are not its business.
std::string encode_mode(BucketInfo bucket) {
  auto config = std::make_shared<BucketConfig>();
  config->versioning = bucket.config->versioning;
  config->object_lock = bucket.config->object_lock;
  config->creator = bucket.config->creator;
  bucket.config = std::move(config);
  return encode_bucket(bucket);
}

// Who owns the global name; nullopt when nobody does.
struct NameRow {
  TenantId tenant;
  catalog::Version version = 0;
};
io::Task<Result<std::optional<NameRow>>> load_name(Context& context, std::string name) {
  const std::string row_key = keys::bucket_name(name);
  const std::optional<catalog::Entry> entry =
      co_await io::or_return(context.catalog.get_recent(row_key));
  if (!entry) co_return std::optional<NameRow>();
  const OpenedRow opened = co_await io::or_return(open_row(context.keys, row_key, entry->value));
  NameRow out;
  out.tenant = co_await io::or_return(parse_bucket_name(opened.record));
  out.version = entry->version;
  if (out.tenant != opened.tenant) {
    co_return fail(Code::kCorruption, "a bucket name belongs to another tenant");
  }
  co_return std::optional(out);
}

size_t memory_of(const BucketInfo& bucket) {
  size_t bytes = sizeof(BucketInfo) + sizeof(BucketConfig) + 128;
  for (const auto& [name, text] : bucket.config->documents) bytes += name.size() + text.size() + 96;
  return bytes;
}

io::Task<Result<BucketInfo>> find_cached(Context& context, TenantId tenant, std::string name,
                                         std::string cache_key, uint64_t word) {
  std::optional<BucketRow> row =
      co_await io::or_return(load_bucket(context, tenant, keys::bucket(tenant, name)));
  if (!row) co_return no_such_bucket();
  context.core().buckets.insert(std::move(cache_key), word,
                                std::make_shared<BucketInfo>(row->bucket), memory_of(row->bucket));
  co_return std::move(row->bucket);
}

}  // namespace

std::shared_ptr<const BucketConfig> default_bucket_config() {
  static const std::shared_ptr<const BucketConfig> config = std::make_shared<BucketConfig>();
  return config;
}

io::Task<Result<BucketInfo>> create_bucket(Context& context, TenantId tenant, std::string name,
                                           CreateBucketOptions options) {
  const std::string row_key = keys::bucket(tenant, name);
  const std::string name_key = keys::bucket_name(name);
  const KeyLocks::Guard guard = co_await context.locks.lock(row_key);
  co_await io::or_return(ensure_tenant_keys(context.catalog, context.keys, tenant, context.random));
  const auto tenant_keys = co_await io::or_return(context.keys_of(tenant));
  BucketInfo bucket;
  bucket.name = name;
  bucket.tenant = tenant;
  bucket.location = options.location;
  bucket.config = std::make_shared<BucketConfig>(std::move(options.config));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const std::optional<BucketRow> present =
        co_await io::or_return(load_bucket(context, tenant, row_key));
    if (present) co_return fail(Code::kAlreadyExists, std::string(reason::kBucketOwned));
    if (!options.is_isolated) {
      const std::optional<NameRow> taken = co_await io::or_return(load_name(context, name));
      if (taken) co_return fail(Code::kAlreadyExists, std::string(reason::kBucketExists));
    }
    bucket.id = context.random.next_u64();
    bucket.created = context.now();
    const std::string alive_key = keys::bucket_alive(bucket.id);
    catalog::Batch batch;
    batch.preconditions.push_back(Precondition::absent(row_key));
    batch.preconditions.push_back(Precondition::absent(alive_key));
    batch.puts.push_back({row_key, sign_row(*tenant_keys, row_key, encode_bucket(bucket))});
    batch.puts.push_back({alive_key, sign_row(*tenant_keys, alive_key, encode_mode(bucket))});
    if (!options.is_isolated) {
      batch.preconditions.push_back(Precondition::absent(name_key));
      batch.puts.push_back(
          {name_key, sign_row(*tenant_keys, name_key, encode_bucket_name(tenant))});
    }
    Generations::CommitSpan span(context.generations);
    span.add(row_key);
    span.add(name_key);
    const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
    if (done) {
      bucket.mode_version = *done;
      co_return bucket;
    }
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  }
  co_return fail(Code::kUnavailable, "the bucket could not be created");
}

io::Task<Result<BucketInfo>> find_bucket(Context& context, TenantId tenant, std::string name) {
  std::string row_key = keys::bucket(tenant, name);
  const std::shared_ptr<const BucketInfo> cached = context.core().buckets.find(row_key);
  if (cached != nullptr) co_return *cached;
  const uint64_t word = context.generations.word(row_key);
  co_return co_await find_cached(context, tenant, std::move(name), std::move(row_key), word);
}

io::Task<Result<BucketInfo>> find_bucket_by_name(Context& context, std::string name) {
  std::string name_key = keys::bucket_name(name);
  const std::shared_ptr<const BucketInfo> cached = context.core().buckets.find(name_key);
  if (cached != nullptr) co_return *cached;
  const uint64_t word = context.generations.word(name_key);
  const std::optional<NameRow> owner = co_await io::or_return(load_name(context, name));
  if (!owner) co_return no_such_bucket();
  co_return co_await find_cached(context, owner->tenant, std::move(name), std::move(name_key),
                                 word);
}

io::Task<Result<std::optional<BucketInfo>>> find_bucket_by_id(Context& context, TenantId tenant,
                                                              uint64_t id) {
  const std::string row_key = keys::bucket_alive(id);
  const std::optional<catalog::Entry> entry = co_await io::or_return(context.catalog.get(row_key));
  if (!entry) co_return std::optional<BucketInfo>();
  const OpenedRow opened = co_await io::or_return(open_row(context.keys, row_key, entry->value));
  if (opened.tenant != tenant) co_return std::optional<BucketInfo>();
  const BucketInfo named = co_await io::or_return(parse_bucket(opened.record));
  Result<BucketInfo> found = co_await find_bucket(context, tenant, named.name);
  if (!found && found.error().code != Code::kNotFound) co_return std::unexpected(found.error());
  if (!found || found->id != id) co_return std::optional<BucketInfo>();
  co_return std::optional(std::move(*found));
}

io::Task<Result<BucketInfo>> reload_bucket(Context& context, BucketInfo bucket) {
  // What a commit has just failed on may be a rule that another process made.
  if (context.sync_tail != nullptr) co_await io::or_return(context.sync_tail->catch_up());
  std::optional<BucketRow> row = co_await io::or_return(
      load_bucket(context, bucket.tenant, keys::bucket(bucket.tenant, bucket.name)));
  if (!row || row->bucket.id != bucket.id) co_return no_such_bucket();
  co_return std::move(row->bucket);
}

namespace {

Status check_config(const BucketConfig& config) {
  size_t bytes = 0;
  for (const auto& [name, text] : config.documents) bytes += name.size() + text.size();
  if (bytes <= kBucketConfigBytesMax) return {};
  return fail(Code::kInvalidArgument, "the configurations of the bucket are larger than " +
                                          std::to_string(kBucketConfigBytesMax) + " bytes");
}

}  // namespace

io::Task<Result<BucketInfo>> change_bucket(Context& context, TenantId tenant, std::string name,
                                           std::function<Status(BucketConfig&)> change) {
  const std::string row_key = keys::bucket(tenant, name);
  const KeyLocks::Guard guard = co_await context.locks.lock(row_key);
  const auto tenant_keys = co_await io::or_return(context.keys_of(tenant));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    std::optional<BucketRow> row = co_await io::or_return(load_bucket(context, tenant, row_key));
    if (!row) co_return no_such_bucket();
    BucketInfo& bucket = row->bucket;
    auto config = std::make_shared<BucketConfig>(*bucket.config);
    co_await io::or_return(change(*config));
    co_await io::or_return(check_config(*config));
    const bool new_mode = config->versioning != bucket.config->versioning ||
                          config->object_lock != bucket.config->object_lock;
    bucket.config = std::move(config);
    catalog::Batch batch;
    batch.preconditions.push_back(Precondition::version_is(row_key, row->version));
    batch.puts.push_back({row_key, sign_row(*tenant_keys, row_key, encode_bucket(bucket))});
    if (new_mode) {
      const std::string mode_key = keys::bucket_alive(bucket.id);
      batch.puts.push_back({mode_key, sign_row(*tenant_keys, mode_key, encode_mode(bucket))});
    }
    Generations::CommitSpan span(context.generations);
    span.add(row_key);
    span.add(keys::bucket_name(name));
    const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
    if (done) {
      if (new_mode) bucket.mode_version = *done;
      co_return std::move(bucket);
    }
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  }
  co_return fail(Code::kUnavailable, "the bucket changes faster than it can be configured");
}

namespace {

io::Task<Result<bool>> has_rows(Context& context, std::string prefix) {
  catalog::ScanRequest request;
  request.end = catalog::prefix_end(prefix);
  request.begin = std::move(prefix);
  request.limit_entries = 1;
  request.keys_only = true;
  const catalog::ScanPage found = co_await io::or_return(context.catalog.scan(std::move(request)));
  co_return !found.entries.empty();
}

}  // namespace

io::Task<Status> delete_bucket(Context& context, TenantId tenant, std::string name) {
  const std::string row_key = keys::bucket(tenant, name);
  const KeyLocks::Guard guard = co_await context.locks.lock(row_key);
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const std::optional<BucketRow> row =
        co_await io::or_return(load_bucket(context, tenant, row_key));
    if (!row) co_return no_such_bucket();
    const uint64_t id = row->bucket.id;
    for (const std::string& rows : {keys::objects(id), keys::versions(id)}) {
      const bool any = co_await io::or_return(has_rows(context, rows));
      if (any) co_return fail(Code::kFailedPrecondition, std::string(reason::kBucketNotEmpty));
    }
    const std::optional<NameRow> named = co_await io::or_return(load_name(context, name));
    co_await io::or_return(abort_all_uploads(context, row->bucket));
    catalog::Batch batch;
    batch.preconditions.push_back(Precondition::version_is(row_key, row->version));
    batch.preconditions.push_back(empty(keys::objects(id)));
    batch.preconditions.push_back(empty(keys::versions(id)));
    batch.preconditions.push_back(empty(keys::uploads(id)));
    batch.deletes.push_back(row_key);
    batch.deletes.push_back(keys::bucket_alive(id));
    Generations::CommitSpan span(context.generations);
    span.add(row_key);
    const std::string name_key = keys::bucket_name(name);
    if (named && named->tenant == tenant) {
      batch.preconditions.push_back(Precondition::version_is(name_key, named->version));
      batch.deletes.push_back(name_key);
      span.add(name_key);
    }
    const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
    if (done) co_return Status{};
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  }
  co_return fail(Code::kUnavailable, "the bucket is in use");
}

io::Task<Result<std::vector<BucketInfo>>> list_buckets(Context& context, TenantId tenant,
                                                       std::string prefix, std::string start_after,
                                                       size_t limit) {
  catalog::ScanRequest request;
  request.begin = keys::buckets(tenant) + prefix;
  request.end = catalog::prefix_end(request.begin);
  if (!start_after.empty()) {
    request.begin = std::max(request.begin, keys::bucket(tenant, start_after) + '\0');
  }
  std::vector<BucketInfo> out;
  limit = std::min(limit, kListLimitMax);
  while (out.size() < limit) {
    request.limit_entries = std::min(limit - out.size(), kScanEntriesMax);
    const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(request));
    for (const catalog::Entry& entry : page.entries) {
      const BytesView record =
          co_await io::or_return(open_record(context, tenant, entry.key, entry.value));
      BucketInfo bucket = co_await io::or_return(parse_bucket(record));
      out.push_back(std::move(bucket));
    }
    if (!page.more || page.entries.empty()) break;
    request.begin = page.entries.back().key + '\0';
  }
  co_return out;
}

io::Task<Result<std::vector<BucketInfo>>> all_buckets(Context& context,
                                                      std::optional<uint64_t> after, size_t limit) {
  catalog::ScanRequest request;
  request.begin = keys::buckets_alive();
  request.end = catalog::prefix_end(request.begin);
  if (after) request.begin = keys::bucket_alive(*after) + '\0';
  request.limit_entries = limit;
  const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(request));
  std::vector<BucketInfo> out;
  for (const catalog::Entry& entry : page.entries) {
    const OpenedRow opened = co_await io::or_return(open_row(context.keys, entry.key, entry.value));
    BucketInfo bucket = co_await io::or_return(parse_bucket(opened.record));
    Result<BucketInfo> whole = co_await reload_bucket(context, bucket);
    if (whole) bucket = std::move(*whole);
    if (!whole && whole.error().code != Code::kNotFound) {
      co_return std::unexpected(std::move(whole.error()));
    }
    out.push_back(std::move(bucket));
  }
  co_return out;
}

}  // namespace cairn::object
