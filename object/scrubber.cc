#include "object/scrubber.h"

#include <utility>

#include "crypto/sealing.h"
#include "object/buckets.h"
#include "object/chunk_reader.h"
#include "object/keys.h"
#include "object/multipart.h"
#include "object/rows.h"

namespace cairn::object {
namespace {

constexpr size_t kPageEntries = 256;

ReadEpochs::ReadPin pin_now(Context& context) {
  return ReadEpochs::ReadPin(context.core().readers, io::Reactor::current().now());
}

// What ends a scrub, as opposed to what it reports.
bool is_damage(const Error& error) {
  return error.code == Code::kCorruption || error.code == Code::kIo ||
         error.code == Code::kNotFound;
}

}  // namespace

io::Task<Result<ScrubReport>> Scrubber::run() {
  co_await io::or_return(check_store());
  std::optional<uint64_t> after;
  while (true) {
    const std::vector<BucketInfo> buckets =
        co_await io::or_return(all_buckets(context_, after, kPageEntries));
    for (const BucketInfo& bucket : buckets) {
      co_await io::or_return(check_objects(bucket, keys::objects(bucket.id)));
      co_await io::or_return(check_objects(bucket, keys::versions(bucket.id)));
      co_await io::or_return(check_uploads(bucket));
      after = bucket.id;
    }
    if (buckets.size() < kPageEntries) break;
  }
  for (const auto& [id, what] : bad_chunks_) {
    if (!named_chunks_.contains(id)) {
      report(BucketInfo(), std::string(), "chunk " + id.to_hex() + ": " + what);
    }
  }
  co_return std::move(report_);
}

void Scrubber::report(const BucketInfo& bucket, std::string key, std::string what) {
  if (report_.damaged.size() >= kScrubDamagedMax) return;
  report_.damaged.push_back({bucket.name, std::move(key), std::string(), std::move(what)});
}

io::Task<Status> Scrubber::check_store() {
  std::optional<ChunkId> after;
  while (true) {
    const std::vector<storage::ChunkStat> chunks =
        co_await io::or_return(context_.store.list(after, kPageEntries));
    for (const storage::ChunkStat& chunk : chunks) {
      after = chunk.id;
      ++report_.chunks_count;
      report_.bytes_count += chunk.header_bytes + chunk.payload_bytes;
      const Status status = co_await context_.store.verify(chunk.id);
      if (status || status.error().code == Code::kNotFound) continue;
      if (!is_damage(status.error())) co_return status;
      if (bad_chunks_.size() < kScrubDamagedMax) {
        bad_chunks_.emplace(chunk.id, status.error().message);
      }
    }
    if (chunks.size() < kPageEntries) co_return Status{};
  }
}

io::Task<Status> Scrubber::check_objects(BucketInfo bucket, std::string rows) {
  catalog::ScanRequest request;
  request.begin = std::move(rows);
  request.end = catalog::prefix_end(request.begin);
  request.limit_entries = kPageEntries;
  while (true) {
    const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(request));
    for (const catalog::Entry& row : page.entries) {
      const std::optional<keys::ParsedObject> parsed = keys::parse_object(row.key);
      ++report_.objects_count;
      if (!parsed) {
        report(bucket, std::string(), "an object row has a damaged key");
        continue;
      }
      std::string key(parsed->key);
      const Status status = co_await check_object(bucket, row, key);
      if (status) continue;
      if (!is_damage(status.error())) co_return status;
      // Replaced or removed meanwhile: what was read is no object any more.
      const std::optional<catalog::Entry> now =
          co_await io::or_return(context_.catalog.get(row.key));
      if (now && now->version == row.version) {
        report(bucket, std::move(key), status.error().message);
      }
    }
    if (!page.more || page.entries.empty()) co_return Status{};
    request.begin = page.entries.back().key + '\0';
  }
}

io::Task<Status> Scrubber::check_object(BucketInfo bucket, catalog::Entry row, std::string key) {
  const HeadRow head =
      co_await io::or_return(open_head(context_, bucket.tenant, std::move(key), row));
  std::optional<std::string> encoded =
      co_await io::or_return(load_body(context_, bucket.tenant, bucket.id, head));
  if (!encoded) co_return Status{};
  co_return co_await check_bytes(bucket.tenant, bucket.id, head.head, std::move(*encoded));
}

io::Task<Status> Scrubber::check_bytes(TenantId tenant, uint64_t bucket_id, const Head& head,
                                       std::string encoded) {
  Body body = co_await io::or_return(parse_body(as_bytes(encoded)));
  uint64_t size_bytes = 0;
  if (body.kind == Body::Kind::kInline) {
    const Bytes plaintext = co_await io::or_return(crypto::open_value(
        context_.keys, tenant, inline_context(bucket_id, head.info.key, head.owner),
        as_bytes(body.inline_sealed)));
    size_bytes = plaintext.size();
  } else {
    if (body.kind == Body::Kind::kStoredManifest) {
      co_await io::or_return(check_manifest(tenant, body.manifest));
    }
    Manifest manifest = co_await io::or_return(load_manifest(context_, tenant, std::move(body)));
    size_bytes = manifest.size_bytes();
    co_await io::or_return(check_manifest(tenant, std::move(manifest)));
  }
  if (size_bytes != head.info.size_bytes) {
    co_return fail(Code::kCorruption, "the body has another length than its object");
  }
  co_return Status{};
}

io::Task<Status> Scrubber::check_manifest(TenantId tenant, Manifest manifest) {
  for (const Extent& extent : manifest.extents) {
    co_await io::or_return(check_chunk(tenant, extent));
  }
  co_return Status{};
}

io::Task<Status> Scrubber::check_chunk(TenantId tenant, Extent extent) {
  const auto bad = bad_chunks_.find(extent.chunk);
  if (bad != bad_chunks_.end()) {
    named_chunks_.insert(extent.chunk);
    co_return fail(Code::kCorruption, "chunk " + extent.chunk.to_hex() + ": " + bad->second);
  }
  if (good_chunks_.contains(extent.chunk)) co_return Status{};
  ChunkReader reader(context_, tenant, pin_now(context_));
  Extent whole = extent;
  whole.offset_bytes = 0;
  whole.size_bytes = extent.chunk_bytes;
  std::vector<Extent> extents;
  extents.push_back(whole);
  reader.start(std::move(extents));
  while (true) {
    const Buffer piece = co_await io::or_return(reader.next());
    if (piece.empty()) break;
  }
  if (good_chunks_.size() < kScrubKnownChunksMax) good_chunks_.insert(extent.chunk);
  co_return Status{};
}

io::Task<Status> Scrubber::check_uploads(BucketInfo bucket) {
  catalog::ScanRequest request;
  request.begin = keys::uploads(bucket.id);
  request.end = catalog::prefix_end(request.begin);
  request.limit_entries = kPageEntries;
  while (true) {
    const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(request));
    for (const catalog::Entry& row : page.entries) {
      const std::optional<keys::ParsedUpload> parsed = keys::parse_upload(row.key);
      if (!parsed) continue;
      Status status;
      const Result<std::vector<Part>> parts =
          co_await load_parts(context_, bucket.tenant, std::string(parsed->upload_id));
      if (!parts) status = std::unexpected(parts.error());
      for (size_t i = 0; parts && i < parts->size() && status; ++i) {
        status = co_await check_manifest(bucket.tenant, (*parts)[i].body.manifest);
      }
      if (status) continue;
      if (!is_damage(status.error())) co_return status;
      const std::optional<catalog::Entry> now =
          co_await io::or_return(context_.catalog.get(row.key));
      if (now && now->version == row.version) {
        report(bucket, std::string(parsed->key), "upload in parts: " + status.error().message);
      }
    }
    if (!page.more || page.entries.empty()) co_return Status{};
    request.begin = page.entries.back().key + '\0';
  }
}

}  // namespace cairn::object
