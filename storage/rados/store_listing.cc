#include <algorithm>
#include <cerrno>

#include "storage/rados/store_state.h"

namespace cairn::storage {
namespace {

constexpr size_t kQuestionsInFlight = 32;      // Of one page.
constexpr Duration kUsageFresh = seconds(10);  // The monitors are not asked more often.
constexpr size_t kSweepPage = 1000;
constexpr size_t kSweepOrphansMax = 1'000'000;  // Of one sweep; the next finds the others.
constexpr const char* kUsageQuestion = R"({"prefix": "df", "format": "json"})";

// Calls `ask(index)` for [0, count), several side by side; the first failure.
template <typename Ask>
io::Task<void> ask_some(size_t& next, size_t count, Ask& ask, Status& status) {
  while (next < count && status) {
    const Status done = co_await ask(next++);
    if (!done) status = done;
  }
}
template <typename Ask>
io::Task<Status> ask_all(size_t count, Ask ask) {
  size_t next = 0;
  Status status;
  io::Scope scope;
  for (size_t i = 0; i < std::min(kQuestionsInFlight, count); ++i) {
    scope.spawn(ask_some(next, count, ask, status));
  }
  co_await scope.join();
  co_return status;
}

io::Task<Status> stat_into(RadosPool& pool, ChunkId id, std::optional<ChunkStat>& out) {
  out = co_await io::or_return(stat_chunk(pool, id));
  co_return Status{};
}

}  // namespace

io::Task<Result<std::vector<ChunkId>>> RadosStore::State::page(std::optional<ChunkId> after,
                                                               size_t limit) {
  const io::MutexGuard turn = co_await listing.lock();
  Result<std::vector<ChunkId>> ids = co_await window.page(*pool, after, limit);
  co_return ids;
}

io::Task<Result<PoolUsage>> RadosStore::State::ask_usage() {
  const io::MutexGuard turn = co_await asking.lock();
  const Instant now = io::Reactor::current().now();
  if (usage_asked_at && now - *usage_asked_at < kUsageFresh) co_return usage;
  const std::string answer = co_await io::or_return(pool->ask_monitor(kUsageQuestion));
  usage = co_await io::or_return(parse_pool_usage(answer, options.place.pool));
  usage_asked_at = now;
  co_return usage;
}

io::Task<Result<std::vector<ChunkStat>>> RadosStore::list(std::optional<ChunkId> after,
                                                          size_t limit) {
  std::vector<ChunkStat> stats;
  // A page whose chunks are all gone does not end the listing.
  while (stats.empty()) {
    const std::vector<ChunkId> ids =
        co_await io::or_return(io::run_on(state_->reactor, state_->page(after, limit)));
    if (ids.empty()) break;
    std::vector<std::optional<ChunkStat>> found(ids.size());
    RadosPool& pool = *state_->pool;
    co_await io::or_return(ask_all(
        ids.size(), [&](size_t index) { return stat_into(pool, ids[index], found[index]); }));
    for (const std::optional<ChunkStat>& stat : found) {
      if (stat) stats.push_back(*stat);
    }
    after = ids.back();
  }
  co_return stats;
}

io::Task<Result<StoreUsage>> RadosStore::usage() {
  const PoolUsage known = co_await io::or_return(io::run_on(state_->reactor, state_->ask_usage()));
  const int64_t count = state_->chunks_count.load(std::memory_order_relaxed);
  co_return StoreUsage{.live_bytes = known.stored_bytes,
                       .allocated_bytes = known.stored_bytes,
                       .capacity_bytes = known.stored_bytes + known.available_bytes,
                       .available_bytes = known.available_bytes,
                       .chunks_count = static_cast<uint64_t>(std::max<int64_t>(count, 0))};
}

// Adds the chunk to `orphans` when no reference names it and no node holds it.
io::Task<Status> RadosStore::State::examine(ChunkId id, ReferenceSource& source,
                                            RadosSweepReport& report,
                                            std::vector<ChunkId>& orphans) {
  ++report.chunks_count;
  const bool referenced = co_await io::or_return(source.is_referenced(id));
  if (referenced || holds.is_held(id)) co_return Status{};
  const ChunkState seen = co_await look_at_chunk(*pool, id);
  if (seen.code == -ENOENT) co_return Status{};
  if (seen.code < 0) co_return std::unexpected(pool->error_of(seen.code, "sweeping"));
  const bool held = co_await io::or_return(is_held_elsewhere(seen.holds));
  if (held) co_return Status{};
  ++report.orphans_count;
  report.orphan_bytes += seen.size_bytes;
  orphans.push_back(id);
  co_return Status{};
}

io::Task<Result<RadosSweepReport>> RadosStore::sweep(double share_max, bool dry_run) {
  ReferenceSource* const source = state_->references.load();
  if (source == nullptr) {
    co_return fail(Code::kFailedPrecondition, "no reference source is set, so nothing is swept");
  }
  RadosSweepReport report;
  std::vector<ChunkId> orphans;
  std::optional<ChunkId> after;
  while (orphans.size() < kSweepOrphansMax) {
    const std::vector<ChunkId> ids =
        co_await io::or_return(io::run_on(state_->reactor, state_->page(after, kSweepPage)));
    if (ids.empty()) break;
    after = ids.back();
    co_await io::or_return(ask_all(ids.size(), [&](size_t index) {
      return state_->examine(ids[index], *source, report, orphans);
    }));
  }
  const double allowed = share_max * static_cast<double>(report.chunks_count);
  if (!dry_run && report.orphans_count > kSweepFreeChunks &&
      static_cast<double>(report.orphans_count) > allowed) {
    co_return fail(Code::kFailedPrecondition,
                   std::to_string(report.orphans_count) + " of " +
                       std::to_string(report.chunks_count) +
                       " chunks in the Ceph pool have no reference, more than may go at once: "
                       "make sure that the catalog is the right one, then allow a larger share");
  }
  if (dry_run) co_return report;
  co_await io::or_return(
      ask_all(orphans.size(), [&](size_t index) { return drop_orphan(orphans[index], report); }));
  co_return report;
}

io::Task<Status> RadosStore::drop_orphan(ChunkId id, RadosSweepReport& report) {
  const bool dropped = co_await io::or_return(unlink(id, OwnerId{}));
  report.dropped_count += dropped ? 1 : 0;
  co_return Status{};
}

}  // namespace cairn::storage
