#include "object/versions.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "object/body_index.h"
#include "object/commit.h"
#include "object/keys.h"
#include "object/signed_row.h"
#include "object/usage_follow.h"

namespace cairn::object {
namespace {

using catalog::Precondition;

constexpr int kOrderRandomBits = 20;  // Below the milliseconds: 64 bits last until the year 2527.

// The first version row of the key from `begin` on.
io::Task<Result<std::optional<HeadRow>>> first_version(Context& context, TenantId tenant,
                                                       std::string key, std::string begin,
                                                       std::string end) {
  catalog::ScanRequest request;
  request.begin = std::move(begin);
  request.end = std::move(end);
  request.limit_entries = 1;
  const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(std::move(request)));
  if (page.entries.empty()) co_return std::optional<HeadRow>();
  HeadRow row =
      co_await io::or_return(open_head(context, tenant, std::move(key), page.entries.front()));
  co_return std::optional(std::move(row));
}

}  // namespace

void put_null_row(const KeyScope& scope, std::string_view key, uint64_t order) {
  const std::string row_key = keys::null_version(scope.bucket.id, key);
  uint8_t record[sizeof(uint64_t)];
  store_be(record, order);
  scope.change.batch.puts.push_back(
      {row_key, sign_row(scope.tenant_keys, row_key, as_text(record))});
}

io::Task<Result<catalog::Version>> commit_change(Context& context, KeyChange change) {
  Generations::CommitSpan span(context.generations);
  for (const std::string& row_key : change.touched) span.add(row_key);
  UsageReservation usage = co_await io::or_return(context.usage.reserve(change.usage));
  Result<catalog::Version> done = co_await context.catalog.commit(std::move(change.batch));
  keep_usage(context, done, usage);
  co_return done;
}

void count_version(const KeyScope& scope, uint64_t size_bytes, int count) {
  UsageChange& usage = scope.change.usage;
  if (usage.bucket_id != scope.bucket.id) usage = usage_change(scope.bucket, usage.by);
  usage.by.size_bytes += count * static_cast<int64_t>(size_bytes);
  usage.by.versions_count += count;
}

uint64_t KeyRows::newest_order() const {
  if (current) return current->head.order;
  return newest ? newest->head.order : 0;
}

io::Task<Result<KeyRows>> load_key_rows(Context& context, BucketInfo bucket, std::string key) {
  KeyRows out;
  out.key = key;
  out.current = co_await io::or_return(load_head(context, bucket.tenant, bucket.id, key));
  if (!bucket.is_versioned()) co_return out;
  if (!out.current) {
    const std::string begin = keys::versions_of(bucket.id, key);
    out.newest = co_await io::or_return(
        first_version(context, bucket.tenant, key, begin, catalog::prefix_end(begin)));
  }
  if (bucket.config->versioning == Versioning::kSuspended) {
    out.null_row = co_await io::or_return(load_null_row(context, bucket, key));
  }
  co_return out;
}

void expect_bucket(const BucketInfo& bucket, catalog::Batch& batch) {
  std::string row_key = keys::bucket_alive(bucket.id);
  batch.preconditions.push_back(
      bucket.mode_version == 0 ? Precondition::present(std::move(row_key))
                               : Precondition::version_is(std::move(row_key), bucket.mode_version));
}

void expect_rows(const KeyScope& scope, const KeyRows& rows) {
  std::vector<Precondition>& out = scope.change.batch.preconditions;
  const std::string row_key = keys::object(scope.bucket.id, rows.key);
  out.push_back(rows.current ? Precondition::version_is(row_key, rows.current->version)
                             : Precondition::absent(row_key));
  if (!scope.bucket.is_versioned()) return;
  if (!rows.current) {
    // Nothing newer came, and what was newest is unchanged.
    const std::string begin = keys::versions_of(scope.bucket.id, rows.key);
    out.push_back(Precondition::range_empty(
        begin, rows.newest ? rows.newest->row_key : catalog::prefix_end(begin)));
    if (rows.newest)
      out.push_back(Precondition::version_is(rows.newest->row_key, rows.newest->version));
  }
  if (scope.bucket.config->versioning == Versioning::kSuspended) {
    const std::string null_key = keys::null_version(scope.bucket.id, rows.key);
    out.push_back(rows.null_row ? Precondition::version_is(null_key, rows.null_row->version)
                                : Precondition::absent(null_key));
  }
}

uint64_t next_order(Context& context, const KeyRows& rows) {
  const auto now_ms = static_cast<uint64_t>(std::max<int64_t>(1, context.now().unix_ms));
  const uint64_t low = context.random.next_u64() & ((uint64_t{1} << kOrderRandomBits) - 1);
  // Random steps as well where the clock is behind: another site may number the same key meanwhile.
  return std::max(now_ms << kOrderRandomBits | low, rows.newest_order() + 1 + low);
}

void put_head(const KeyScope& scope, std::string row_key, const Head& head) {
  std::string value = sign_row(scope.tenant_keys, row_key, encode_head(head));
  scope.change.touched.push_back(row_key);
  scope.change.batch.puts.push_back({std::move(row_key), std::move(value)});
}

void retire_current(const KeyScope& scope, const KeyRows& rows) {
  const Head& head = rows.current->head;
  put_head(scope, keys::version(scope.bucket.id, rows.key, head.order), head);
  if (head.is_null) put_null_row(scope, rows.key, head.order);
}

io::Task<Result<bool>> drop_body(const KeyScope& scope, HeadRow row) {
  count_version(scope, row.head.info.size_bytes, -1);
  drop_body_row(scope.bucket.tenant, row.head, scope.change.batch);
  if (row.head.body_sha256) {
    scope.change.batch.deletes.push_back(
        keys::body(scope.bucket.id, row.head.info.key, row.head.order));
  }
  if (!row.head.has_chunks) co_return true;
  const std::optional<std::string> encoded = co_await io::or_return(
      load_body(scope.context, scope.bucket.tenant, scope.bucket.id, std::move(row)));
  if (!encoded) co_return false;
  add_garbage(scope.context, scope.tenant_keys, *encoded, scope.change.batch, true);
  co_return true;
}

io::Task<Result<bool>> drop_null_row(const KeyScope& scope, const KeyRows& rows) {
  if (!rows.null_row) co_return true;
  const std::string row_key = keys::version(scope.bucket.id, rows.key, rows.null_row->order);
  std::optional<HeadRow> row = co_await io::or_return(
      first_version(scope.context, scope.bucket.tenant, rows.key, row_key, row_key + '\0'));
  if (!row) co_return false;
  scope.change.batch.preconditions.push_back(Precondition::version_is(row_key, row->version));
  scope.change.batch.deletes.push_back(row_key);
  scope.change.touched.push_back(row_key);
  co_return co_await drop_body(scope, std::move(*row));
}

bool replaces_current(const BucketInfo& bucket, const std::optional<HeadRow>& current) {
  if (!current) return false;
  const Versioning mode = bucket.config->versioning;
  return mode == Versioning::kUnversioned ||
         (mode == Versioning::kSuspended && current->head.is_null);
}

io::Task<Result<bool>> make_room(const KeyScope& scope, const KeyRows& rows) {
  if (replaces_current(scope.bucket, rows.current)) {
    co_return co_await drop_body(scope, *rows.current);
  }
  if (scope.bucket.config->versioning == Versioning::kSuspended) {
    const bool dropped = co_await io::or_return(drop_null_row(scope, rows));
    if (!dropped) co_return false;
  }
  if (rows.current) retire_current(scope, rows);
  co_return true;
}

io::Task<Status> promote_next(const KeyScope& scope, std::string key,
                              std::optional<uint64_t> behind) {
  const std::string all = keys::versions_of(scope.bucket.id, key);
  const std::string begin = behind ? keys::version(scope.bucket.id, key, *behind) + '\0' : all;
  const std::string end = catalog::prefix_end(all);
  const std::optional<HeadRow> next =
      co_await io::or_return(first_version(scope.context, scope.bucket.tenant, key, begin, end));
  catalog::Batch& batch = scope.change.batch;
  batch.preconditions.push_back(Precondition::range_empty(begin, next ? next->row_key : end));
  if (next) batch.preconditions.push_back(Precondition::version_is(next->row_key, next->version));
  std::string row_key = keys::object(scope.bucket.id, key);
  if (!next || next->head.info.is_delete_marker) {
    scope.change.touched.push_back(row_key);
    batch.deletes.push_back(std::move(row_key));
    co_return Status{};
  }
  put_head(scope, std::move(row_key), next->head);
  batch.deletes.push_back(next->row_key);
  scope.change.touched.push_back(next->row_key);
  if (next->head.is_null) batch.deletes.push_back(keys::null_version(scope.bucket.id, key));
  co_return Status{};
}

ObjectInfo put_marker(const KeyScope& scope, const KeyRows& rows) {
  Head head;
  head.owner = scope.context.new_owner();
  head.order = next_order(scope.context, rows);
  head.is_null = scope.bucket.config->versioning == Versioning::kSuspended;
  head.info.is_delete_marker = true;
  head.info.modified = scope.context.now();
  count_version(scope, 0, 1);
  put_head(scope, keys::version(scope.bucket.id, rows.key, head.order), head);
  if (head.is_null) put_null_row(scope, rows.key, head.order);
  head.info.key = rows.key;
  head.info.version_id = version_id_of(head);
  return std::move(head.info);
}

}  // namespace cairn::object
