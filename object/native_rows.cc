#include "object/native_rows.h"

#include <algorithm>
#include <utility>

#include "object/commit.h"
#include "object/keys.h"
#include "object/rows.h"
#include "object/signed_row.h"
#include "object/usage_follow.h"

namespace cairn::object {
namespace {

// Each with a condition of its own, in a transaction of etcd (128 of both).
constexpr size_t kSharedRowsPerCommitMax = 100;

using catalog::Precondition;

Result<HeldChunk> open_chunk(const Context& context, TenantId tenant, const catalog::Entry& row) {
  const std::optional<Sha256Value> hash = keys::parse_native_chunk(row.key);
  if (!hash) return fail(Code::kCorruption, "the row of a chunk of an upload has a damaged key");
  const Result<BytesView> record = open_record(context, tenant, row.key, row.value);
  if (!record) return std::unexpected(record.error());
  Result<NativeChunk> where = parse_native_chunk(*record);
  if (!where) return std::unexpected(std::move(where.error()));
  HeldChunk out;
  out.name.hash = *hash;
  out.name.size_bytes = static_cast<uint32_t>(where->size_bytes());
  out.where = std::move(*where);
  return out;
}

// One attempt; false when it lost a race.
io::Task<Result<bool>> try_add(Context& context, BucketInfo bucket, const UploadInfo& upload,
                               const std::vector<HeldChunk>& chunks) {
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  const std::optional<UploadRow> row =
      co_await io::or_return(load_upload(context, bucket, upload.key, upload.upload_id));
  if (!row || !row->upload.native) {
    co_return fail(Code::kNotFound, std::string(reason::kNoSuchUpload));
  }
  catalog::Batch batch;
  batch.preconditions.push_back(Precondition::present(row->row_key));
  UsageChange usage = usage_change(bucket);
  for (const HeldChunk& chunk : chunks) {
    std::string row_key = keys::native_chunk(upload.upload_id, chunk.name.hash);
    const std::optional<catalog::Entry> old = co_await io::or_return(context.catalog.get(row_key));
    if (old) continue;
    batch.preconditions.push_back(Precondition::absent(row_key));
    std::string value = sign_row(*tenant_keys, row_key, encode_native_chunk(chunk.where));
    batch.puts.push_back({std::move(row_key), std::move(value)});
    for (const Extent& extent : chunk.where.extents) {
      batch.puts.push_back({keys::edge(extent.chunk, upload.native->owner), std::string()});
    }
    batch.puts.insert(batch.puts.end(), chunk.hooks.begin(), chunk.hooks.end());
    usage.by.size_bytes += chunk.name.size_bytes;
  }
  if (batch.puts.empty()) co_return true;
  batch.puts.push_back({row->row_key, row->value});
  UsageReservation reserved = co_await io::or_return(context.usage.reserve(usage));
  const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
  keep_usage(context, done, reserved);
  if (done) co_return true;
  if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  co_return false;
}

io::Task<Status> add_some(Context& context, BucketInfo bucket, UploadInfo upload,
                          std::vector<HeldChunk> chunks) {
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const bool added = co_await io::or_return(try_add(context, bucket, upload, chunks));
    if (added) co_return Status{};
  }
  co_return fail(Code::kUnavailable, "the upload changes faster than it can be written");
}

uint64_t size_of(const std::vector<HeldChunk>& chunks) {
  uint64_t size_bytes = 0;
  for (const HeldChunk& chunk : chunks) size_bytes += chunk.name.size_bytes;
  return size_bytes;
}

}  // namespace

io::Task<Result<std::optional<HeldChunk>>> load_native_chunk(Context& context, TenantId tenant,
                                                             std::string upload_id,
                                                             Sha256Value hash) {
  const std::optional<catalog::Entry> row =
      co_await io::or_return(context.catalog.get(keys::native_chunk(upload_id, hash)));
  if (!row) co_return std::optional<HeldChunk>();
  HeldChunk chunk = co_await io::or_return(open_chunk(context, tenant, *row));
  co_return std::optional(std::move(chunk));
}

io::Task<Result<std::vector<HeldChunk>>> load_native_chunks(Context& context, TenantId tenant,
                                                            std::string upload_id,
                                                            std::optional<Sha256Value> after,
                                                            size_t limit) {
  std::vector<HeldChunk> out;
  catalog::ScanRequest request;
  request.begin = keys::native_chunks(upload_id);
  request.end = catalog::prefix_end(request.begin);
  if (after) request.begin = keys::native_chunk(upload_id, *after) + '\0';
  while (out.size() < limit) {
    request.limit_entries = std::min(limit - out.size(), kScanEntriesMax);
    const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(request));
    for (const catalog::Entry& row : page.entries) {
      HeldChunk chunk = co_await io::or_return(open_chunk(context, tenant, row));
      out.push_back(std::move(chunk));
    }
    if (!page.more || page.entries.empty()) break;
    request.begin = page.entries.back().key + '\0';
  }
  co_return out;
}

io::Task<Status> add_native_chunks(Context& context, BucketInfo bucket, UploadInfo upload,
                                   std::vector<HeldChunk> chunks) {
  const size_t per_commit =
      context.catalog.is_shared() ? kSharedRowsPerCommitMax : kNativeRowsPerCommitMax;
  for (size_t begin = 0; begin < chunks.size(); begin += per_commit) {
    const size_t end = std::min(begin + per_commit, chunks.size());
    std::vector<HeldChunk> some(chunks.begin() + static_cast<ptrdiff_t>(begin),
                                chunks.begin() + static_cast<ptrdiff_t>(end));
    co_await io::or_return(add_some(context, bucket, upload, std::move(some)));
  }
  co_return Status{};
}

void consume_native_chunks(Context& context, const crypto::TenantKeys& tenant_keys,
                           const UploadInfo& upload, const std::vector<HeldChunk>& chunks,
                           const std::vector<ChunkId>& kept, catalog::Batch& batch) {
  Body unused;
  unused.kind = Body::Kind::kManifest;
  unused.manifest.owner = upload.native->owner;
  const auto queue = [&] {
    if (unused.manifest.extents.empty()) return;
    add_garbage(context, tenant_keys, encode_body(unused), batch);
    unused.manifest.extents.clear();
  };
  for (const HeldChunk& chunk : chunks) {
    batch.deletes.push_back(keys::native_chunk(upload.upload_id, chunk.name.hash));
    for (const Extent& extent : chunk.where.extents) {
      if (std::ranges::binary_search(kept, extent.chunk)) continue;
      unused.manifest.extents.push_back(extent);
    }
    if (unused.manifest.extents.size() >= kNativeRowsPerCommitMax) queue();
  }
  queue();
}

// In one commit as many as any upload may end with. An upload that goes on after it lost some would
// take them again under the same owner, whose edges are on their way to the collector.
io::Task<Result<bool>> drop_native_chunks(Context& context, BucketInfo bucket, UploadRow row) {
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  while (true) {
    const std::vector<HeldChunk> chunks = co_await io::or_return(load_native_chunks(
        context, bucket.tenant, row.upload.upload_id, std::nullopt, kNativeChunksMax));
    const bool is_last = chunks.size() < kNativeChunksMax;
    catalog::Batch batch;
    batch.preconditions.push_back(Precondition::version_is(row.row_key, row.version));
    consume_native_chunks(context, *tenant_keys, row.upload, chunks, {}, batch);
    if (is_last) {
      batch.deletes.push_back(row.row_key);
    } else {
      batch.puts.push_back({row.row_key, row.value});  // Who planned with these chunks loses.
    }
    const Usage gone{-static_cast<int64_t>(size_of(chunks)), 0};
    UsageReservation freed =
        co_await io::or_return(context.usage.reserve(usage_change(bucket, gone)));
    const Result<catalog::Version> done = co_await context.catalog.commit(std::move(batch));
    keep_usage(context, done, freed);
    if (done && is_last) co_return true;
    if (done) {
      row.version = *done;
      continue;
    }
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
    co_return false;
  }
}

}  // namespace cairn::object
