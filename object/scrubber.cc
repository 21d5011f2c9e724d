#include "object/scrubber.h"

#include <utility>

#include "crypto/sealing.h"
#include "object/buckets.h"
#include "object/chunk_reader.h"
#include "object/keys.h"
#include "object/multipart.h"
#include "object/rows.h"
#include "object/sse_plan.h"

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
  Opening opening = co_await io::or_return(opening_of(tenant, head.info.sse));
  if (opening.locked) ++report_.locked_objects_count;
  uint64_t size_bytes = 0;
  if (body.kind == Body::Kind::kInline) {
    std::string context = head.info.sse.empty()
                              ? inline_context(bucket_id, head.info.key, head.owner)
                              : sse_inline_context(head.owner);
    size_bytes = co_await io::or_return(
        check_inline(std::move(opening), std::move(context), std::move(body.inline_sealed)));
  } else {
    if (body.kind == Body::Kind::kStoredManifest) {
      co_await io::or_return(check_manifest(Opening{tenant, nullptr}, body.manifest));
    }
    Manifest manifest = co_await io::or_return(load_manifest(context_, tenant, std::move(body)));
    size_bytes = manifest.size_bytes();
    co_await io::or_return(check_manifest(std::move(opening), std::move(manifest)));
  }
  if (size_bytes != head.info.size_bytes) {
    co_return fail(Code::kCorruption, "the body has another length than its object");
  }
  co_return Status{};
}

Result<Scrubber::Opening> Scrubber::opening_of(TenantId tenant, std::string_view sse_record) const {
  const Result<SseRecord> record = parse_sse(sse_record);
  if (!record) return std::unexpected(record.error());
  std::optional<crypto::SseKeyPointer> key = known_sse_key(context_, tenant, *record);
  Opening out;
  out.tenant = tenant;
  out.locked = !key.has_value();
  if (key) out.key = std::move(*key);
  return out;
}

// The length of the body.
io::Task<Result<uint64_t>> Scrubber::check_inline(Opening opening, std::string context,
                                                  std::string sealed) {
  if (opening.locked) co_return sealed_plaintext_bytes(sealed);
  const Bytes plaintext = co_await io::or_return(
      crypto::open_value(crypto::SealKeys(context_.keys, opening.tenant, std::move(opening.key)),
                         context, as_bytes(sealed)));
  co_return plaintext.size();
}

io::Task<Status> Scrubber::check_manifest(Opening opening, Manifest manifest) {
  for (const Extent& extent : manifest.extents) {
    co_await io::or_return(check_chunk(opening, extent));
  }
  co_return Status{};
}

io::Task<Status> Scrubber::check_chunk(Opening opening, Extent extent) {
  const auto bad = bad_chunks_.find(extent.chunk);
  if (bad != bad_chunks_.end()) {
    named_chunks_.insert(extent.chunk);
    co_return fail(Code::kCorruption, "chunk " + extent.chunk.to_hex() + ": " + bad->second);
  }
  if (good_chunks_.contains(extent.chunk)) co_return Status{};
  if (opening.locked) co_return co_await check_locked_chunk(opening.tenant, extent);
  ChunkReader reader(context_, opening.tenant, pin_now(context_), std::move(opening.key),
                     ChunkReader::From::kStore);
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

// The record's checksums hold already: check_store() has read it.
io::Task<Status> Scrubber::check_locked_chunk(TenantId tenant, Extent extent) {
  const Result<storage::SealedRead> read =
      co_await context_.store.read(extent.chunk, ByteRange{0, crypto::kFrameBytes});
  if (!read && read.error().code != Code::kNotFound) co_return std::unexpected(read.error());
  if (!read) {
    co_return fail(Code::kCorruption, "chunk " + extent.chunk.to_hex() + " is missing");
  }
  co_return crypto::check_sealed_header(tenant, extent.chunk, extent.chunk_bytes, read->header);
}

// A part's own stored manifest is the tenant's, like all manifests.
io::Task<Status> Scrubber::check_part(TenantId tenant, Opening opening, Part part) {
  if (part.body.kind == Body::Kind::kStoredManifest) {
    opening = Opening{tenant, nullptr};
  }
  co_return co_await check_manifest(std::move(opening), std::move(part.body.manifest));
}

io::Task<Status> Scrubber::check_upload(TenantId tenant, catalog::Entry row,
                                        std::string upload_id) {
  const BytesView record =
      co_await io::or_return(open_record(context_, tenant, row.key, row.value));
  const UploadInfo upload = co_await io::or_return(parse_upload_record(record));
  const Opening opening = co_await io::or_return(opening_of(tenant, upload.sse));
  std::vector<Part> parts =
      co_await io::or_return(load_parts(context_, tenant, std::move(upload_id)));
  for (Part& part : parts) {
    co_await io::or_return(check_part(tenant, opening, std::move(part)));
  }
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
      const Status status =
          co_await check_upload(bucket.tenant, row, std::string(parsed->upload_id));
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
