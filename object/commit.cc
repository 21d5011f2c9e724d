#include "object/commit.h"

#include "crypto/sealing.h"
#include "object/conditions.h"
#include "object/keys.h"
#include "object/signed_row.h"

namespace cairn::object {

using catalog::Precondition;

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

io::Task<Result<Manifest>> store_bytes(BodySink& sink, BytesView bytes) {
  co_await io::or_return(fill_sink(sink, bytes));
  co_await io::or_return(sink.digests());
  co_return co_await sink.store();
}

}  // namespace

io::Task<Result<PreparedBody>> prepare_manifest(Context& context,
                                                std::shared_ptr<const crypto::TenantKeys> keys,
                                                Manifest manifest, bool with_edges) {
  PreparedBody out;
  if (manifest.extents.empty() && manifest.parts.empty()) co_return out;
  if (with_edges) out.new_edges = manifest.references();
  const OwnerId owner = manifest.owner;
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
}

void add_garbage(Context& context, const crypto::TenantKeys& tenant_keys,
                 std::string_view encoded_body, catalog::Batch& batch) {
  catalog::Put put;
  put.key = keys::garbage(context.now(), context.random.next_u64());
  put.value = sign_row(tenant_keys, put.key, encode_garbage(encoded_body));
  batch.puts.push_back(std::move(put));
}

io::Task<Status> check_bucket_alive(Context& context, uint64_t bucket_id) {
  const std::optional<catalog::Entry> alive =
      co_await io::or_return(context.catalog.get(keys::bucket_alive(bucket_id)));
  if (!alive) co_return fail(Code::kNotFound, std::string(reason::kNoSuchBucket));
  co_return Status{};
}

namespace {

Precondition alive(uint64_t bucket_id) {
  Precondition out;
  out.kind = Precondition::Kind::kPresent;
  out.key = keys::bucket_alive(bucket_id);
  return out;
}

Precondition unchanged(std::string row_key, const std::optional<HeadRow>& row) {
  Precondition out;
  out.key = std::move(row_key);
  if (row) {
    out.kind = Precondition::Kind::kVersionIs;
    out.version = row->version;
  }
  return out;
}

// Moves the chunks of a replaced or removed object to the collector; false when the row changed.
io::Task<Result<bool>> add_replaced(Context& context, const crypto::TenantKeys& tenant_keys,
                                    uint64_t bucket_id, std::optional<HeadRow> row,
                                    catalog::Batch& batch) {
  if (!row || !row->head.has_chunks) co_return true;
  const std::string key = row->head.info.key;
  const std::optional<std::string> encoded = co_await io::or_return(
      load_body(context, tenant_keys.tenant, bucket_id, key, std::move(*row)));
  if (!encoded) co_return false;
  add_garbage(context, tenant_keys, *encoded, batch);
  co_return true;
}

void add_version(const NewVersion& version, const std::string& row_key,
                 const std::optional<HeadRow>& current, catalog::Batch& batch) {
  Head head = version.head;
  head.has_chunks = version.body->body.has_chunks();
  head.body_sha256.reset();
  std::string body_key = keys::body(version.bucket.id, version.key);
  if (!version.body->encoded.empty()) {
    head.body_sha256 = crypto::sha256(as_bytes(version.body->encoded));
    batch.puts.push_back({std::move(body_key), version.body->encoded});
  } else if (current && current->head.body_sha256) {
    batch.deletes.push_back(std::move(body_key));
  }
  batch.puts.push_back({row_key, sign_row(*version.keys, row_key, encode_head(head))});
  add_edges(batch, *version.body);
}

}  // namespace

io::Task<Result<ObjectInfo>> commit_version(Context& context, NewVersion version) {
  const TenantId tenant = version.bucket.tenant;
  const std::string row_key = keys::object(version.bucket.id, version.key);
  const KeyLocks::Guard guard = co_await context.locks.lock(row_key);
  std::optional<catalog::Version> lost_to;
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const std::optional<HeadRow> current =
        co_await io::or_return(load_head(context, tenant, version.bucket.id, version.key));
    const catalog::Version seen = current ? current->version : 0;
    if (lost_to == seen) {
      co_await io::or_return(check_bucket_alive(context, version.bucket.id));
      if (!version.more.preconditions.empty()) {
        co_return fail(Code::kFailedPrecondition, std::string(kLostRace));
      }
    }
    co_await io::or_return(
        check_write(version.conditions, current ? &current->head.info : nullptr));
    catalog::Batch batch = version.more;
    batch.preconditions.push_back(alive(version.bucket.id));
    batch.preconditions.push_back(unchanged(row_key, current));
    add_version(version, row_key, current, batch);
    const bool complete = co_await io::or_return(
        add_replaced(context, *version.keys, version.bucket.id, current, batch));
    if (!complete) continue;
    Result<catalog::Version> done = fail(Code::kInternal, "not committed");
    {
      Generations::CommitSpan span(context.generations);
      span.add(row_key);
      done = co_await context.catalog.commit(std::move(batch));
    }
    if (done) {
      ObjectInfo info = std::move(version.head.info);
      info.key = std::move(version.key);
      co_return info;
    }
    if (done.error().code != Code::kFailedPrecondition) {
      co_return std::unexpected(std::move(done.error()));
    }
    lost_to = seen;
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be written");
}

namespace {

// One attempt; nullopt when another process was faster.
io::Task<Result<std::optional<std::vector<Status>>>> try_removals(
    Context& context, const BucketInfo& bucket, const std::vector<Removal>& removals) {
  const std::shared_ptr<const crypto::TenantKeys> tenant_keys =
      co_await io::or_return(context.keys_of(bucket.tenant));
  std::vector<Status> statuses(removals.size());
  catalog::Batch batch;
  batch.preconditions.push_back(alive(bucket.id));
  Generations::CommitSpan span(context.generations);
  for (size_t i = 0; i < removals.size(); ++i) {
    const std::string& key = removals[i].key;
    std::optional<HeadRow> row =
        co_await io::or_return(load_head(context, bucket.tenant, bucket.id, key));
    statuses[i] = check_write(removals[i].conditions, row ? &row->head.info : nullptr);
    if (!row || !statuses[i]) continue;
    std::string row_key = keys::object(bucket.id, key);
    span.add(row_key);
    batch.preconditions.push_back(unchanged(row_key, row));
    batch.deletes.push_back(std::move(row_key));
    if (row->head.body_sha256) batch.deletes.push_back(keys::body(bucket.id, key));
    const bool complete = co_await io::or_return(
        add_replaced(context, *tenant_keys, bucket.id, std::move(row), batch));
    if (!complete) co_return std::optional<std::vector<Status>>();
  }
  if (batch.deletes.empty()) co_return std::optional(std::move(statuses));
  const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
  if (done) co_return std::optional(std::move(statuses));
  if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  co_return std::optional<std::vector<Status>>();
}

}  // namespace

io::Task<Result<std::vector<Status>>> commit_removals(Context& context, BucketInfo bucket,
                                                      std::vector<Removal> removals) {
  std::vector<std::string> row_keys;
  for (const Removal& removal : removals) {
    row_keys.push_back(keys::object(bucket.id, removal.key));
  }
  const std::vector<KeyLocks::Guard> guards = co_await context.locks.lock_all(std::move(row_keys));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    std::optional<std::vector<Status>> statuses =
        co_await io::or_return(try_removals(context, bucket, removals));
    if (statuses) co_return std::move(*statuses);
    co_await io::or_return(check_bucket_alive(context, bucket.id));
  }
  co_return fail(Code::kUnavailable, "the objects change faster than they can be removed");
}

}  // namespace cairn::object
