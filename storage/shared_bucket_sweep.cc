// Compares the bucket with the directory, both in order of ids: objects that nothing knows, and
// chunks that have no object.
#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "base/log.h"
#include "storage/shared_bucket_state.h"

namespace cairn::storage {
namespace {

constexpr size_t kOrphansMax = 1'000'000;  // Of one sweep; the next finds the others.
constexpr size_t kDirectoryPage = 1000;

// The directory, row by row.
class Rows {
 public:
  explicit Rows(ChunkDirectory& directory) : directory_(directory) {}
  // Null at the end.
  io::Task<Result<const DirectoryEntry*>> peek() {
    if (next_ == page_.size() && !at_end_) {
      page_ = co_await io::or_return(directory_.list(after_, kDirectoryPage));
      next_ = 0;
      at_end_ = page_.empty();
      if (!at_end_) after_ = page_.back().id;
    }
    co_return at_end_ ? nullptr : &page_[next_];
  }
  void advance() { ++next_; }

 private:
  ChunkDirectory& directory_;
  std::vector<DirectoryEntry> page_;
  size_t next_ = 0;
  std::optional<ChunkId> after_;
  bool at_end_ = false;
};

struct Orphan {
  TrashEntry object;
  uint64_t size_bytes = 0;
};

// One sweep.
class Sweep {
 public:
  Sweep(ChunkDirectory& directory, Upstream& upstream, SweepRules rules, WallTime now,
        const std::set<RandomId>& suspects)
      : directory_(directory),
        upstream_(upstream),
        rules_(rules),
        now_(now),
        suspects_(suspects),
        rows_(directory) {}

  io::Task<Status> run();
  SweepReport report;
  std::vector<Orphan> orphans;
  std::set<RandomId> unknown;

 private:
  io::Task<Status> visit(const transfer::ObjectEntry& object);
  io::Task<Status> pass_rows(const ChunkId* until);
  io::Task<Status> check_row(DirectoryEntry entry);
  io::Task<Result<bool>> is_known(TrashEntry object);

  ChunkDirectory& directory_;
  Upstream& upstream_;
  const SweepRules rules_;
  const WallTime now_;
  const std::set<RandomId>& suspects_;
  Rows rows_;
  std::set<RandomId> seen_;  // Generations of the chunk that the listing is at.
  ChunkId at_;
};

io::Task<Status> Sweep::run() {
  std::string token;
  const Instant begun = io::Reactor::current().now();
  do {
    const transfer::ListPage page =
        co_await io::or_return(upstream_.list(std::move(token), kChunkObjects));
    for (const transfer::ObjectEntry& object : page.objects) {
      co_await io::or_return(visit(object));
    }
    token = page.next_token;
    const double due_s = static_cast<double>(report.objects_count) / rules_.objects_per_second_max;
    const Instant due = begun + milliseconds(static_cast<int64_t>(due_s * 1000));
    const Instant now = io::Reactor::current().now();
    if (due > now) (void)co_await io::sleep_for(due - now);
  } while (!token.empty() && orphans.size() < kOrphansMax);
  if (token.empty()) co_await io::or_return(pass_rows(nullptr));
  co_return Status{};
}

io::Task<Status> Sweep::visit(const transfer::ObjectEntry& object) {
  ++report.objects_count;
  const std::optional<TrashEntry> named = parse_chunk_object_name(object.key);
  if (!named) {
    ++report.strangers_count;
    co_return Status{};
  }
  if (named->id != at_ || seen_.empty()) {
    co_await io::or_return(pass_rows(&named->id));
    at_ = named->id;
    seen_.clear();
  }
  seen_.insert(named->generation);
  const DirectoryEntry* const row = co_await io::or_return(rows_.peek());
  if (row != nullptr && row->id == named->id && row->row.generation == named->generation) {
    co_return Status{};
  }
  const bool known = co_await io::or_return(is_known(*named));
  if (known) co_return Status{};
  unknown.insert(named->generation);
  const int64_t age_ms = now_.unix_ms - object.modified.unix_ms;
  const bool is_old = age_ms * 1'000'000 >= rules_.age_min.nanoseconds;
  if (!is_old || !suspects_.contains(named->generation)) {
    ++report.young_count;
    co_return Status{};
  }
  ++report.orphans_count;
  report.orphan_bytes += object.size_bytes;
  orphans.push_back({*named, object.size_bytes});
  co_return Status{};
}

// The listing may be older than a row, and the page of rows older than the listing.
io::Task<Result<bool>> Sweep::is_known(TrashEntry object) {
  const std::optional<DirectoryRow> row =
      co_await io::or_return(directory_.find(object.id, Freshness::kNow));
  if (row && row->generation == object.generation) co_return true;
  Result<bool> trash = co_await directory_.is_trash(object.generation);
  co_return trash;
}

// Rows of chunks before `until`, and of the one that the listing has just left.
io::Task<Status> Sweep::pass_rows(const ChunkId* until) {
  const std::optional<ChunkId> limit = until != nullptr ? std::optional(*until) : std::nullopt;
  while (true) {
    const DirectoryEntry* const row = co_await io::or_return(rows_.peek());
    if (row == nullptr || (limit && !(row->id < *limit))) co_return Status{};
    const bool has_object = row->id == at_ && seen_.contains(row->row.generation);
    DirectoryEntry entry = *row;
    rows_.advance();
    if (!has_object) co_await io::or_return(check_row(std::move(entry)));
  }
}

// What a listing leaves out may be there all the same.
io::Task<Status> Sweep::check_row(DirectoryEntry entry) {
  const bool exists =
      co_await io::or_return(upstream_.exists(chunk_object_name(entry.id, entry.row.generation)));
  if (exists) co_return Status{};
  const std::optional<DirectoryRow> now =
      co_await io::or_return(directory_.find(entry.id, Freshness::kNow));
  if (!now || now->generation != entry.row.generation) co_return Status{};
  ++report.dangling_count;
  if (report.dangling.size() < SharedBucketStore::kDanglingToldMax) {
    report.dangling.push_back(entry.id);
  }
  log::error("storage.chunk_lost",
             {{"chunk", std::string_view(to_hex(entry.id.bytes))},
              {"generation", std::string_view(to_hex(entry.row.generation))}});
  co_return Status{};
}

}  // namespace

io::Task<Result<SweepReport>> SharedBucketStore::State::sweep(SweepRules rules) {
  const io::MutexGuard turn = co_await sweeping.lock();
  Upstream& upstream = *background_upstream;
  const WallTime now = co_await io::or_return(upstream.read_clock(kClockName));
  Sweep pass(directory, upstream, rules, now, suspects);
  co_await io::or_return(pass.run());
  suspects = std::move(pass.unknown);
  SweepReport report = std::move(pass.report);
  StoreCounters::add(counters.packs_lost, report.dangling_count);
  const double allowed = rules.share_max * static_cast<double>(report.objects_count);
  if (!rules.dry_run && report.orphans_count > kSweepFreeObjects &&
      static_cast<double>(report.orphans_count) > allowed) {
    co_return fail(Code::kFailedPrecondition,
                   std::to_string(report.orphans_count) + " of " +
                       std::to_string(report.objects_count) +
                       " objects in the bucket are unknown to the catalog, more than may go at "
                       "once: make sure that the catalog is the right one, then allow a larger "
                       "share");
  }
  if (rules.dry_run) co_return report;
  for (const Orphan& orphan : pass.orphans) {
    const TrashEntry object = orphan.object;
    const bool condemned = co_await io::or_return(directory.condemn(object.id, object.generation));
    if (!condemned) continue;
    ++report.condemned_count;
    delete_later(object.id, object.generation, true);
  }
  co_return report;
}

// By the node that leads. The first sweep of a start only notes what it does not know.
io::Task<void> SharedBucketStore::State::sweep_regularly() {
  const io::StopToken stop = background.stop_token();
  while (!stop.stop_requested()) {
    (void)co_await io::sleep_for(options.sweep_interval, stop);
    if (stop.stop_requested() || !leads) continue;
    const Result<SweepReport> done = co_await sweep({.dry_run = false});
    if (!done) {
      log::error("storage.sweep_failed", {{"message", std::string_view(done.error().message)}});
    } else if (done->condemned_count + done->dangling_count > 0) {
      log::warning("storage.sweep_found", {{"orphans", done->condemned_count},
                                           {"orphan_bytes", done->orphan_bytes},
                                           {"lost_chunks", done->dangling_count}});
    }
  }
}

}  // namespace cairn::storage
