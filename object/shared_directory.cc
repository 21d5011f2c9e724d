#include "object/shared_directory.h"

#include <algorithm>
#include <utility>

#include "object/keys.h"

namespace cairn::object {
namespace {

using catalog::Precondition;
using storage::DirectoryRow;
using storage::DropOutcome;
using storage::Freshness;

constexpr std::string_view kEdgePrefix = "r/";  // keys.h
constexpr size_t kDropAttemptsMax = 8;
constexpr size_t kHoldsLookedAtMax = 1000;  // Of one chunk; what is more counts as living.
constexpr size_t kHoldsPage = 1000;
constexpr size_t kRowsPerCommit = 100;

bool is_in_doubt(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kIo;
}

// Behind `after`, which is a key of the range.
catalog::ScanRequest scan_after(std::string prefix, std::string after, size_t limit,
                                bool keys_only) {
  catalog::ScanRequest request;
  request.end = catalog::prefix_end(prefix);
  request.begin = after.empty() ? std::move(prefix) : std::move(after) + '\0';
  request.limit_entries = limit;
  request.keys_only = keys_only;
  return request;
}

}  // namespace

io::Task<Result<std::unique_ptr<SharedDirectory>>> SharedDirectory::open(
    catalog::Catalog& catalog, RandomId store_id, RandomId node, Random& random, Duration silence) {
  ChunkRows rows(store_id);
  std::unique_ptr<DirectorySession> session = co_await io::or_return(
      DirectorySession::begin(catalog, rows, node, random, DirectorySession::pace_of(silence)));
  co_return std::unique_ptr<SharedDirectory>(
      new SharedDirectory(catalog, std::move(rows), std::move(session)));
}

bool SharedDirectory::is_reference(std::string_view row) {
  return row.starts_with(kEdgePrefix) && keys::parse_edge_chunk(row).has_value();
}

io::Task<Result<std::optional<SharedDirectory::Found>>> SharedDirectory::look_up(
    ChunkId id, Freshness freshness) {
  std::optional<catalog::Entry> entry;
  if (freshness == Freshness::kRecent) {
    entry = co_await io::or_return(catalog_.get_recent(rows_.chunk(id)));
  } else {
    entry = co_await io::or_return(catalog_.get(rows_.chunk(id)));
  }
  if (!entry) co_return std::nullopt;
  const DirectoryRow row = co_await io::or_return(parse_directory_row(entry->value));
  co_return Found{row, entry->version};
}

io::Task<Result<std::optional<DirectoryRow>>> SharedDirectory::find(ChunkId id,
                                                                    Freshness freshness) {
  const std::optional<Found> found = co_await io::or_return(look_up(id, freshness));
  if (!found) co_return std::nullopt;
  co_return found->row;
}

io::Task<Result<std::vector<storage::DirectoryEntry>>> SharedDirectory::list(
    std::optional<ChunkId> after, size_t limit) {
  std::string behind = after ? rows_.chunk(*after) : std::string();
  const catalog::ScanPage page = co_await io::or_return(
      catalog_.scan(scan_after(rows_.chunks(), std::move(behind), limit, false)));
  std::vector<storage::DirectoryEntry> out;
  for (const catalog::Entry& entry : page.entries) {
    const std::optional<ChunkId> id = rows_.parse_chunk(entry.key);
    if (!id) co_return fail(Code::kCorruption, "the catalog has a damaged key of a chunk");
    const DirectoryRow row = co_await io::or_return(parse_directory_row(entry.value));
    out.push_back({*id, row});
  }
  co_return out;
}

io::Task<Result<bool>> SharedDirectory::commit(catalog::Batch batch) {
  const Result<catalog::Version> done = co_await group_.commit(std::move(batch));
  if (done) co_return true;
  if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  co_await io::or_return(session_->check_row());
  co_return false;
}

io::Task<Result<bool>> SharedDirectory::publish(ChunkId id, DirectoryRow row, uint64_t hold) {
  co_await io::or_return(settle());
  catalog::Batch batch;
  batch.preconditions = {Precondition::absent(rows_.chunk(id)),
                         Precondition::absent(rows_.trash(row.generation))};
  batch.puts = {{rows_.chunk(id), encode_directory_row(row)},
                {rows_.hold(id, session_->id(), hold), ""}};
  Result<bool> done = co_await commit(std::move(batch));
  co_return done;
}

io::Task<Result<bool>> SharedDirectory::hold(ChunkId id, uint64_t hold) {
  co_await io::or_return(settle());
  catalog::Batch batch;
  batch.preconditions = {Precondition::present(rows_.chunk(id))};
  batch.puts = {{rows_.hold(id, session_->id(), hold), ""}};
  Result<bool> done = co_await commit(std::move(batch));
  co_return done;
}

io::Task<Status> SharedDirectory::delete_rows(std::vector<std::string> keys) {
  if (keys.empty()) co_return Status{};
  catalog::Batch batch;
  batch.deletes = std::move(keys);
  const Result<catalog::Version> done = co_await catalog_.commit(std::move(batch));
  if (!done) co_return std::unexpected(done.error());
  co_return Status{};
}

io::Task<Status> SharedDirectory::clear(std::vector<storage::HoldRef> holds) {
  co_await io::or_return(settle());
  std::vector<std::string> keys;
  for (const storage::HoldRef& hold : holds) {
    keys.push_back(rows_.hold(hold.id, session_->id(), hold.number));
  }
  Status done = co_await delete_rows(std::move(keys));
  co_return done;
}

// Holds of the own session are the caller's affair; those that stand are about to be cleared.
catalog::Batch SharedDirectory::batch_of_drop(const ChunkId& id, const Found& found) const {
  const std::string all = rows_.holds(id);
  const std::string own = rows_.holds(id, session_->id());
  const std::string edges = keys::edges(id);
  catalog::Batch batch;
  batch.preconditions = {
      Precondition::version_is(rows_.chunk(id), found.version), Precondition::range_empty(all, own),
      Precondition::range_empty(catalog::prefix_end(own), catalog::prefix_end(all)),
      Precondition::range_empty(edges, catalog::prefix_end(edges)), session_->fence().condition()};
  batch.deletes = {rows_.chunk(id)};
  batch.puts = {{rows_.trash(found.row.generation), encode_trash_value(id)}};
  return batch;
}

io::Task<Result<DropOutcome>> SharedDirectory::drop(ChunkId id) {
  std::optional<DirectoryRow> doubtful;  // A drop of it had no answer.
  for (size_t attempt = 0; attempt < kDropAttemptsMax; ++attempt) {
    co_await io::or_return(settle());
    const Freshness freshness = attempt == 0 ? Freshness::kRecent : Freshness::kNow;
    const std::optional<Found> found = co_await io::or_return(look_up(id, freshness));
    if (!found && attempt == 0) continue;
    if (doubtful && (!found || found->row.generation != doubtful->generation)) {
      const bool was_dropped = co_await io::or_return(is_trash(doubtful->generation));
      if (was_dropped) co_return DropOutcome{DropOutcome::Kind::kDropped, *doubtful};
      doubtful.reset();  // Another node dropped it, and has deleted it already.
    }
    if (!found) co_return DropOutcome{};
    const Result<bool> dropped = co_await commit(batch_of_drop(id, *found));
    if (!dropped && is_in_doubt(dropped.error())) {
      session_->fence().note_doubt();
      if (!std::exchange(doubtful, found->row)) continue;
    }
    if (!dropped) co_return std::unexpected(dropped.error());
    if (*dropped) co_return DropOutcome{DropOutcome::Kind::kDropped, found->row};
    const std::optional<DropOutcome::Kind> why = co_await io::or_return(why_refused(id));
    if (why) co_return DropOutcome{*why, found->row};
  }
  // Others hold it and let it go all the time.
  co_return DropOutcome{DropOutcome::Kind::kHeld, {}};
}

// nullopt: nothing is in the way any more.
io::Task<Result<std::optional<DropOutcome::Kind>>> SharedDirectory::why_refused(ChunkId id) {
  const catalog::ScanPage edges =
      co_await io::or_return(catalog_.scan(scan_after(keys::edges(id), "", 1, true)));
  if (!edges.entries.empty()) co_return DropOutcome::Kind::kReferenced;
  catalog::ScanPage holds = co_await io::or_return(
      catalog_.scan(scan_after(rows_.holds(id), "", kHoldsLookedAtMax, true)));
  const bool all_dead = co_await io::or_return(clear_dead_holds(std::move(holds.entries)));
  if (!all_dead || holds.more) co_return DropOutcome::Kind::kHeld;
  co_return std::nullopt;
}

// False when one of them is of another session that lives.
io::Task<Result<bool>> SharedDirectory::clear_dead_holds(std::vector<catalog::Entry> holds) {
  std::set<ChunkSession> dead;
  for (const catalog::Entry& entry : holds) {
    const std::optional<ChunkRows::Hold> hold = rows_.parse_hold(entry.key);
    if (!hold || hold->session == session_->id() || dead.contains(hold->session)) continue;
    const std::optional<catalog::Entry> session =
        co_await io::or_return(catalog_.get(rows_.session(hold->session)));
    if (session) co_return false;
    dead.insert(hold->session);
  }
  std::vector<std::string> keys;
  for (const catalog::Entry& entry : holds) {
    const std::optional<ChunkRows::Hold> hold = rows_.parse_hold(entry.key);
    if (hold && dead.contains(hold->session)) keys.push_back(entry.key);
    if (keys.size() < kRowsPerCommit) continue;
    co_await io::or_return(delete_rows(std::exchange(keys, {})));
  }
  co_await io::or_return(delete_rows(std::move(keys)));
  co_return true;
}

io::Task<Result<bool>> SharedDirectory::condemn(ChunkId id, RandomId generation) {
  const std::string key = rows_.chunk(id);
  const std::optional<catalog::Entry> entry = co_await io::or_return(catalog_.get(key));
  if (entry) {
    const DirectoryRow row = co_await io::or_return(parse_directory_row(entry->value));
    if (row.generation == generation) co_return false;
  }
  catalog::Batch batch;
  batch.preconditions = {Precondition::unchanged(key, entry)};
  batch.puts = {{rows_.trash(generation), encode_trash_value(id)}};
  Result<bool> done = co_await commit(std::move(batch));
  co_return done;
}

io::Task<Result<bool>> SharedDirectory::is_trash(RandomId generation) {
  const std::optional<catalog::Entry> entry =
      co_await io::or_return(catalog_.get(rows_.trash(generation)));
  co_return entry.has_value();
}

io::Task<Result<std::vector<storage::TrashEntry>>> SharedDirectory::trash(
    std::optional<RandomId> after, size_t limit) {
  std::string behind = after ? rows_.trash(*after) : std::string();
  const catalog::ScanPage page = co_await io::or_return(
      catalog_.scan(scan_after(rows_.all_trash(), std::move(behind), limit, false)));
  std::vector<storage::TrashEntry> out;
  for (const catalog::Entry& entry : page.entries) {
    const std::optional<RandomId> generation = rows_.parse_trash(entry.key);
    if (!generation) co_return fail(Code::kCorruption, "the catalog has a damaged key of trash");
    const ChunkId id = co_await io::or_return(parse_trash_value(entry.value));
    out.push_back({id, *generation});
  }
  co_return out;
}

io::Task<Status> SharedDirectory::forget(std::vector<RandomId> generations) {
  std::vector<std::string> keys;
  for (const RandomId& generation : generations) {
    keys.push_back(rows_.trash(generation));
    if (keys.size() < kRowsPerCommit) continue;
    co_await io::or_return(delete_rows(std::exchange(keys, {})));
  }
  co_return co_await delete_rows(std::move(keys));
}

io::Task<Result<storage::SessionReport>> SharedDirectory::keep_session() {
  const std::set<ChunkSession> living = co_await io::or_return(session_->keep());
  storage::SessionReport report;
  report.leads = !living.empty() && *living.begin() == session_->id();
  report.abandoned = co_await io::or_return(clear_abandoned(living));
  co_return report;
}

// Holds stand for moments, so there are few. A session that began after `living` was read is not
// among them; its holds demand its row, which is asked for before they are cleared.
io::Task<Result<std::vector<ChunkId>>> SharedDirectory::clear_abandoned(
    std::set<ChunkSession> living) {
  std::vector<ChunkId> abandoned;
  std::string after;
  while (true) {
    catalog::ScanPage page = co_await io::or_return(
        catalog_.scan(scan_after(rows_.all_holds(), after, kHoldsPage, true)));
    if (page.entries.empty()) co_return abandoned;
    after = page.entries.back().key;
    std::vector<catalog::Entry> dead;
    for (catalog::Entry& entry : page.entries) {
      const std::optional<ChunkRows::Hold> hold = rows_.parse_hold(entry.key);
      if (!hold || living.contains(hold->session)) continue;
      abandoned.push_back(hold->id);
      dead.push_back(std::move(entry));
    }
    (void)co_await io::or_return(clear_dead_holds(std::move(dead)));
  }
}

io::Task<void> SharedDirectory::end_session() {
  return session_->end();
}

}  // namespace cairn::object
