#include "server/cache_admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "base/log.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "peer/everyone.h"
#include "s3/uri.h"
#include "server/json_text.h"

namespace cairn::server {
namespace {

using cache::CachedBytes;

constexpr size_t kKeysPerPage = 1000;
constexpr size_t kChunksPerPage = 256;
constexpr Duration kProgressEvery = milliseconds(500);
// What was pinned is on its way to the disk for so long at most.
constexpr Duration kSettleMax = seconds(10);
constexpr Duration kSettleStep = milliseconds(20);

struct Asked {
  CacheSelection selection;
  bool pin = false;
  bool all = false;
};

Result<Asked> parse_asked(std::string_view text, bool bucket_is_needed) {
  const s3::S3Result<s3::Query> query = s3::parse_query(text);
  if (!query) return fail(Code::kInvalidArgument, "the parameters do not parse");
  Asked asked;
  asked.selection.bucket = query->find("bucket").value_or("");
  asked.selection.prefix = query->find("prefix").value_or("");
  asked.pin = query->find("pin").value_or("") == "1";
  asked.all = query->find("all").value_or("") == "1";
  if (bucket_is_needed && asked.selection.bucket.empty()) {
    return fail(Code::kInvalidArgument, "bucket: name one, as in s3://BUCKET/PREFIX");
  }
  const std::optional<std::string_view> range = query->find("range");
  if (!range || range->empty()) return asked;
  Result<ByteRange> parsed = parse_cache_range(*range);
  if (!parsed) return std::unexpected(parsed.error());
  asked.selection.range = *parsed;
  return asked;
}

ByteRange range_in(const CacheSelection& selection, uint64_t size_bytes) {
  const ByteRange all{0, size_bytes};
  if (!selection.range) return all;
  const uint64_t begin = std::min(selection.range->offset_bytes, size_bytes);
  return {begin, std::min(selection.range->size_bytes, size_bytes - begin)};
}

std::string json_of(const CachedBytes& bytes) {
  return fmt::format("{{\"cached\":{},\"pinned\":{}}}", bytes.cached, bytes.pinned);
}

io::Task<Status> go_on_unless(io::StopToken stop) {
  if (stop.stop_requested()) co_return fail(Code::kCancelled, "the server stops");
  co_return Status();
}

}  // namespace

// The objects of a selection, in order; several may take from it.
struct CacheAdmin::Walk {
  CacheSelection selection;
  object::BucketInfo bucket;
  std::deque<std::string> keys = {};
  std::string start_after = {};
  bool listed = false;
  uint64_t missing = 0;  // Gone since they were listed, or not to be read without their key.
  io::Mutex turn = {};
};

struct CacheAdmin::Warming {
  Walk walk;
  bool pin = false;
  Progress progress;
  uint64_t objects_count = 0;
  uint64_t size_bytes = 0;
  uint64_t cached_bytes = 0;
  Instant told = {};
  Status failure = {};

  std::string line(bool done, std::string_view more) const {
    // Tiers count whole frames.
    const uint64_t cached = std::min(cached_bytes, size_bytes);
    return fmt::format(
        "{{\"done\":{},\"objects\":{},\"skipped\":{},\"bytes\":{},\"cached\":{},\"fetched\":{}{}}}"
        "\n",
        done, objects_count, walk.missing, size_bytes, cached, size_bytes - cached, more);
  }
};

// How much of a selection is where.
struct CacheAdmin::Held {
  uint64_t objects_count = 0;
  uint64_t size_bytes = 0;
  uint64_t inline_bytes = 0;  // Of size_bytes: in records, not in chunks.
  CachedBytes ram;
  std::vector<CachedBytes> disks;
  uint64_t pinned_bytes = 0;  // In any of them.
};

Status CacheAdmin::require_tiers() const {
  if (ram_ != nullptr || !disks_.all().empty()) return {};
  return fail(Code::kFailedPrecondition, "the server has no cache tier: give it one with --tier");
}

// Null at the end.
io::Task<Result<std::unique_ptr<object::ObjectReader>>> CacheAdmin::next_object(Walk& walk) {
  const io::MutexGuard turn = co_await walk.turn.lock();
  while (true) {
    if (walk.keys.empty() && walk.listed) co_return std::unique_ptr<object::ObjectReader>();
    if (walk.keys.empty()) {
      object::ListRequest request{.prefix = walk.selection.prefix,
                                  .delimiter = {},
                                  .start_after = walk.start_after,
                                  .limit = kKeysPerPage};
      object::ListPage page =
          co_await io::or_return(objects_.list(walk.bucket, std::move(request)));
      for (object::ObjectInfo& each : page.objects) walk.keys.push_back(std::move(each.key));
      walk.listed = !page.truncated;
      walk.start_after = page.next;
      continue;
    }
    const std::string key = std::exchange(walk.keys.front(), {});
    walk.keys.pop_front();
    Result<std::unique_ptr<object::ObjectReader>> reader =
        co_await objects_.open(walk.bucket, key, {});
    if (reader) co_return std::move(*reader);
    if (reader.error().code == Code::kUnavailable) co_return std::unexpected(reader.error());
    ++walk.missing;
  }
}

io::Task<Result<CacheAdmin::Held>> CacheAdmin::held(CacheSelection of) {
  Held sum;
  sum.disks.resize(disks_.all().size());
  Walk walk{.selection = of, .bucket = co_await io::or_return(objects_.find_bucket(of.bucket))};
  while (true) {
    const std::unique_ptr<object::ObjectReader> reader = co_await io::or_return(next_object(walk));
    if (reader == nullptr) co_return sum;
    const ByteRange range = range_in(of, reader->info().size_bytes);
    ++sum.objects_count;
    sum.size_bytes += range.size_bytes;
    if (range.size_bytes == 0) continue;
    // What is in no chunk is in the object's record, and needs no cache.
    sum.inline_bytes += range.size_bytes;
    for (const object::ChunkSpan& span : reader->chunk_spans(range)) {
      sum.inline_bytes -= span.range.size_bytes;
      CachedBytes here;
      if (ram_ != nullptr) here = ram_->cached_bytes(span.chunk, span.range);
      sum.ram += here;
      uint64_t pinned_bytes = here.pinned;
      for (size_t i = 0; i < sum.disks.size(); ++i) {
        here = disks_.all()[i]->cached_bytes(span.chunk, span.range);
        sum.disks[i] += here;
        pinned_bytes = std::max(pinned_bytes, here.pinned);
      }
      sum.pinned_bytes += pinned_bytes;
    }
    co_await io::yield();
  }
}

io::Task<Status> CacheAdmin::warm_one(Warming& warming, object::ObjectReader& reader) {
  const ByteRange range = range_in(warming.walk.selection, reader.info().size_bytes);
  ++warming.objects_count;
  if (range.size_bytes == 0) co_return Status();
  co_await io::or_return(reader.start_warming(range, warming.pin));
  uint64_t counted_bytes = 0;
  while (warming.failure) {
    const Buffer piece = co_await io::or_return(reader.next());
    if (piece.empty()) break;
    warming.size_bytes += piece.size();
    // What is read ahead is counted with what was handed over.
    const uint64_t cached_bytes = reader.cached_bytes();
    warming.cached_bytes += cached_bytes - std::exchange(counted_bytes, cached_bytes);
    const Instant now = io::Reactor::current().now();
    if (now - warming.told < kProgressEvery) continue;
    warming.told = now;
    std::string line = warming.line(false, {});
    co_await io::or_return(warming.progress(std::move(line)));
  }
  co_return Status();
}

io::Task<void> CacheAdmin::warm_some(Warming& warming) {
  while (warming.failure) {
    Result<std::unique_ptr<object::ObjectReader>> reader = co_await next_object(warming.walk);
    if (reader && *reader == nullptr) co_return;
    Status done;
    if (reader) {
      done = co_await warm_one(warming, **reader);
    } else {
      done = std::unexpected(reader.error());
    }
    if (!done && warming.failure) warming.failure = done;
  }
}

io::Task<Status> CacheAdmin::warm_all(Warming& warming) {
  io::Scope scope;
  for (size_t i = 0; i < kObjectsAtOnce; ++i) scope.spawn(warm_some(warming));
  co_await scope.join();
  co_return warming.failure;
}

io::Task<void> CacheAdmin::settle_disks() {
  const Instant until = io::Reactor::current().now() + kSettleMax;
  for (cache::DiskTier* const disk : disks_.all()) {
    while (disk->metrics().queued_bytes > 0 && io::Reactor::current().now() < until) {
      (void)co_await io::sleep_for(kSettleStep);
    }
  }
}

io::Task<Result<std::string>> CacheAdmin::warm(std::string query, Progress progress) {
  const Asked asked = co_await io::or_return(parse_asked(query, true));
  co_await io::or_return(require_tiers());
  object::BucketInfo bucket = co_await io::or_return(objects_.find_bucket(asked.selection.bucket));
  Warming warming{.walk = {.selection = asked.selection, .bucket = std::move(bucket)},
                  .pin = asked.pin,
                  .progress = std::move(progress)};
  warming.told = io::Reactor::current().now();
  co_await io::or_return(warm_all(warming));
  if (warming.objects_count == 0) {
    co_return fail(Code::kNotFound, "no object of the bucket begins with that prefix");
  }
  if (!asked.pin) co_return warming.line(true, {});
  co_await io::or_return(pins_.add(asked.selection));
  co_await settle_disks();
  const Held now = co_await io::or_return(held(asked.selection));
  co_return warming.line(true, fmt::format(",\"pinned\":{},\"not_pinned\":{}", now.pinned_bytes,
                                           now.size_bytes - now.pinned_bytes - now.inline_bytes));
}

io::Task<void> CacheAdmin::restore_pins(io::StopToken stop) {
  const std::vector<CacheSelection> pins = pins_.all();
  for (const CacheSelection& pin : pins) {
    const Result<object::BucketInfo> bucket = co_await objects_.find_bucket(pin.bucket);
    if (!bucket || !require_tiers()) continue;
    Warming warming{.walk = {.selection = pin, .bucket = *bucket}, .pin = true, .progress = {}};
    warming.progress = [stop](const std::string& /*line*/) { return go_on_unless(stop); };
    const Status warmed = co_await warm_all(warming);
    if (stop.stop_requested()) co_return;
    log::info("cache-pins-restored", {{"bucket", std::string_view(pin.bucket)},
                                      {"prefix", std::string_view(pin.prefix)},
                                      {"bytes", warming.size_bytes},
                                      {"fetched_bytes", warming.size_bytes - warming.cached_bytes},
                                      {"complete", warmed.has_value()}});
  }
}

io::Task<Result<std::string>> CacheAdmin::status(std::string query) {
  const Asked asked = co_await io::or_return(parse_asked(query, false));
  std::string out = "{";
  if (ram_ != nullptr) {
    const cache::RamTierCounters ram = ram_->counters();
    fmt::format_to(
        std::back_inserter(out),
        "\"ram\":{{\"capacity\":{},\"used\":{},\"pinned\":{},\"hits\":{},\"misses\":{}}},",
        ram.capacity_bytes, ram.used_bytes, ram.pinned_bytes, ram.hits, ram.misses);
  }
  out += "\"disks\":[";
  bool first = true;
  for (const DiskTiers::Reading& disk : disks_.read()) {
    const cache::DiskTierMetrics& of = disk.metrics;
    fmt::format_to(
        std::back_inserter(out),
        "{}{{\"directory\":{},\"capacity\":{},\"used\":{},\"pinned\":{},\"hit_bytes\":{},"
        "\"miss_bytes\":{},\"bypassed\":{}}}",
        first ? "" : ",", json_text(disk.directory), of.capacity_bytes, of.live_bytes,
        of.pinned_bytes, of.hit_bytes, of.miss_bytes, of.bypassed);
    first = false;
  }
  out += "],\"pins\":[";
  first = true;
  for (const CacheSelection& pin : pins_.all()) {
    fmt::format_to(std::back_inserter(out), "{}{{\"bucket\":{},\"prefix\":{}}}", first ? "" : ",",
                   json_text(pin.bucket), json_text(pin.prefix));
    first = false;
  }
  out += ']';
  if (!asked.selection.bucket.empty()) {
    const Held now = co_await io::or_return(held(asked.selection));
    fmt::format_to(
        std::back_inserter(out),
        ",\"selection\":{{\"objects\":{},\"bytes\":{},\"pinned\":{},\"ram\":{},\"disks\":[",
        now.objects_count, now.size_bytes, now.pinned_bytes, json_of(now.ram));
    for (size_t i = 0; i < now.disks.size(); ++i) {
      out += (i == 0 ? "" : ",") + json_of(now.disks[i]);
    }
    out += "]}";
  }
  co_return out + "}\n";
}

void CacheAdmin::evict(const storage::ChunkId& chunk) {
  if (ram_ != nullptr) ram_->erase_chunk(chunk);
  for (cache::DiskTier* const disk : disks_.all()) disk->evict_chunk(chunk);
  if (peers_ != nullptr) peers_->keeper().forget(chunk);
}

// What is told to the other nodes in one question, and who could not be told.
struct CacheAdmin::Dropping {
  std::vector<storage::ChunkId> chunks = {};
  std::set<std::string> nodes = {};
  std::set<std::string> unreached = {};

  std::string json() const {
    std::string out;
    for (const std::string& node : unreached) out += (out.empty() ? "" : ",") + json_text(node);
    return fmt::format("\"nodes\":{},\"unreached\":[{}]", nodes.size(), out);
  }
};

io::Task<void> CacheAdmin::drop_elsewhere(Dropping& dropping) {
  std::vector<storage::ChunkId> chunks = std::exchange(dropping.chunks, {});
  if (peers_ == nullptr || chunks.empty()) co_return;
  const peer::AllTold<uint64_t> told = co_await peer::drop_everywhere(*peers_, std::move(chunks));
  for (const peer::NodeTold<uint64_t>& each : told) {
    dropping.nodes.insert(each.node);
    if (each.answer) continue;
    log::warning("cache_drop_not_told",
                 {{"node", std::string_view(each.node)},
                  {"message", std::string_view(each.answer.error().message)}});
    dropping.unreached.insert(each.node);
  }
}

io::Task<void> CacheAdmin::drop_chunk(Dropping& dropping, storage::ChunkId chunk) {
  evict(chunk);
  dropping.chunks.push_back(chunk);
  if (dropping.chunks.size() >= peer::kChunksPerQuestionMax) co_await drop_elsewhere(dropping);
}

// How many objects those chunks are of.
io::Task<Result<size_t>> CacheAdmin::for_each_chunk(
    CacheSelection of, std::function<io::Task<void>(storage::ChunkId)> what) {
  Walk walk{.selection = of, .bucket = co_await io::or_return(objects_.find_bucket(of.bucket))};
  for (size_t count = 0;; ++count) {
    const std::unique_ptr<object::ObjectReader> reader = co_await io::or_return(next_object(walk));
    if (reader == nullptr) co_return count;
    const ByteRange all{0, reader->info().size_bytes};
    if (all.size_bytes == 0) continue;
    for (const object::ChunkSpan& span : reader->chunk_spans(all)) co_await what(span.chunk);
    co_await io::yield();
  }
}

io::Task<Result<std::string>> CacheAdmin::drop(std::string query) {
  const Asked asked = co_await io::or_return(parse_asked(query, false));
  if (peers_ == nullptr) co_await io::or_return(require_tiers());
  if (asked.all == !asked.selection.bucket.empty()) {
    co_return fail(Code::kInvalidArgument, "name a bucket, or all=1");
  }
  co_await io::or_return(pins_.remove(asked.selection.bucket, asked.selection.prefix));
  Dropping dropping;
  if (!asked.all) {
    const size_t count = co_await io::or_return(for_each_chunk(
        asked.selection,
        [this, &dropping](storage::ChunkId id) { return drop_chunk(dropping, id); }));
    co_await drop_elsewhere(dropping);
    co_return fmt::format("{{\"objects\":{},{}}}\n", count, dropping.json());
  }
  // Tiers hold nothing but what the home has.
  size_t count = 0;
  std::optional<storage::ChunkId> after;
  while (true) {
    const std::vector<storage::ChunkStat> page =
        co_await io::or_return(chunks_.list(after, kChunksPerPage));
    for (const storage::ChunkStat& each : page) co_await drop_chunk(dropping, each.id);
    count += page.size();
    if (page.empty()) {
      co_await drop_elsewhere(dropping);
      co_return fmt::format("{{\"chunks\":{},{}}}\n", count, dropping.json());
    }
    after = page.back().id;
    co_await io::yield();
  }
}

io::Task<Result<std::string>> CacheAdmin::unpin(std::string query) {
  const Asked asked = co_await io::or_return(parse_asked(query, true));
  co_await io::or_return(require_tiers());
  co_await io::or_return(pins_.remove(asked.selection.bucket, asked.selection.prefix));
  const auto unpin_chunk = [this](storage::ChunkId id) {
    if (ram_ != nullptr) ram_->unpin_chunk(id);
    for (cache::DiskTier* const disk : disks_.all()) disk->unpin_chunk(id);
    return io::yield();
  };
  const size_t count = co_await io::or_return(for_each_chunk(asked.selection, unpin_chunk));
  co_return fmt::format("{{\"objects\":{}}}\n", count);
}

io::Task<Result<std::string>> run_cache_command(CacheAdmin& admin, std::string name,
                                                std::string query) {
  if (name == "cache-status") co_return co_await admin.status(std::move(query));
  if (name == "cache-drop") co_return co_await admin.drop(std::move(query));
  if (name == "cache-unpin") co_return co_await admin.unpin(std::move(query));
  co_return fail(Code::kNotFound, "there is no such command");
}

}  // namespace cairn::server
