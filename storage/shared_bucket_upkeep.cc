#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "storage/shared_bucket_state.h"

namespace cairn::storage {
namespace {

// Takes up to `limit` from the front.
template <typename T>
std::vector<T> take_some(std::deque<T>& from, size_t limit) {
  const auto end = from.begin() + static_cast<ptrdiff_t>(std::min(limit, from.size()));
  std::vector<T> some(from.begin(), end);
  from.erase(from.begin(), end);
  return some;
}

io::Task<void> delete_some(Upstream& upstream, const std::vector<TrashEntry>& objects, size_t& next,
                           Status& status) {
  while (next < objects.size() && status) {
    const TrashEntry& object = objects[next++];
    const Status removed =
        co_await upstream.remove(chunk_object_name(object.id, object.generation));
    if (!removed) status = removed;
  }
}

}  // namespace

void SharedBucketStore::State::clear_later(const ChunkId& id, uint64_t number) {
  {
    const std::lock_guard guard(mutex);
    if (pending.holds.size() < kPendingMax) pending.holds.push_back({id, number});
  }
  wake_up();
}

void SharedBucketStore::State::delete_later(const ChunkId& id, const RandomId& generation,
                                            bool has_row) {
  {
    const std::lock_guard guard(mutex);
    std::deque<TrashEntry>& queue = has_row ? pending.trash : pending.unborn;
    if (queue.size() < kPendingMax) queue.push_back({id, generation});
  }
  wake_up();
}

void SharedBucketStore::State::drop_later(const ChunkId& id) {
  const std::lock_guard guard(mutex);
  if (pending.drops.size() < kPendingMax) pending.drops.insert(id);
}

void SharedBucketStore::State::wake_up() {
  std::optional<io::Completion<bool>> sleeper;
  {
    const std::lock_guard guard(mutex);
    sleeper = std::exchange(waker, std::nullopt);
  }
  if (sleeper) sleeper->complete(true);
}

// Until the next pass is due, or there is something to do.
io::Task<void> SharedBucketStore::State::sleep() {
  const io::Until until{.deadline = reactor.now() + options.upkeep_interval,
                        .stop = background.stop_token()};
  io::Completion<bool> sleeper = io::Completion<bool>::make();
  bool is_idle = false;
  {
    const std::lock_guard guard(mutex);
    is_idle = pending.holds.empty() && pending.trash.empty() && pending.unborn.empty();
    if (is_idle) waker = sleeper;
  }
  if (is_idle) (void)co_await sleeper.wait(until);
  {
    const std::lock_guard guard(mutex);
    waker.reset();
  }
  (void)co_await io::sleep_for(kUpkeepGather, background.stop_token());
}

io::Task<void> SharedBucketStore::State::keep_up() {
  const io::StopToken stop = background.stop_token();
  bool failing = false;
  while (!stop.stop_requested()) {
    // What failed is not tried again at once.
    if (failing) (void)co_await io::sleep_for(options.upkeep_interval, stop);
    co_await sleep();
    if (stop.stop_requested()) break;
    const Status done = co_await upkeep();
    if (!done && !failing) {
      log::warning("storage.upkeep_failed", {{"message", std::string_view(done.error().message)}});
    }
    failing = !done;
  }
}

// Every part is tried, whatever becomes of the others.
io::Task<Status> SharedBucketStore::State::upkeep() {
  const Status cleared = co_await clear_holds();
  const Status deleted = co_await delete_objects();
  const Status regular = co_await regular_work();
  if (!cleared) co_return cleared;
  if (!deleted) co_return deleted;
  co_return regular;
}

io::Task<Status> SharedBucketStore::State::beat_if_due() {
  const Instant now = reactor.now();
  if (now - beaten_at < directory.beat()) co_return Status{};
  beaten_at = now;
  Status kept = co_await keep_session();
  co_return kept;
}

io::Task<Status> SharedBucketStore::State::regular_work() {
  co_await io::or_return(beat_if_due());
  const Instant now = reactor.now();
  if (now - tended_at >= directory.beat()) {
    tended_at = now;
    co_await io::or_return(retry_drops());
    if (leads) co_await io::or_return(collect_trash());
  }
  if (now - counted_at >= kCountInterval) {
    counted_at = now;
    co_await io::or_return(count());
  }
  co_return Status{};
}

io::Task<Status> SharedBucketStore::State::clear_holds() {
  while (true) {
    co_await io::or_return(beat_if_due());
    std::vector<HoldRef> some;
    {
      const std::lock_guard guard(mutex);
      some = take_some(pending.holds, kHoldsClearedPerCommit);
    }
    if (some.empty()) co_return Status{};
    const Status cleared = co_await directory.clear(some);
    if (cleared) continue;
    const std::lock_guard guard(mutex);
    pending.holds.insert(pending.holds.begin(), some.begin(), some.end());
    co_return cleared;
  }
}

io::Task<Status> SharedBucketStore::State::delete_all(std::vector<TrashEntry> some) {
  size_t next = 0;
  Status status;
  io::Scope scope;
  for (size_t i = 0; i < std::min(kDeletesInFlight, some.size()); ++i) {
    scope.spawn(delete_some(*background_upstream, some, next, status));
  }
  co_await scope.join();
  co_return status;
}

io::Task<Status> SharedBucketStore::State::delete_objects() {
  while (true) {
    co_await io::or_return(beat_if_due());
    std::vector<TrashEntry> some;
    bool has_rows = true;
    {
      const std::lock_guard guard(mutex);
      some = take_some(pending.trash, kTrashPageRows);
      if (some.empty()) {
        has_rows = false;
        some = take_some(pending.unborn, kTrashPageRows);
      }
    }
    if (some.empty()) co_return Status{};
    Status done = co_await delete_all(some);
    std::vector<RandomId> generations;
    for (const TrashEntry& object : some) generations.push_back(object.generation);
    if (done && has_rows) done = co_await directory.forget(std::move(generations));
    if (done) continue;
    const std::lock_guard guard(mutex);
    std::deque<TrashEntry>& queue = has_rows ? pending.trash : pending.unborn;
    queue.insert(queue.begin(), some.begin(), some.end());
    co_return done;
  }
}

// Chunks that somebody held when they were to go, and those of writers that are gone for good.
io::Task<Status> SharedBucketStore::State::retry_drops() {
  std::set<ChunkId> some;
  {
    const std::lock_guard guard(mutex);
    some.swap(pending.drops);
  }
  ReferenceSource* const source = references.load();
  for (auto at = some.begin(); at != some.end(); ++at) {
    if (source == nullptr || background.stop_token().stop_requested()) break;
    Result<bool> dropped = false;
    if (const Status beaten = co_await beat_if_due(); !beaten) {
      dropped = std::unexpected(beaten.error());
    } else if (holds.condemn(*at).kind == HoldTurn::Kind::kSet) {
      // Else who holds it now, or drops it, sees to it.
      dropped = co_await drop(*at, *source);
      (void)holds.settle(*at, false);
    }
    if (dropped) continue;
    const std::lock_guard guard(mutex);
    pending.drops.insert(at, some.end());
    co_return std::unexpected(dropped.error());
  }
  co_return Status{};
}

io::Task<Status> SharedBucketStore::State::keep_session() {
  const SessionReport report = co_await io::or_return(directory.keep_session());
  leads = report.leads;
  for (const ChunkId& id : report.abandoned) drop_later(id);
  co_return Status{};
}

// The trash of nodes that died before they had deleted it: rows that stand for a whole beat.
io::Task<Status> SharedBucketStore::State::collect_trash() {
  std::set<RandomId> seen;
  std::optional<RandomId> after;
  while (seen.size() < kPendingMax) {
    const std::vector<TrashEntry> page =
        co_await io::or_return(directory.trash(after, kTrashPageRows));
    if (page.empty()) break;
    after = page.back().generation;
    for (const TrashEntry& row : page) {
      if (old_trash.contains(row.generation)) delete_later(row.id, row.generation, true);
      seen.insert(row.generation);
    }
  }
  old_trash = std::move(seen);
  co_return Status{};
}

io::Task<Status> SharedBucketStore::State::count() {
  int64_t chunks = 0;
  int64_t bytes = 0;
  std::optional<ChunkId> after;
  while (!background.stop_token().stop_requested()) {
    const std::vector<DirectoryEntry> page =
        co_await io::or_return(directory.list(after, kCountPageRows));
    if (page.empty()) break;
    after = page.back().id;
    chunks += static_cast<int64_t>(page.size());
    for (const DirectoryEntry& entry : page) bytes += static_cast<int64_t>(entry.row.payload_bytes);
    co_await io::yield();
  }
  chunks_count = chunks;
  payload_bytes = bytes;
  co_return Status{};
}

}  // namespace cairn::storage
