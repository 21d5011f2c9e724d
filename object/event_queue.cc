#include "object/event_queue.h"

#include <algorithm>

#include "base/log.h"
#include "base/random.h"
#include "io/reactor.h"
#include "object/event_codec.h"
#include "object/limits.h"
#include "object/signed_row.h"

namespace cairn::object {
namespace {

constexpr size_t kCountPageRows = 4096;
// Sequencers are microseconds; the clock tells milliseconds.
constexpr uint64_t kSequencersPerMs = 1000;

}  // namespace

// Microseconds of the wall clock, or one more than the last when the clock stood still or jumped.
uint64_t EventQueue::next_sequencer(WallTime at) {
  uint64_t wall = static_cast<uint64_t>(at.unix_ms) * 1000;
  // Another process may number an event of the same moment.
  if (catalog_.is_shared()) wall += system_random().below(kSequencersPerMs);
  uint64_t last = last_sequencer_.load(std::memory_order_relaxed);
  uint64_t next;
  do {
    next = std::max(last + 1, wall);
  } while (!last_sequencer_.compare_exchange_weak(last, next, std::memory_order_relaxed));
  return next;
}

io::Task<Result<uint64_t>> EventQueue::recount() {
  uint64_t count = 0;
  uint64_t last = 0;
  catalog::ScanRequest scan;
  scan.begin = all_events();
  scan.end = catalog::prefix_end(all_events());
  scan.limit_entries = kCountPageRows;
  scan.keys_only = true;
  for (bool more = true; more;) {
    const catalog::ScanPage page = co_await io::or_return(catalog_.scan(scan));
    count += page.entries.size();
    for (const catalog::Entry& entry : page.entries) {
      const std::optional<QueuedEvent> queued = parse_event_row(entry.key);
      if (queued) last = std::max(last, queued->sequencer);
    }
    more = page.more && !page.entries.empty();
    if (more) scan.begin = page.entries.back().key + '\0';
  }
  depth_.store(count, std::memory_order_relaxed);
  // A clock that was set back does not put new events before old ones.
  uint64_t seen = last_sequencer_.load(std::memory_order_relaxed);
  while (seen < last && !last_sequencer_.compare_exchange_weak(seen, last)) {
  }
  co_return count;
}

io::Task<Status> EventQueue::load(std::vector<std::string> targets) {
  targets_ = std::move(targets);
  co_await io::or_return(recount());
  co_return Status();
}

bool EventQueue::add(std::string_view target, uint64_t bucket_id, const Event& event,
                     catalog::Batch& batch) {
  const std::shared_ptr<const crypto::TenantKeys> keys = keys_.current(event.tenant);
  const bool is_known = std::ranges::find(targets_, target) != targets_.end();
  if (depth() >= kEventRowsMax || keys == nullptr || !is_known) {
    if (dropped_count_.fetch_add(1, std::memory_order_relaxed) == 0) {
      log::error("event-dropped", {{"target", target}, {"depth", depth()}});
    }
    return false;
  }
  std::string row = event_row(target, next_sequencer(event.at), bucket_id);
  std::string value = sign_row(*keys, row, encode_event(event));
  // The commit is made anew, under other numbers, when they are taken.
  if (catalog_.is_shared()) batch.preconditions.push_back(catalog::Precondition::absent(row));
  batch.puts.push_back({std::move(row), std::move(value)});
  depth_.fetch_add(1, std::memory_order_relaxed);
  last_added_ns_.store(io::Reactor::current().now().nanoseconds, std::memory_order_relaxed);
  added_count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

io::Task<Status> EventQueue::add_now(std::vector<std::string> targets, uint64_t bucket_id,
                                     Event event) {
  Result<catalog::Version> done = fail(Code::kFailedPrecondition, "nothing was tried");
  for (int attempt = 0; attempt < kCommitAttemptsMax && !done; ++attempt) {
    if (done.error().code != Code::kFailedPrecondition) break;
    catalog::Batch batch;
    for (const std::string& target : targets) add(target, bucket_id, event, batch);
    if (batch.puts.empty()) co_return Status();
    done = co_await catalog_.commit(std::move(batch));
  }
  if (!done) co_return std::unexpected(done.error());
  co_return Status();
}

io::Task<Result<std::vector<QueuedEvent>>> EventQueue::read(std::string target, std::string after,
                                                            size_t limit) {
  catalog::ScanRequest scan;
  scan.begin = after.empty() ? events_of(target) : after + '\0';
  scan.end = catalog::prefix_end(events_of(target));
  scan.limit_entries = limit;
  const catalog::ScanPage page = co_await io::or_return(catalog_.scan(std::move(scan)));
  std::vector<QueuedEvent> events;
  for (const catalog::Entry& entry : page.entries) {
    std::optional<QueuedEvent> queued = parse_event_row(entry.key);
    if (!queued) continue;
    const Result<OpenedRow> opened = open_row(keys_, entry.key, entry.value);
    if (opened) {
      Result<Event> event = decode_event(opened->record);
      if (event) queued->event = std::move(*event);
    }
    events.push_back(std::move(*queued));
  }
  co_return events;
}

io::Task<Status> EventQueue::remove(std::vector<std::string> rows) {
  if (rows.empty()) co_return Status();
  const uint64_t count = rows.size();
  catalog::Batch batch;
  batch.deletes = std::move(rows);
  co_await io::or_return(catalog_.commit(std::move(batch)));
  uint64_t depth_now = depth();
  while (!depth_.compare_exchange_weak(depth_now, depth_now - std::min(depth_now, count))) {
  }
  co_return Status();
}

}  // namespace cairn::object
