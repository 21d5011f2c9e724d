#include "server/migration.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "object/keys.h"
#include "object/references.h"

namespace cairn::server {
namespace {

using Phase = MigrationProgress::Phase;

constexpr size_t kPageEntries = 1000;
constexpr size_t kPageBytes = 1 * MiB;
constexpr size_t kChangesAtOnce = 256;
// Well below what etcd takes in a transaction by default: 128 operations, 1.5 MiB.
constexpr size_t kRowsPerCommit = 100;
constexpr size_t kBytesPerCommit = 1 * MiB;
constexpr Duration kFollowPause = milliseconds(100);

storage::OwnerId make_owner(Random& random) {
  storage::OwnerId owner;
  random.fill(owner.bytes);
  return owner;
}

// Rows [begin, end) of a catalog that stay_behind() does not keep; `end` empty: to the last.
io::Task<Result<std::map<std::string, std::string>>> read_range(catalog::Catalog& catalog,
                                                                std::string begin,
                                                                std::string end) {
  std::map<std::string, std::string> rows;
  for (bool more = true; more;) {
    catalog::ScanRequest request{
        .begin = begin, .end = end, .limit_entries = kPageEntries, .limit_bytes = kPageBytes};
    catalog::ScanPage page = co_await io::or_return(catalog.scan(std::move(request)));
    more = page.more && !page.entries.empty();
    if (more) begin = page.entries.back().key + '\0';
    for (catalog::Entry& entry : page.entries) {
      if (!stays_behind(entry.key)) rows.emplace(std::move(entry.key), std::move(entry.value));
    }
  }
  co_return rows;
}

}  // namespace

// The audit log stays with its directory, and so does its anchor; the others are of the target: the
// servers' own, this migration's, and the index of a bucket that they share (object/chunk_rows.h).
bool stays_behind(std::string_view row) {
  static constexpr std::string_view kKept[] = {"a/",  "etcd/", "migrate/", "sc/",
                                               "sh/", "ss/",   "sf/",      "st/"};
  return std::ranges::any_of(kKept, [row](std::string_view kind) { return row.starts_with(kind); });
}

Migration::Migration(const MigrationEnds& ends, Random& random)
    : ends_(ends), random_(random), owner_(make_owner(random)) {}

io::Task<Status> Migration::begin() {
  const std::optional<catalog::Entry> info =
      co_await io::or_return(ends_.from.get(object::keys::store_info()));
  if (!info) co_return fail(Code::kFailedPrecondition, "this server has no data yet");
  const std::string source = to_hex(crypto::sha256(as_bytes(info->value)));
  const std::optional<catalog::Entry> row =
      co_await io::or_return(ends_.to.get(std::string(kMigrationRow)));
  if (row) {
    state_ = co_await io::or_return(parse_migration_state(row->value));
    if (state_.source != source) {
      co_return fail(Code::kFailedPrecondition,
                     "another server's data is being copied into that catalog");
    }
    if (state_.done && !ends_.from.is_shut()) {
      co_return fail(Code::kFailedPrecondition,
                     "this server's data was copied into that catalog before, and both may have "
                     "changed since: give another prefix and home");
    }
    if (state_.done) progress_.phase = Phase::kDone;
    co_return Status();
  }
  const std::map<std::string, std::string> rows =
      co_await io::or_return(read_range(ends_.to, "", ""));
  if (!rows.empty()) {
    co_return fail(Code::kFailedPrecondition,
                   "that catalog holds data already: give another prefix");
  }
  const std::shared_ptr<const catalog::Snapshot> now =
      co_await io::or_return(ends_.from.snapshot());
  state_ = MigrationState();
  state_.source = source;
  state_.version = now->version();
  co_return co_await apply({}, state_);
}

void Migration::finish(std::function<Status()> before_done) {
  before_done_ = std::move(before_done);
}

io::Task<Status> Migration::run(io::StopToken stop) {
  while (!stop.stop_requested() && !state_.done) {
    if (!state_.compared) {
      progress_.phase = Phase::kComparing;
      co_await io::or_return(compare_page());
      co_await io::or_return(follow());
      continue;
    }
    if (!checked_) {
      co_await io::or_return(follow());
      if (!state_.compared) continue;  // The history was lost: a new pass.
      co_await io::or_return(check());
      continue;
    }
    co_await io::or_return(follow());
    if (!state_.compared) continue;
    progress_.phase = Phase::kReady;
    if (before_done_) {
      co_await io::or_return(switch_over());
      continue;
    }
    static_cast<void>(co_await io::sleep_for(kFollowPause, stop));
  }
  co_return Status();
}

io::Task<Status> Migration::compare_page() {
  if (state_.cursor.empty()) ++progress_.passes;
  catalog::ScanRequest request{
      .begin = state_.cursor, .limit_entries = kPageEntries, .limit_bytes = kPageBytes};
  catalog::ScanPage page = co_await io::or_return(ends_.from.scan(std::move(request)));
  MigrationState after = state_;
  after.compared = !page.more || page.entries.empty();
  after.cursor = after.compared ? "" : page.entries.back().key + '\0';
  std::map<std::string, std::string> there =
      co_await io::or_return(read_range(ends_.to, state_.cursor, after.cursor));
  progress_.rows_seen += page.entries.size();
  Changes changes;
  for (catalog::Entry& entry : page.entries) {
    if (stays_behind(entry.key)) continue;
    const auto at = there.find(entry.key);
    const bool is_equal = at != there.end() && at->second == entry.value;
    if (at != there.end()) there.erase(at);
    if (!is_equal) changes.rows.emplace(std::move(entry.key), std::move(entry.value));
  }
  for (const auto& [key, value] : there) changes.rows.emplace(key, std::nullopt);
  co_return co_await apply(std::move(changes), std::move(after));
}

// The changes that the source has made since: all of them up to that version where one is given,
// else until few are left. A writer who is quick makes one while one is applied, so there may be no
// moment without any.
io::Task<Status> Migration::follow(std::optional<catalog::Version> up_to) {
  for (bool more = true; more;) {
    more = co_await io::or_return(follow_page(up_to));
  }
  co_return co_await note_distance();
}

io::Task<Result<bool>> Migration::follow_page(std::optional<catalog::Version> up_to) {
  if (up_to && state_.version >= *up_to) co_return false;
  Result<std::vector<catalog::Change>> tail =
      co_await ends_.from.tail(state_.version, kChangesAtOnce);
  if (!tail && tail.error().code == Code::kOutOfRange) {
    co_await io::or_return(restart_pass());
    co_return false;
  }
  if (!tail) co_return std::unexpected(tail.error());
  if (tail->empty()) co_return false;
  Changes changes;
  MigrationState after = state_;
  bool more = up_to || tail->size() == kChangesAtOnce;
  for (catalog::Change& change : *tail) {
    if (up_to && change.version > *up_to) {
      more = false;
      break;
    }
    after.version = change.version;
    for (catalog::Put& put : change.puts) {
      if (!stays_behind(put.key)) changes.rows[put.key] = std::move(put.value);
    }
    for (const std::string& key : change.deletes) {
      if (!stays_behind(key)) changes.rows[key] = std::nullopt;
    }
  }
  if (up_to && !more) after.version = *up_to;
  co_await io::or_return(apply(std::move(changes), std::move(after)));
  co_return more;
}

io::Task<Status> Migration::restart_pass() {
  log::warning("migration-compares-anew", {{"version", state_.version}});
  const std::shared_ptr<const catalog::Snapshot> now =
      co_await io::or_return(ends_.from.snapshot());
  MigrationState after = state_;
  after.version = now->version();
  after.cursor.clear();
  after.compared = false;
  checked_ = false;
  co_return co_await apply({}, std::move(after));
}

// Writes rows, chunks before what refers to them, and in the last commit where the migration is.
io::Task<Status> Migration::apply(Changes changes, MigrationState after) {
  std::vector<storage::ChunkId> chunks;
  for (const auto& [key, value] : changes.rows) {
    if (!value || !key.starts_with("r/")) continue;
    const std::optional<storage::ChunkId> chunk = object::keys::parse_edge_chunk(key);
    if (chunk && (chunks.empty() || chunks.back() != *chunk)) chunks.push_back(*chunk);
  }
  const Status copied = co_await copy_chunks(chunks);
  Status written = copied;
  catalog::Batch batch;
  size_t bytes = 0;
  auto at = changes.rows.begin();
  while (written) {
    const bool is_last = at == changes.rows.end();
    const size_t rows = batch.puts.size() + batch.deletes.size();
    if (is_last || rows == kRowsPerCommit || bytes >= kBytesPerCommit) {
      if (is_last) {
        batch.puts.push_back({std::string(kMigrationRow), encode_migration_state(after)});
      }
      const Result<catalog::Version> committed =
          co_await ends_.to.commit(std::exchange(batch, catalog::Batch{}));
      bytes = 0;
      if (!committed) written = std::unexpected(committed.error());
      if (is_last) break;
      continue;
    }
    bytes += at->first.size() + (at->second ? at->second->size() : 0);
    if (at->second) {
      batch.puts.push_back({at->first, std::move(*at->second)});
    } else {
      batch.deletes.push_back(at->first);
    }
    ++at;
  }
  co_await ends_.chunks_to.release(owner_, std::move(chunks));
  if (!written) co_return written;
  progress_.rows_written += changes.rows.size();
  state_ = std::move(after);
  co_return Status();
}

io::Task<Status> Migration::note_distance() {
  const std::shared_ptr<const catalog::Snapshot> now =
      co_await io::or_return(ends_.from.snapshot());
  progress_.changes_behind = now->version() - std::min(now->version(), state_.version);
  co_return Status();
}

// REQUIRES: nobody commits to the source any more.
io::Task<Status> Migration::follow_all() {
  const std::shared_ptr<const catalog::Snapshot> last =
      co_await io::or_return(ends_.from.snapshot());
  co_return co_await follow(last->version());
}

io::Task<Status> Migration::switch_over() {
  progress_.phase = Phase::kSwitching;
  const Instant began = io::Reactor::current().now();
  co_await ends_.from.shut();
  Status status = co_await follow_all();
  if (status && state_.compared) status = before_done_();
  if (!status || !state_.compared) {
    ends_.from.open();
    co_return status;
  }
  // From here on the target may be whole, also when the answer is lost: the source stays shut.
  MigrationState after = state_;
  after.done = true;
  status = co_await apply({}, std::move(after));
  if (!status) co_return status;
  progress_.paused = io::Reactor::current().now() - began;
  progress_.phase = Phase::kDone;
  log::info("migration-done", {{"rows", progress_.rows_checked},
                               {"paused_ms", uint64_t(progress_.paused.nanoseconds / 1'000'000)}});
  co_return Status();
}

io::Task<Status> refuse_while_migrating(catalog::Catalog& catalog) {
  const std::optional<catalog::Entry> row =
      co_await io::or_return(catalog.get(std::string(kMigrationRow)));
  if (!row) co_return Status();
  const MigrationState state = co_await io::or_return(parse_migration_state(row->value));
  if (state.done) co_return Status();
  co_return fail(Code::kUnavailable,
                 "a server's data is being copied into this catalog (cairn admin migrate): start "
                 "this node when that is done");
}

}  // namespace cairn::server
