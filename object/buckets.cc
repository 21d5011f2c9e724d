#include "object/buckets.h"

#include <algorithm>
#include <utility>

#include "object/keys.h"
#include "object/multipart.h"
#include "object/rows.h"
#include "object/signed_row.h"
#include "object/tenant_keys.h"

namespace cairn::object {
namespace {

using catalog::Precondition;

Precondition absent(std::string key) {
  Precondition out;
  out.key = std::move(key);
  return out;
}
Precondition version_is(std::string key, catalog::Version version) {
  Precondition out;
  out.kind = Precondition::Kind::kVersionIs;
  out.key = std::move(key);
  out.version = version;
  return out;
}
Precondition range_empty(std::string prefix) {
  Precondition out;
  out.kind = Precondition::Kind::kRangeEmpty;
  out.end = catalog::prefix_end(prefix);
  out.key = std::move(prefix);
  return out;
}

struct BucketRow {
  BucketInfo bucket;
  catalog::Version version = 0;
};

io::Task<Result<std::optional<BucketRow>>> load_bucket(Context& context, TenantId tenant,
                                                       std::string row_key) {
  const std::optional<catalog::Entry> entry = co_await io::or_return(context.catalog.get(row_key));
  if (!entry) co_return std::optional<BucketRow>();
  const BytesView record =
      co_await io::or_return(open_record(context, tenant, row_key, entry->value));
  BucketRow out;
  out.bucket = co_await io::or_return(parse_bucket(record));
  out.version = entry->version;
  co_return std::optional(std::move(out));
}

std::unexpected<Error> no_such_bucket() {
  return fail(Code::kNotFound, std::string(reason::kNoSuchBucket));
}

}  // namespace

io::Task<Result<BucketInfo>> create_bucket(Context& context, TenantId tenant, std::string name,
                                           std::string location) {
  const std::string row_key = keys::bucket(tenant, name);
  const KeyLocks::Guard guard = co_await context.locks.lock(row_key);
  co_await io::or_return(ensure_tenant_keys(context.catalog, context.keys, tenant, context.random));
  const auto tenant_keys = co_await io::or_return(context.keys_of(tenant));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const std::optional<BucketRow> present =
        co_await io::or_return(load_bucket(context, tenant, row_key));
    if (present) co_return fail(Code::kAlreadyExists, std::string(reason::kBucketOwned));
    BucketInfo bucket;
    bucket.name = name;
    bucket.id = context.random.next_u64();
    bucket.tenant = tenant;
    bucket.created = context.now();
    bucket.location = location;
    const std::string alive_key = keys::bucket_alive(bucket.id);
    const std::string record = encode_bucket(bucket);
    catalog::Batch batch;
    batch.preconditions.push_back(absent(row_key));
    batch.preconditions.push_back(absent(alive_key));
    batch.puts.push_back({row_key, sign_row(*tenant_keys, row_key, record)});
    batch.puts.push_back({alive_key, sign_row(*tenant_keys, alive_key, record)});
    Generations::CommitSpan span(context.generations);
    span.add(row_key);
    const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
    if (done) co_return bucket;
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  }
  co_return fail(Code::kUnavailable, "the bucket could not be created");
}

io::Task<Result<BucketInfo>> find_bucket(Context& context, TenantId tenant, std::string name) {
  std::string row_key = keys::bucket(tenant, name);
  Core& core = context.core();
  const std::shared_ptr<const BucketInfo> cached = core.buckets.find(row_key);
  if (cached != nullptr) co_return *cached;
  const uint64_t word = context.generations.word(row_key);
  std::optional<BucketRow> row = co_await io::or_return(load_bucket(context, tenant, row_key));
  if (!row) co_return no_such_bucket();
  core.buckets.insert(std::move(row_key), word, std::make_shared<BucketInfo>(row->bucket),
                      sizeof(BucketInfo) + 128);
  co_return std::move(row->bucket);
}

io::Task<Status> delete_bucket(Context& context, TenantId tenant, std::string name) {
  const std::string row_key = keys::bucket(tenant, name);
  const KeyLocks::Guard guard = co_await context.locks.lock(row_key);
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const std::optional<BucketRow> row =
        co_await io::or_return(load_bucket(context, tenant, row_key));
    if (!row) co_return no_such_bucket();
    const uint64_t id = row->bucket.id;
    catalog::ScanRequest any_object;
    any_object.begin = keys::objects(id);
    any_object.end = catalog::prefix_end(any_object.begin);
    any_object.limit_entries = 1;
    any_object.keys_only = true;
    const catalog::ScanPage found =
        co_await io::or_return(context.catalog.scan(std::move(any_object)));
    if (!found.entries.empty()) {
      co_return fail(Code::kFailedPrecondition, std::string(reason::kBucketNotEmpty));
    }
    co_await io::or_return(abort_all_uploads(context, row->bucket));
    catalog::Batch batch;
    batch.preconditions.push_back(version_is(row_key, row->version));
    batch.preconditions.push_back(range_empty(keys::objects(id)));
    batch.preconditions.push_back(range_empty(keys::uploads(id)));
    batch.deletes.push_back(row_key);
    batch.deletes.push_back(keys::bucket_alive(id));
    Generations::CommitSpan span(context.generations);
    span.add(row_key);
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
    out.push_back(std::move(bucket));
  }
  co_return out;
}

}  // namespace cairn::object
