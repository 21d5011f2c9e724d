#include "object/rewriter.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"
#include "catalog/commit_apart.h"
#include "io/reactor.h"
#include "object/keys.h"
#include "object/limits.h"
#include "object/version_move.h"

namespace cairn::object {
namespace {

constexpr size_t kMeasuredBytes = 8;

// What is dead is worth the copies of what is live.
bool is_worth_it(uint64_t chunk_bytes, uint64_t live_bytes) {
  return live_bytes < chunk_bytes && (chunk_bytes - live_bytes) * kRewriteDeadMin >= chunk_bytes;
}

}  // namespace

std::string encode_measured(const MeasuredChunk& measured) {
  std::string out(kMeasuredBytes, '\0');
  auto* at = reinterpret_cast<uint8_t*>(out.data());
  store_le(at, measured.chunk_bytes);
  store_le(at + sizeof(measured.chunk_bytes), measured.live_bytes);
  return out;
}

std::optional<MeasuredChunk> parse_measured(std::string_view value) {
  if (value.size() != kMeasuredBytes) return std::nullopt;
  MeasuredChunk out;
  out.chunk_bytes = load_le<uint32_t>(as_bytes(value).data());
  out.live_bytes = load_le<uint32_t>(as_bytes(value).data() + sizeof(out.chunk_bytes));
  if (out.live_bytes > out.chunk_bytes) return std::nullopt;
  return out;
}

io::Task<Status> Rewriter::note(std::vector<ChunkId> kept, std::vector<ChunkId> dropped) {
  catalog::Batch batch;
  for (const ChunkId& chunk : kept) batch.puts.push_back({keys::partly_dead(chunk), {}});
  // Without any rows there are none to drop.
  if (any_rows_) {
    for (const ChunkId& chunk : dropped) batch.deletes.push_back(keys::partly_dead(chunk));
  }
  if (batch.puts.empty() && batch.deletes.empty()) co_return Status{};
  if (!kept.empty()) any_rows_ = due_ = true;
  co_await io::or_return(catalog::commit_apart(context_.catalog, std::move(batch)));
  co_return Status{};
}

bool Rewriter::is_due() const {
  const Duration since = io::Reactor::current().now() - surveyed_;
  if (!due_) return any_rows_ && since >= kSurveyEvery;
  if (rows_count_ <= kSurveyRowsPerPass) return true;
  return since.nanoseconds >= static_cast<int64_t>(rows_count_) * kSurveyRestPerRow.nanoseconds;
}

io::Task<Result<bool>> Rewriter::pass() {
  if (!victims_.empty()) {
    co_await io::or_return(rewrite_some());
    co_return true;
  }
  if (!is_surveying_) {
    if (!is_due()) co_return false;
    due_ = false;
    is_surveying_ = true;
    after_.clear();
    seen_.clear();
    dead_bytes_ = 0;
    rows_count_ = 0;
  }
  co_return co_await survey();
}

// A chunk of which nothing is live waits for the collector only.
void Rewriter::count(const Victim& seen) {
  if (seen.live_bytes == 0 || spared_.contains(seen.chunk)) return;
  dead_bytes_ += seen.dead_bytes();
  if (!is_worth_it(seen.chunk_bytes, seen.live_bytes)) return;
  seen_.push_back(seen);
}

io::Task<Result<bool>> Rewriter::survey() {
  catalog::ScanRequest request;
  request.begin = after_.empty() ? keys::all_partly_dead() : after_ + '\0';
  request.end = catalog::prefix_end(keys::all_partly_dead());
  request.limit_entries = kSurveyRowsPerPass;
  const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(std::move(request)));
  std::vector<ChunkId> unmeasured;
  for (const catalog::Entry& row : page.entries) {
    const std::optional<ChunkId> chunk = keys::parse_partly_dead(row.key);
    if (!chunk) continue;
    const std::optional<MeasuredChunk> measured = parse_measured(row.value);
    if (measured) {
      count({*chunk, measured->chunk_bytes, measured->live_bytes});
    } else {
      unmeasured.push_back(*chunk);
    }
  }
  rows_count_ += page.entries.size();
  while (!unmeasured.empty()) {
    const std::optional<ChunkId> last = co_await io::or_return(measure(unmeasured));
    std::erase_if(unmeasured, [&](const ChunkId& chunk) { return !last || chunk <= *last; });
  }
  if (page.more && !page.entries.empty()) {
    after_ = page.entries.back().key;
    co_return true;
  }
  is_surveying_ = false;
  surveyed_ = io::Reactor::current().now();
  any_rows_ = rows_count_ > 0;
  co_await io::or_return(choose_victims());
  co_return !victims_.empty();
}

// Finds out what is live of some of `chunks`, ascending, and writes it down; the last of them.
io::Task<Result<std::optional<ChunkId>>> Rewriter::measure(std::vector<ChunkId> chunks) {
  const UseReport report = co_await io::or_return(find_use(context_, std::move(chunks)));
  catalog::Batch batch;
  std::optional<ChunkId> last;
  for (const auto& [chunk, use] : report.chunks) {
    last = chunk;
    if (!use.has_edges) {
      batch.deletes.push_back(keys::partly_dead(chunk));
      continue;
    }
    if (!use.is_known || use.chunk_bytes == 0) continue;
    const auto live_bytes = static_cast<uint32_t>(use.live_bytes());
    if (live_bytes == use.chunk_bytes) {
      batch.deletes.push_back(keys::partly_dead(chunk));
      continue;
    }
    count({chunk, use.chunk_bytes, live_bytes});
    batch.puts.push_back(
        {keys::partly_dead(chunk), encode_measured({use.chunk_bytes, live_bytes})});
  }
  if (batch.puts.empty() && batch.deletes.empty()) co_return last;
  co_await io::or_return(catalog::commit_apart(context_.catalog, std::move(batch)));
  co_return last;
}

io::Task<Status> Rewriter::choose_victims() {
  std::vector<Victim> seen = std::exchange(seen_, {});
  const storage::StoreUsage usage = co_await io::or_return(context_.store.usage());
  const uint64_t live_bytes = usage.live_bytes - std::min(dead_bytes_, usage.live_bytes);
  if (dead_bytes_ * kRewriteDeadStart <= live_bytes) co_return Status{};
  excess_bytes_ = static_cast<int64_t>(dead_bytes_ - live_bytes / kRewriteDeadEnd);
  // Most live share first, so that the next one is the last.
  std::ranges::sort(seen, [](const Victim& a, const Victim& b) {
    return uint64_t{a.live_bytes} * b.chunk_bytes > uint64_t{b.live_bytes} * a.chunk_bytes;
  });
  if (seen.size() > kRewriteVictimsMax) {
    seen.erase(seen.begin(), seen.end() - kRewriteVictimsMax);
    due_ = true;
  }
  victims_ = std::move(seen);
  co_return Status{};
}

std::vector<ChunkId> Rewriter::next_victims() {
  std::vector<ChunkId> out;
  uint64_t live_bytes = 0;
  while (!victims_.empty() && excess_bytes_ > 0 && out.size() < kRewriteChunksPerPass &&
         live_bytes < kRewriteBytesPerPass) {
    const Victim& victim = victims_.back();
    live_bytes += victim.live_bytes;
    excess_bytes_ -= victim.dead_bytes();
    out.push_back(victim.chunk);
    victims_.pop_back();
  }
  if (excess_bytes_ <= 0) victims_.clear();
  std::ranges::sort(out);
  return out;
}

io::Task<Status> Rewriter::rewrite_some() {
  std::vector<ChunkId> chunks = next_victims();
  UseReport report = co_await io::or_return(find_use(context_, std::move(chunks)));
  // A version may have chunks in several placements.
  std::map<std::pair<TenantId, storage::PlacementId>, Group> groups;
  for (auto& [chunk, use] : report.chunks) {
    if (!use.is_known || use.live.empty()) continue;
    if (is_worth_it(use.chunk_bytes, use.live_bytes())) {
      groups[{use.tenant, storage::placement_of(chunk)}].chunks.emplace(chunk, std::move(use));
    }
  }
  for (const VersionUse& version : report.versions) {
    for (auto& [whose, group] : groups) {
      if (whose.first == version.tenant) group.versions.push_back(version);
    }
  }
  for (auto& [whose, group] : groups) {
    co_await io::or_return(rewrite(whose.first, std::move(group)));
  }
  co_return Status{};
}

// What is damaged stays as it is, for a scrub to name; anything else is tried again in a later
// survey.
void Rewriter::give_up(const Group& group, const Error& error) {
  log::warning("chunks_not_rewritten", {{"chunks", uint64_t{group.chunks.size()}},
                                        {"error", std::string_view(error.message)}});
  if (error.code != Code::kCorruption && error.code != Code::kNotFound) {
    victims_.clear();
    return;
  }
  for (const auto& [chunk, use] : group.chunks) {
    if (spared_.size() < kRewriteSparedMax) spared_.insert(chunk);
  }
}

io::Task<Status> Rewriter::rewrite(TenantId tenant, Group group) {
  const OwnerId holder = context_.new_owner();
  MoveTable table;
  Outcome outcome;
  Status status =
      co_await move_segments(context_, tenant, holder, group.chunks, group.versions, table);
  if (status) {
    // New bodies shall find the copies.
    for (const auto& [chunk, use] : group.chunks) context_.segments.forget(tenant, chunk);
    status = co_await move_all(group, table, outcome);
  }
  const Status settled = co_await settle(holder, group, table, outcome);
  for (const NewChunk& chunk : table.new_chunks) {
    if (outcome.used.contains(chunk.id)) {
      context_.segments.remember(tenant, chunk.id, chunk.segments);
    }
  }
  if (!status) give_up(group, status.error());
  co_return settled;
}

io::Task<Status> Rewriter::move_all(const Group& group, const MoveTable& table, Outcome& outcome) {
  std::set<ChunkId> announced;
  for (const VersionUse& version : group.versions) {
    VersionUse where = version;
    const Result<VersionMove> moved =
        co_await move_version(context_, std::move(where), table, announced);
    outcome.used = announced;
    if (moved && moved->is_complete) continue;
    for (const Extent& extent : version.extents) {
      if (!table.is_old(extent.chunk)) continue;
      outcome.unsettled.insert(extent.chunk);
      const std::optional<std::vector<Extent>> pieces = table.moved(extent);
      if (!pieces) continue;
      for (const Extent& piece : *pieces) outcome.unsettled.insert(piece.chunk);
    }
    if (!moved) co_return std::unexpected(moved.error());
  }
  co_return Status{};
}

// Ends the holds and drops the rows of chunks that are done with.
io::Task<Status> Rewriter::settle(OwnerId holder, const Group& group, const MoveTable& table,
                                  const Outcome& outcome) {
  std::vector<ChunkId> used;
  catalog::Batch batch;
  for (const NewChunk& chunk : table.new_chunks) {
    if (!outcome.used.contains(chunk.id)) {
      // The store keeps it if a commit whose end is not known did come about.
      const Result<bool> dropped = co_await context_.store.unlink(chunk.id, holder);
      static_cast<void>(dropped);
      continue;
    }
    used.push_back(chunk.id);
    if (!outcome.unsettled.contains(chunk.id)) {
      batch.deletes.push_back(keys::partly_dead(chunk.id));
    }
  }
  co_await context_.store.release(holder, std::move(used));
  if (outcome.used.empty()) co_return Status{};
  for (const auto& [chunk, use] : group.chunks) {
    if (!outcome.unsettled.contains(chunk)) batch.deletes.push_back(keys::partly_dead(chunk));
  }
  if (batch.deletes.empty()) co_return Status{};
  co_await io::or_return(catalog::commit_apart(context_.catalog, std::move(batch)));
  co_return Status{};
}

}  // namespace cairn::object
