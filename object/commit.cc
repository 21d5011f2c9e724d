#include "object/commit.h"

#include <vector>

#include "base/assert.h"
#include "crypto/sealing.h"
#include "object/buckets.h"
#include "object/conditions.h"
#include "object/keys.h"
#include "object/replica.h"
#include "object/signed_row.h"
#include "object/sync_tail.h"
#include "object/versions.h"

namespace cairn::object {

Result<PreparedBody> prepare_inline(Context& context, const crypto::TenantKeys& keys,
                                    std::string_view seal_context, BytesView plaintext) {
  PreparedBody out;
  if (plaintext.empty()) return out;
  Result<std::string> sealed = crypto::seal_value(keys, seal_context, context.random, plaintext);
  if (!sealed) return std::unexpected(std::move(sealed.error()));
  out.body.kind = Body::Kind::kInline;
  out.body.inline_sealed = std::move(*sealed);
  out.encoded = encode_body(out.body);
  return out;
}

namespace {

io::Task<Status> fill_sink(BodySink& sink, BytesView bytes) {
  while (!bytes.empty()) {
    const MutableBytes space = co_await io::or_return(sink.next_space());
    const size_t taken_bytes = std::min(space.size(), bytes.size());
    std::copy_n(bytes.begin(), taken_bytes, space.begin());
    co_await io::or_return(sink.advance(taken_bytes));
    bytes = bytes.subspan(taken_bytes);
  }
  co_return Status{};
}

}  // namespace

io::Task<Result<Manifest>> store_bytes(BodySink& sink, BytesView bytes) {
  co_await io::or_return(fill_sink(sink, bytes));
  co_await io::or_return(sink.digests());
  co_return co_await sink.store();
}

io::Task<Result<PreparedBody>> prepare_manifest(Context& context,
                                                std::shared_ptr<const crypto::TenantKeys> keys,
                                                Manifest manifest, bool with_edges,
                                                std::optional<OwnerId> table_owner) {
  PreparedBody out;
  if (manifest.extents.empty() && manifest.parts.empty()) co_return out;
  if (with_edges) out.new_edges = manifest.references();
  out.names = bodies_of(manifest);
  const OwnerId owner = table_owner.value_or(manifest.owner);
  out.body.kind = Body::Kind::kManifest;
  out.body.manifest = std::move(manifest);
  out.encoded = encode_body(out.body);
  if (out.encoded.size() <= kManifestInlineBytesMax) co_return out;

  const std::string bytes = encode_manifest(out.body.manifest);
  BodySink::Options options;
  options.keys = std::move(keys);
  options.owner = owner;
  options.size_bytes = bytes.size();
  options.size_bytes_max = kManifestBytesMax;
  options.may_inline = false;
  auto sink = std::make_unique<BodySink>(context, std::move(options));
  Result<Manifest> where = co_await store_bytes(*sink, as_bytes(bytes));
  if (!where) {
    co_await sink->abandon();
    co_return std::unexpected(std::move(where.error()));
  }
  for (const auto& edge : where->references()) out.new_edges.push_back(edge);
  out.body.kind = Body::Kind::kStoredManifest;
  out.body.manifest = std::move(*where);
  out.body.stored_bytes = bytes.size();
  out.encoded = encode_body(out.body);
  out.manifest_sink = std::move(sink);
  co_return out;
}

io::Task<void> end_prepared(PreparedBody& prepared, bool committed) {
  if (prepared.manifest_sink == nullptr) co_return;
  if (committed) {
    co_await prepared.manifest_sink->settle();
  } else {
    co_await prepared.manifest_sink->abandon();
  }
  prepared.manifest_sink.reset();
}

void add_edges(catalog::Batch& batch, const PreparedBody& prepared) {
  for (const auto& [chunk, owner] : prepared.new_edges) {
    batch.puts.push_back({keys::edge(chunk, owner), std::string()});
  }
  batch.puts.insert(batch.puts.end(), prepared.hooks.begin(), prepared.hooks.end());
}

void add_garbage(Context& context, const crypto::TenantKeys& tenant_keys,
                 std::string_view encoded_body, catalog::Batch& batch, bool is_version) {
  catalog::Put put;
  put.key = keys::garbage(context.now(), context.random.next_u64());
  put.value =
      sign_row(tenant_keys, put.key, encode_garbage({std::string(encoded_body), is_version}));
  batch.puts.push_back(std::move(put));
}

void add_version(const KeyScope& scope, const NewVersion& version, std::string row_key,
                 Head& head) {
  count_version(scope, head.info.size_bytes, 1);
  head.has_chunks = version.body->body.has_chunks();
  head.body_sha256.reset();
  std::string body_key = keys::body(version.bucket.id, version.key, head.order);
  catalog::Batch& batch = scope.change.batch;
  if (!version.body->encoded.empty()) {
    head.body_sha256 = crypto::sha256(as_bytes(version.body->encoded));
    // A body that is replaced in its own row is not deleted: deletes win over puts.
    std::erase(batch.deletes, body_key);
    batch.puts.push_back({std::move(body_key), version.body->encoded});
  }
  put_head(scope, std::move(row_key), head);
  add_edges(batch, *version.body);
  add_body_rows(version.bucket.tenant, {version.bucket.id, head.order, version.key}, head,
                version.body->names, batch);
}

namespace {

// The replaced version goes, its edges and chunks stay: they are the new version's.
void take_over(const KeyScope& scope, const KeyRows& rows) {
  ASSERT(replaces_current(scope.bucket, rows.current));
  const Head& head = rows.current->head;
  count_version(scope, head.info.size_bytes, -1);
  if (head.body_sha256) {
    scope.change.batch.deletes.push_back(keys::body(scope.bucket.id, rows.key, head.order));
  }
}

// Plans the commit of `version` over `rows`; nullopt when a row changed meanwhile.
io::Task<Result<std::optional<ObjectInfo>>> plan_version(Context& context,
                                                         const NewVersion& version,
                                                         const KeyRows& rows, KeyChange& change) {
  const KeyScope scope{context, *version.keys, version.bucket, change};
  change.batch = version.more;
  change.usage.by.size_bytes = -static_cast<int64_t>(version.freed_bytes);
  expect_bucket(version.bucket, change.batch);
  expect_rows(scope, rows);
  if (version.base && version.base->takes_over_edges) {
    take_over(scope, rows);
  } else {
    const bool made_room = co_await io::or_return(make_room(scope, rows));
    if (!made_room) co_return std::optional<ObjectInfo>();
    if (rows.null_row) {
      change.batch.deletes.push_back(keys::null_version(version.bucket.id, rows.key));
    }
  }
  Head head = version.head;
  head.info.origin.clear();  // An append's base may have come from another site.
  head.order = 0;
  head.is_null = version.bucket.config->versioning != Versioning::kEnabled;
  if (version.bucket.is_versioned()) head.order = next_order(context, rows);
  const bool is_synced =
      context.sync_tail != nullptr && context.sync_tail->wants(version.bucket.id);
  if (is_synced && !version.bucket.is_versioned()) {
    head.info.modified = co_await io::or_return(
        time_behind(context, version.bucket, version.key, rows.current, head.info.modified));
  }
  add_version(scope, version, keys::object(version.bucket.id, rows.key), head);
  if (version.with_head) version.with_head(head, change.batch);
  ObjectInfo info = std::move(head.info);
  info.key = version.key;
  info.version_id.clear();
  if (version.bucket.is_versioned()) info.version_id = version_id_of(head);
  if (version.hook) version.hook(info, change.batch);
  if (is_synced) context.sync_tail->note(scope, ChangeKind::kPut, info, info.version_id, {});
  co_return std::optional(std::move(info));
}

}  // namespace

io::Task<Result<ObjectInfo>> commit_version(Context& context, NewVersion version) {
  if (version.replica != nullptr) co_return co_await commit_replica(context, std::move(version));
  const KeyLocks::Guard guard =
      co_await context.locks.lock(keys::object(version.bucket.id, version.key));
  std::optional<std::pair<uint64_t, catalog::Version>> lost_to;  // What the last attempt had seen.
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const KeyRows rows =
        co_await io::or_return(load_key_rows(context, version.bucket, version.key));
    const std::pair seen{version.bucket.mode_version, rows.current ? rows.current->version : 0};
    if (lost_to == seen && !version.more.preconditions.empty()) {
      co_return fail(Code::kFailedPrecondition, std::string(kLostRace));
    }
    const bool lost_base = version.base && (version.base->row_version != seen.second || lost_to);
    if (lost_base) co_return fail(Code::kFailedPrecondition, std::string(kLostRace));
    co_await io::or_return(
        check_write(version.conditions, rows.current ? &rows.current->head.info : nullptr));
    KeyChange change;
    std::optional<ObjectInfo> planned =
        co_await io::or_return(plan_version(context, version, rows, change));
    if (!planned) continue;
    const Result<catalog::Version> done = co_await commit_change(context, std::move(change));
    if (done) co_return std::move(*planned);
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
    lost_to = seen;
    version.bucket = co_await io::or_return(reload_bucket(context, version.bucket));
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be written");
}

}  // namespace cairn::object
