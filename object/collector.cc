#include "object/collector.h"

#include <algorithm>

#include "base/log.h"
#include "cache/ram_tier.h"
#include "catalog/commit_apart.h"
#include "io/scope.h"
#include "io/sync.h"
#include "object/body_index.h"
#include "object/keys.h"
#include "object/references.h"
#include "object/rename.h"
#include "object/rows.h"
#include "object/signed_row.h"

namespace cairn::object {

io::Task<Result<bool>> Collector::pass() {
  const KeyLocks::Guard guard = co_await context_.locks.lock("collector");
  const Instant now = io::Reactor::current().now();
  if (now - stuck_since_ >= kTryAgainEvery) {
    stuck_since_ = now;
    stuck_.clear();
  }
  const bool collected =
      co_await io::or_return(context_.catalog.is_shared() ? collect_old() : collect_queue());
  const bool swept = co_await io::or_return(sweep_orphans());
  const bool unhooked = co_await io::or_return(sweep_hooks());
  const bool forgotten = co_await io::or_return(forget_completed());
  const ForgottenTokens tokens =
      co_await io::or_return(forget_rename_tokens(context_, tokens_after_));
  tokens_after_ = tokens.after;
  const bool rewritten = co_await io::or_return(rewriter_.pass());
  co_return collected || swept || unhooked || forgotten || tokens.any || rewritten;
}

namespace {

catalog::ScanRequest queue_scan(const std::set<std::string>& stuck) {
  catalog::ScanRequest request;
  request.begin = keys::all_garbage();
  request.end = catalog::prefix_end(request.begin);
  request.limit_entries = kGarbageRowsPerPass + stuck.size();
  return request;
}

}  // namespace

// Takes note of what is in the queue now; false when there is nothing.
io::Task<Result<bool>> Collector::list_queue() {
  catalog::ScanRequest request = queue_scan(stuck_);
  request.keys_only = true;
  const std::shared_ptr<const catalog::Snapshot> view =
      co_await io::or_return(context_.catalog.snapshot());
  const catalog::ScanPage page =
      co_await io::or_return(context_.catalog.scan(std::move(request), view.get()));
  if (page.entries.size() <= stuck_.size()) co_return false;
  // The rows were read first, so a reader of a later epoch cannot have seen their objects.
  listed_ = Listed{context_.epochs.end_epoch(), page.entries.back().key, view->version()};
  co_return true;
}

io::Task<Result<bool>> Collector::collect_queue() {
  if (!listed_) {
    const bool found = co_await io::or_return(list_queue());
    if (!found) co_return false;
  }
  const Instant now = io::Reactor::current().now();
  if (!ReadEpochs::is_over(listed_->epoch, now, context_.reader_cores())) co_return false;

  catalog::ScanRequest request = queue_scan(stuck_);
  request.end = listed_->last_key + '\0';
  catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(std::move(request)));
  const bool more = page.more;
  std::erase_if(page.entries,
                [this](const catalog::Entry& row) { return row.version > listed_->version; });
  const bool any = co_await io::or_return(collect_rows(std::move(page.entries)));
  // Without any the page was of rows that came later: they are listed anew.
  if (!more || !any) listed_.reset();
  co_return any || more;
}

io::Task<Status> Collector::note_queue(Instant now) {
  while (!noted_.empty() && now - noted_.front().at >= garbage_grace_) {
    old_since_ = noted_.front().version;
    noted_.pop_front();
  }
  const Duration distance{garbage_grace_.nanoseconds / kNotesPerGrace};
  if (!noted_.empty() && now - noted_.back().at < distance) co_return Status{};
  const std::shared_ptr<const catalog::Snapshot> view =
      co_await io::or_return(context_.catalog.snapshot());
  noted_.push_back({io::Reactor::current().now(), view->version()});
  co_return Status{};
}

io::Task<Result<bool>> Collector::collect_old() {
  co_await io::or_return(note_queue(io::Reactor::current().now()));
  if (old_since_ == 0) co_return false;
  const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(queue_scan(stuck_)));
  std::vector<catalog::Entry> old;
  for (const catalog::Entry& row : page.entries) {
    if (row.version <= old_since_) old.push_back(row);
  }
  const bool is_behind = page.more && old.size() == page.entries.size();
  const bool any = co_await io::or_return(collect_rows(std::move(old)));
  co_return any || is_behind;
}

io::Task<Result<bool>> Collector::collect_rows(std::vector<catalog::Entry> rows) {
  Holdings holdings;
  std::vector<std::string> row_keys;
  for (const catalog::Entry& row : rows) {
    if (stuck_.contains(row.key)) continue;
    const Result<Holdings> found = co_await holdings_of(row);
    if (!found) {
      const Code code = found.error().code;
      const bool is_damage = code == Code::kCorruption || code == Code::kIo;
      if (!is_damage) co_return std::unexpected(found.error());
      log::error("garbage_row_damaged", {{"error", std::string_view(found.error().message)}});
      stuck_.insert(row.key);
      continue;
    }
    holdings.references.insert(holdings.references.end(), found->references.begin(),
                               found->references.end());
    holdings.row_keys.insert(holdings.row_keys.end(), found->row_keys.begin(),
                             found->row_keys.end());
    row_keys.push_back(row.key);
    if (holdings.references.size() < kEdgesPerCommitMax) continue;
    co_await io::or_return(drop_holdings(std::exchange(holdings, {})));
    co_await io::or_return(drop_rows(std::exchange(row_keys, {})));
  }
  const bool any = !row_keys.empty() || !holdings.references.empty();
  co_await io::or_return(drop_holdings(std::move(holdings)));
  co_await io::or_return(drop_rows(std::move(row_keys)));
  co_return any;
}

// What the queued body refers to; the chunks of a stored manifest come last, because a repeat after
// a crash needs them.
io::Task<Result<Collector::Holdings>> Collector::holdings_of(const catalog::Entry& row) {
  const OpenedRow opened = co_await io::or_return(open_row(context_.keys, row.key, row.value));
  const Garbage garbage = co_await io::or_return(parse_garbage(opened.record));
  Body body = co_await io::or_return(parse_body(as_bytes(garbage.body)));
  Holdings out;
  if (body.kind != Body::Kind::kStoredManifest) {
    out.references = body.manifest.references();
    if (garbage.is_version) out.row_keys = body_rows_of(opened.tenant, body.manifest);
    co_return out;
  }
  std::vector<Reference> table = body.manifest.references();
  for (const auto& [chunk, owner] : table) {
    const std::optional<catalog::Entry> edge =
        co_await io::or_return(context_.catalog.get(keys::edge(chunk, owner)));
    // An earlier pass came this far: all edges are gone, and the sweep finds chunks that stayed.
    if (!edge) {
      out.references = std::move(table);
      co_return out;
    }
  }
  const Manifest manifest =
      co_await io::or_return(load_manifest(context_, opened.tenant, std::move(body)));
  out.references = manifest.references();
  out.references.insert(out.references.end(), table.begin(), table.end());
  if (garbage.is_version) out.row_keys = body_rows_of(opened.tenant, manifest);
  co_return out;
}

// The rows of the index go with the first edges.
io::Task<Status> Collector::drop_holdings(Holdings holdings) {
  const std::vector<Reference>& references = holdings.references;
  for (size_t begin = 0; begin < references.size(); begin += kEdgesPerCommitMax) {
    const size_t end = std::min(begin + kEdgesPerCommitMax, references.size());
    std::vector<Reference> some(references.begin() + static_cast<ptrdiff_t>(begin),
                                references.begin() + static_cast<ptrdiff_t>(end));
    catalog::Batch batch;
    batch.deletes = std::exchange(holdings.row_keys, {});
    for (const auto& [chunk, owner] : some) batch.deletes.push_back(keys::edge(chunk, owner));
    co_await io::or_return(catalog::commit_apart(context_.catalog, std::move(batch)));
    Dropped dropped = co_await io::or_return(drop_chunks(std::move(some)));
    // Before the row in the queue goes: after a crash both come again.
    co_await io::or_return(rewriter_.note(std::move(dropped.kept), std::move(dropped.gone)));
  }
  co_return Status{};
}

namespace {

io::Task<void> unlink_some(Context& context,
                           const std::vector<std::pair<ChunkId, OwnerId>>& references, size_t& next,
                           std::vector<ChunkId>& kept, std::vector<ChunkId>& gone, Status& status) {
  while (next < references.size() && status) {
    const auto [chunk, owner] = references[next++];
    const Result<bool> dropped = co_await context.store.unlink(chunk, owner);
    if (!dropped) {
      status = std::unexpected(dropped.error());
    } else {
      (*dropped ? gone : kept).push_back(chunk);
      if (*dropped && context.ram_tier != nullptr) context.ram_tier->erase_chunk(chunk);
    }
  }
}

}  // namespace

io::Task<Result<Collector::Dropped>> Collector::drop_chunks(std::vector<Reference> references) {
  Dropped out;
  size_t next = 0;
  Status status;
  io::Scope scope;
  for (size_t i = 0; i < std::min(kUnlinksInFlightMax, references.size()); ++i) {
    scope.spawn(unlink_some(context_, references, next, out.kept, out.gone, status));
  }
  co_await scope.join();
  hooks_due_count_ += out.gone.size() * kHooksSweptPerDrop;
  if (!status) {
    // Their edges are gone: only a sweep meets all of those that stayed.
    sweep_done_ = false;
    sweep_after_.reset();
    co_return std::unexpected(status.error());
  }
  co_return out;
}

io::Task<Status> Collector::drop_rows(std::vector<std::string> row_keys) {
  catalog::Batch batch;
  batch.deletes = std::move(row_keys);
  return catalog::commit_apart(context_.catalog, std::move(batch));
}

// Chunks that no edge names and nobody holds: left by a crash, or by a write that failed.
io::Task<Result<bool>> Collector::sweep_orphans() {
  const Instant now = io::Reactor::current().now();
  if (sweep_done_ && context_.catalog.is_shared() && now - swept_at_ >= kSweepEvery) {
    sweep_done_ = false;
    sweep_after_.reset();
  }
  if (sweep_done_) co_return false;
  const std::vector<storage::ChunkStat> chunks =
      co_await io::or_return(context_.store.list(sweep_after_, kSweepChunksPerPass));
  CatalogReferences edges(context_.catalog);
  std::vector<Reference> orphans;
  for (const storage::ChunkStat& chunk : chunks) {
    const bool referenced = co_await io::or_return(edges.is_referenced(chunk.id));
    if (!referenced) orphans.emplace_back(chunk.id, OwnerId{});
    sweep_after_ = chunk.id;
  }
  co_await io::or_return(drop_chunks(std::move(orphans)));
  sweep_done_ = chunks.size() < kSweepChunksPerPass;
  if (sweep_done_) swept_at_ = now;
  co_return !sweep_done_;
}

// Hooks of chunks that are gone. A stale one does no harm, so a few may wait for the next round.
io::Task<Result<bool>> Collector::sweep_hooks() {
  if (hooks_sweep_done_ && hooks_due_count_ == 0) co_return false;
  const size_t limit =
      hooks_sweep_done_ ? std::min(hooks_due_count_, kHooksSweptPerPass) : kHooksSweptPerPass;
  const bool at_end = co_await io::or_return(context_.segments.sweep(limit));
  if (at_end) {
    hooks_sweep_done_ = true;
    hooks_due_count_ = 0;
  } else {
    hooks_due_count_ -= std::min(hooks_due_count_, limit);
  }
  co_return !hooks_sweep_done_ || hooks_due_count_ > 0;
}

io::Task<Result<bool>> Collector::forget_completed() {
  catalog::ScanRequest request;
  request.begin = completed_after_.empty() ? keys::all_completed() : completed_after_ + '\0';
  request.end = catalog::prefix_end(keys::all_completed());
  request.limit_entries = kExpiredUploadsPerPass;
  const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(std::move(request)));
  const int64_t oldest_ms = context_.now().unix_ms - kCompletedUploadMemory.nanoseconds / 1'000'000;
  std::vector<std::string> expired;
  for (const catalog::Entry& row : page.entries) {
    const Result<OpenedRow> opened = open_row(context_.keys, row.key, row.value);
    if (!opened) continue;
    const Result<CompletedUpload> completed = parse_completed(opened->record);
    if (completed && completed->completed.unix_ms < oldest_ms) expired.push_back(row.key);
  }
  completed_after_ = page.more && !page.entries.empty() ? page.entries.back().key : std::string();
  const bool any = !expired.empty();
  co_await io::or_return(drop_rows(std::move(expired)));
  co_return any;
}

}  // namespace cairn::object
