#include "server/lifecycle_worker.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"
#include "io/reactor.h"

namespace cairn::server {
namespace {

constexpr size_t kBucketsPerPage = 100;
constexpr Duration kLoadInterval = milliseconds(200);
constexpr Duration kPauseMax = seconds(1);
constexpr std::string_view kDocument = "lifecycle";

struct Cursor {
  uint64_t bucket_id = 0;
  std::string key;
};

// Bucket id (8, big-endian) | key.
std::string encode_cursor(const Cursor& cursor) {
  uint8_t id[8];
  store_be(id, cursor.bucket_id);
  return std::string(as_text(id)) + cursor.key;
}

// A row that does not parse is none: the pass then begins anew.
std::optional<Cursor> decode_cursor(const std::string& value) {
  if (value.size() < 8) return std::nullopt;
  return Cursor{load_be<uint64_t>(as_bytes(value).data()), value.substr(8)};
}

}  // namespace

LifecycleWorker::LifecycleWorker(LifecycleOptions options) : options_(std::move(options)) {
  options_.environment.counters = &counters_;
}

io::Task<void> LifecycleWorker::run(io::StopToken stop) {
  while (!stop.stop_requested()) {
    if (!may_remove()) {
      static_cast<void>(co_await io::sleep_for(kClockPoll, stop));
      continue;
    }
    const Status passed = co_await pass(stop);
    if (!passed) {
      log::error("lifecycle-failed", {{"message", std::string_view(passed.error().message)}});
    }
    // A stop ends the pause early; the loop's condition sees it.
    static_cast<void>(co_await io::sleep_for(options_.interval, stop));
  }
}

io::Task<Status> LifecycleWorker::pass(io::StopToken stop) {
  const std::optional<catalog::Entry> row =
      co_await io::or_return(options_.catalog->get(std::string(kLifecycleCursorRow)));
  const std::optional<Cursor> cursor = row ? decode_cursor(row->value) : std::nullopt;
  std::optional<uint64_t> after;
  if (cursor && cursor->bucket_id > 0) after = cursor->bucket_id - 1;
  for (bool more = true; more && !stop.stop_requested();) {
    const std::vector<object::BucketInfo> buckets =
        co_await io::or_return(options_.environment.objects->all_buckets(after, kBucketsPerPage));
    more = buckets.size() == kBucketsPerPage;
    for (const object::BucketInfo& bucket : buckets) {
      after = bucket.id;
      if (bucket.config->document(kDocument) == nullptr) continue;
      std::string begin;
      if (cursor && cursor->bucket_id == bucket.id) begin = cursor->key;
      const Status walked = co_await walk_bucket(bucket, std::move(begin), stop);
      if (stop.stop_requested()) co_return Status();
      if (walked) continue;
      // One bucket that fails does not keep the others from their rules.
      ++counters_.failures;
      log::warning("lifecycle-bucket-failed",
                   {{"bucket", std::string_view(bucket.name)},
                    {"message", std::string_view(walked.error().message)}});
    }
  }
  if (stop.stop_requested()) co_return Status();
  ++counters_.passes;
  if (!row && !cursor_saved_) co_return Status();
  cursor_saved_ = false;
  catalog::Batch done;
  done.deletes.emplace_back(kLifecycleCursorRow);
  co_await io::or_return(options_.catalog->commit(std::move(done)));
  co_return Status();
}

io::Task<Status> LifecycleWorker::walk_bucket(object::BucketInfo bucket, std::string after,
                                              io::StopToken stop) {
  s3::S3Result<s3::LifecycleRules> rules = s3::parse_lifecycle(*bucket.config->document(kDocument));
  if (!rules) co_return fail(Code::kCorruption, "the lifecycle configuration does not parse");
  const io::Reactor& reactor = io::Reactor::current();
  const uint64_t bucket_id = bucket.id;
  const crypto::TenantId tenant = bucket.tenant;
  const std::string name = bucket.name;
  const std::string text = *bucket.config->document(kDocument);
  LifecycleWalk walk(options_.environment, std::move(bucket), std::move(*rules), std::move(after),
                     stop);
  for (bool more = true; more;) {
    const Instant begin = reactor.now();
    // Rules that were taken away or changed end the walk at once: the next pass has the new ones.
    const Result<object::BucketInfo> now =
        co_await options_.environment.objects->bucket(tenant, name);
    const std::string* rules_now = now ? now->config->document(kDocument) : nullptr;
    if (rules_now == nullptr || now->id != bucket_id || *rules_now != text) co_return Status();
    if (!may_remove()) co_return fail(Code::kFailedPrecondition, "the clock is not to be trusted");
    more = co_await io::or_return(walk.step(reactor.clock().wall_now()));
    if (++steps_count_ % kStepsPerCursor == 0 || stop.stop_requested()) {
      co_await io::or_return(save_cursor(bucket_id, walk.position()));
    }
    if (stop.stop_requested()) co_return Status();
    const Duration removed = walk.removal_time();
    co_await pause(reactor.now() - begin - removed, removed, stop);
  }
  co_return Status();
}

io::Task<Status> LifecycleWorker::save_cursor(uint64_t bucket_id, std::string key) {
  cursor_saved_ = true;
  catalog::Batch batch;
  batch.puts.push_back(
      {std::string(kLifecycleCursorRow), encode_cursor({bucket_id, std::move(key)})});
  co_await io::or_return(options_.catalog->commit(std::move(batch)));
  co_return Status();
}

bool LifecycleWorker::may_remove() const {
  return !options_.is_clock_trusted || options_.is_clock_trusted();
}

bool LifecycleWorker::is_busy() {
  if (!options_.requests_count) return false;
  const Instant now = io::Reactor::current().now();
  const int64_t passed_ns = (now - looked_at_).nanoseconds;
  if (passed_ns < kLoadInterval.nanoseconds) return busy_;
  const uint64_t count = options_.requests_count();
  const uint64_t rate = (count - requests_seen_) * 1'000'000'000 / static_cast<uint64_t>(passed_ns);
  busy_ = rate >= kBusyRequestsPerSecond;
  looked_at_ = now;
  requests_seen_ = count;
  return busy_;
}

io::Task<void> LifecycleWorker::pause(Duration looked, Duration removed, io::StopToken stop) {
  const bool busy = is_busy();
  const int64_t asked_ns = looked.nanoseconds * (busy ? kBusyLookFactor : kIdleFactor) +
                           removed.nanoseconds * (busy ? kBusyRemoveFactor : kIdleFactor);
  const Duration pause{std::min(asked_ns, kPauseMax.nanoseconds)};
  if (pause.nanoseconds <= 0) {
    co_await io::yield();
    co_return;
  }
  static_cast<void>(co_await io::sleep_for(pause, stop));
}

}  // namespace cairn::server
