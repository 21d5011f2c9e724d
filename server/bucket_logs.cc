#include "server/bucket_logs.h"

#include <algorithm>

#include "base/log.h"
#include "io/reactor.h"
#include "s3/config_kinds.h"

namespace cairn::server {
namespace {

constexpr Duration kLookInterval = seconds(1);

io::Task<Result<object::ObjectInfo>> put_text(object::Objects& objects, object::BucketInfo bucket,
                                              std::string key, std::string text) {
  object::PutOptions options;
  options.metadata.content_type = "text/plain";
  options.size_bytes = text.size();
  const std::unique_ptr<object::ObjectWriter> writer =
      co_await io::or_return(objects.put(std::move(bucket), std::move(key), std::move(options)));
  const Status written = co_await writer->write(as_bytes(text));
  if (!written) {
    co_await writer->abort();
    co_return std::unexpected(written.error());
  }
  Result<object::ObjectInfo> stored = co_await writer->finish({});
  co_return stored;
}

}  // namespace

BucketLogs::BucketLogs(object::Objects& objects, size_t shards_count, std::string region,
                       Random& random)
    : objects_(objects), region_(std::move(region)), random_(random) {
  for (size_t i = 0; i < shards_count; ++i) shards_.push_back(std::make_unique<Shard>());
}

bool BucketLogs::wants(const s3::RequestRecord& record) {
  return record.bucket_info != nullptr &&
         record.bucket_info->config->document(s3::document::kLogging) != nullptr;
}

void BucketLogs::record(size_t shard, const s3::RequestRecord& record, WallTime at) {
  Shard& own = *shards_[shard];
  const object::BucketInfo& source = *record.bucket_info;
  const std::shared_ptr<const std::optional<s3::LoggingTarget>> target =
      own.cache.get<s3::LoggingKind>(source);
  if (target == nullptr || !target->has_value()) return;
  std::string line = format(record, at);
  const std::lock_guard lock(own.mutex);
  if (own.waiting_bytes + line.size() > kWaitingBytesMax) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Batch& batch = own.batches[{source.id, (*target)->bucket, (*target)->prefix}];
  if (batch.lines.empty()) {
    batch.source = source;
    batch.target = **target;
    batch.first = at;
  }
  batch.lines += line;
  own.waiting_bytes += line.size();
  lines_.fetch_add(1, std::memory_order_relaxed);
  if (batch.lines.size() >= kBatchBytes) much_waits_.store(true, std::memory_order_relaxed);
}

io::Task<void> BucketLogs::run(Duration interval, io::StopToken stop) {
  const io::Reactor& reactor = io::Reactor::current();
  Instant delivered = reactor.now();
  while (!stop.stop_requested()) {
    const Duration look = std::min(interval, kLookInterval);
    static_cast<void>(co_await io::sleep_for(look, stop));
    const bool due = reactor.now() - delivered >= interval;
    if (!due && !much_waits_.load(std::memory_order_relaxed)) continue;
    delivered = reactor.now();
    co_await deliver(reactor.clock().wall_now());
  }
  co_await deliver(reactor.clock().wall_now());
}

io::Task<void> BucketLogs::deliver(WallTime now) {
  much_waits_.store(false, std::memory_order_relaxed);
  Batches all;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    Batches taken;
    {
      const std::lock_guard lock(shard->mutex);
      taken.swap(shard->batches);
      shard->waiting_bytes = 0;
    }
    // Lines of different cores are one object, in the cores' order.
    for (auto& [key, batch] : taken) {
      const auto [at, is_new] = all.try_emplace(key, std::move(batch));
      if (!is_new) at->second.lines += batch.lines;
    }
  }
  for (auto& [key, batch] : all) {
    const std::string source = batch.source.name;
    const Status stored = co_await store(std::move(batch), now);
    if (stored) {
      delivered_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    failures_.fetch_add(1, std::memory_order_relaxed);
    log::warning("bucket-log-failed", {{"bucket", std::string_view(source)},
                                       {"message", std::string_view(stored.error().message)}});
  }
}

io::Task<Status> BucketLogs::store(Batch batch, WallTime now) {
  // By the owner's own name: a bucket of somebody else that took the target's name gets nothing.
  object::BucketInfo target =
      co_await io::or_return(objects_.bucket(batch.source.tenant, batch.target.bucket));
  const WallTime named =
      batch.target.key_format == s3::LogKeyFormat::kPartitionedEventTime ? batch.first : now;
  std::string key = object_key(batch.target, batch.source, region_, named, random_.next_u64());
  co_await io::or_return(
      put_text(objects_, std::move(target), std::move(key), std::move(batch.lines)));
  co_return Status();
}

BucketLogs::Counters BucketLogs::counters() const {
  return {lines_.load(), dropped_.load(), delivered_.load(), failures_.load()};
}

}  // namespace cairn::server
