#include "object/usage_count.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "object/keys.h"
#include "object/records.h"
#include "object/signed_row.h"

namespace cairn::object {
namespace {

constexpr size_t kPageRows = 128;  // About 100 us of one core.

struct Counting {
  Context& context;
  std::shared_ptr<const catalog::Snapshot> snapshot;
  std::function<void(const UsageChange&)> found;
  io::StopToken stop;
};

// The next page of `scan`; moves its begin behind it. Nothing once the range has ended.
io::Task<Result<std::optional<catalog::ScanPage>>> next_page(Counting& counting,
                                                             catalog::ScanRequest& scan) {
  if (scan.begin.empty() || counting.stop.stop_requested()) {
    co_return std::optional<catalog::ScanPage>();
  }
  catalog::ScanPage page =
      co_await io::or_return(counting.context.catalog.scan(scan, counting.snapshot.get()));
  scan.begin.clear();
  if (page.more && !page.entries.empty()) scan.begin = page.entries.back().key + '\0';
  co_await io::yield();
  co_return std::optional(std::move(page));
}

catalog::ScanRequest scan_of(std::string prefix) {
  catalog::ScanRequest scan;
  scan.end = catalog::prefix_end(prefix);
  scan.begin = std::move(prefix);
  scan.limit_entries = kPageRows;
  return scan;
}

// Rows are only counted here; who reads them checks their HMAC.
io::Task<Status> count_versions(Counting& counting, std::string prefix, Usage& usage) {
  catalog::ScanRequest scan = scan_of(std::move(prefix));
  while (true) {
    const std::optional<catalog::ScanPage> page = co_await io::or_return(next_page(counting, scan));
    if (!page) co_return Status();
    for (const catalog::Entry& entry : page->entries) {
      const BytesView record = co_await io::or_return(peek_row(entry.value));
      const Head head = co_await io::or_return(parse_head(record));
      usage.size_bytes += static_cast<int64_t>(head.info.size_bytes);
      ++usage.versions_count;
    }
  }
}

io::Task<Status> count_parts(Counting& counting, std::string upload_id, Usage& usage) {
  catalog::ScanRequest scan = scan_of(keys::parts(upload_id));
  while (true) {
    const std::optional<catalog::ScanPage> page = co_await io::or_return(next_page(counting, scan));
    if (!page) co_return Status();
    for (const catalog::Entry& entry : page->entries) {
      const BytesView record = co_await io::or_return(peek_row(entry.value));
      const Part part = co_await io::or_return(parse_part(record));
      usage.size_bytes += static_cast<int64_t>(part.info.size_bytes);
    }
  }
}

io::Task<Status> count_native_chunks(Counting& counting, std::string upload_id, Usage& usage) {
  catalog::ScanRequest scan = scan_of(keys::native_chunks(upload_id));
  while (true) {
    const std::optional<catalog::ScanPage> page = co_await io::or_return(next_page(counting, scan));
    if (!page) co_return Status();
    for (const catalog::Entry& entry : page->entries) {
      const BytesView record = co_await io::or_return(peek_row(entry.value));
      const NativeChunk chunk = co_await io::or_return(parse_native_chunk(record));
      usage.size_bytes += static_cast<int64_t>(chunk.size_bytes());
    }
  }
}

io::Task<Status> count_uploads(Counting& counting, uint64_t bucket_id, Usage& usage) {
  catalog::ScanRequest scan = scan_of(keys::uploads(bucket_id));
  scan.keys_only = true;
  while (true) {
    const std::optional<catalog::ScanPage> page = co_await io::or_return(next_page(counting, scan));
    if (!page) co_return Status();
    for (const catalog::Entry& entry : page->entries) {
      const std::optional<keys::ParsedUpload> upload = keys::parse_upload(entry.key);
      if (!upload) continue;
      co_await io::or_return(count_parts(counting, std::string(upload->upload_id), usage));
      co_await io::or_return(count_native_chunks(counting, std::string(upload->upload_id), usage));
    }
  }
}

io::Task<Status> count_bucket(Counting& counting, BucketInfo bucket) {
  Usage usage;
  co_await io::or_return(count_versions(counting, keys::objects(bucket.id), usage));
  co_await io::or_return(count_versions(counting, keys::versions(bucket.id), usage));
  co_await io::or_return(count_uploads(counting, bucket.id, usage));
  if (!counting.stop.stop_requested()) counting.found(usage_change(bucket, usage));
  co_return Status();
}

}  // namespace

io::Task<Result<bool>> count_usage(Context& context,
                                   std::shared_ptr<const catalog::Snapshot> snapshot,
                                   std::function<void(const UsageChange&)> found,
                                   io::StopToken stop) {
  Counting counting{context, std::move(snapshot), std::move(found), stop};
  catalog::ScanRequest scan = scan_of(keys::buckets_alive());
  while (true) {
    const std::optional<catalog::ScanPage> page = co_await io::or_return(next_page(counting, scan));
    if (!page) break;
    for (const catalog::Entry& entry : page->entries) {
      const OpenedRow row = co_await io::or_return(open_row(context.keys, entry.key, entry.value));
      BucketInfo bucket = co_await io::or_return(parse_bucket(row.record));
      co_await io::or_return(count_bucket(counting, std::move(bucket)));
      if (stop.stop_requested()) co_return false;
    }
  }
  co_return !stop.stop_requested();
}

}  // namespace cairn::object
