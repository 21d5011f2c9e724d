// Chunks of a migration: copying them, and the comparison at its end.
#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "object/keys.h"
#include "object/references.h"
#include "server/migration.h"
#include "storage/whole_reader.h"

namespace cairn::server {
namespace {

constexpr size_t kCopiesAtOnce = 8;  // 8 MiB each at the most.
constexpr size_t kSamples = 256;
constexpr size_t kPageEntries = 1000;
constexpr int kTriesOfAChunk = 3;

// Rows in order, page by page.
class RowReader {
 public:
  RowReader(catalog::Catalog& catalog, const catalog::Snapshot* snapshot)
      : catalog_(catalog), snapshot_(snapshot) {}

  // nullopt behind the last.
  io::Task<Result<std::optional<catalog::Entry>>> next() {
    for (;;) {
      while (at_ < page_.entries.size()) {
        catalog::Entry& entry = page_.entries[at_++];
        if (!stays_behind(entry.key)) co_return std::optional(std::move(entry));
      }
      if (!page_.more) co_return std::optional<catalog::Entry>();
      catalog::ScanRequest request{.begin = begin_, .limit_entries = kPageEntries};
      page_ = co_await io::or_return(catalog_.scan(std::move(request), snapshot_));
      at_ = 0;
      if (page_.entries.empty()) page_.more = false;
      if (!page_.entries.empty()) begin_ = page_.entries.back().key + '\0';
    }
  }

 private:
  catalog::Catalog& catalog_;
  const catalog::Snapshot* const snapshot_;
  catalog::ScanPage page_{.entries = {}, .more = true};
  size_t at_ = 0;
  std::string begin_;
};

}  // namespace

io::Task<Status> Migration::copy_chunks(std::vector<storage::ChunkId> ids) {
  Status outcome;
  size_t next = 0;
  io::Scope copies;
  for (size_t i = 0; i < std::min(kCopiesAtOnce, ids.size()); ++i) {
    copies.spawn(copy_some(ids, next, outcome));
  }
  co_await copies.join();
  co_return outcome;
}

io::Task<void> Migration::copy_some(std::vector<storage::ChunkId>& ids, size_t& next,
                                    Status& outcome) {
  while (outcome && next < ids.size()) {
    const Status copied = co_await copy_chunk(ids[next++]);
    if (!copied && outcome) outcome = copied;
  }
}

// Leaves the chunk held in the target. One that nobody refers to any more need not be there: a
// later change takes the row away that led here.
io::Task<Status> Migration::copy_chunk(storage::ChunkId id) {
  for (int tries = 0;; ++tries) {
    const bool is_there = co_await io::or_return(ends_.chunks_to.link(id, owner_));
    if (is_there) {
      ++progress_.chunks_present;
      co_return Status();
    }
    Result<storage::SealedChunk> chunk = co_await storage::read_verified(ends_.chunks_from, id);
    if (chunk) {
      const uint64_t bytes = chunk->header.size() + chunk->payload.size();
      co_await io::or_return(ends_.chunks_to.put(id, std::move(*chunk), owner_));
      ++progress_.chunks_copied;
      progress_.chunk_bytes += bytes;
      co_return Status();
    }
    if (chunk.error().code != Code::kNotFound) {
      co_return std::unexpected(chunk.error().with_context("chunk " + to_hex(id.bytes)));
    }
    object::CatalogReferences references(ends_.from);
    const bool is_needed = co_await io::or_return(references.is_referenced(id));
    if (!is_needed) co_return Status();
    if (tries == kTriesOfAChunk) {
      co_return fail(Code::kCorruption,
                     "chunk " + to_hex(id.bytes) +
                         " is missing here: `cairn admin scrub` names the objects that need it");
    }
  }
}

io::Task<Status> Migration::check() {
  progress_.phase = MigrationProgress::Phase::kFollowing;
  const std::shared_ptr<const catalog::Snapshot> snapshot =
      co_await io::or_return(ends_.from.snapshot());
  co_await io::or_return(follow(snapshot->version()));
  if (!state_.compared) co_return Status();
  progress_.phase = MigrationProgress::Phase::kChecking;
  std::vector<storage::ChunkId> samples;
  const Status rows = co_await check_rows(*snapshot, samples);
  if (!rows) {
    // Whoever starts it again mends what differs.
    if (rows.error().code == Code::kCorruption) co_await io::or_return(restart_pass());
    co_return rows;
  }
  for (const storage::ChunkId& id : samples) co_await io::or_return(check_chunk(id));
  checked_ = true;
  co_return Status();
}

// Every row is as it was at the snapshot, which is where the target stands now.
io::Task<Status> Migration::check_rows(const catalog::Snapshot& snapshot,
                                       std::vector<storage::ChunkId>& samples) {
  RowReader here(ends_.from, &snapshot);
  RowReader there(ends_.to, nullptr);
  progress_.rows_checked = 0;
  uint64_t edges = 0;
  for (;;) {
    const std::optional<catalog::Entry> ours = co_await io::or_return(here.next());
    const std::optional<catalog::Entry> theirs = co_await io::or_return(there.next());
    if (!ours && !theirs) co_return Status();
    if (!ours || !theirs || ours->key != theirs->key || ours->value != theirs->value) {
      co_return fail(Code::kCorruption, "the copy differs from row " +
                                            std::to_string(progress_.rows_checked) +
                                            " on: did somebody else write to the target?");
    }
    ++progress_.rows_checked;
    const std::optional<storage::ChunkId> chunk =
        ours->key.starts_with("r/") ? object::keys::parse_edge_chunk(ours->key) : std::nullopt;
    if (!chunk) continue;
    // Each edge is as likely to be among the samples as any other.
    if (samples.size() < kSamples) {
      samples.push_back(*chunk);
    } else if (const uint64_t place = random_.below(edges + 1); place < kSamples) {
      samples[place] = *chunk;
    }
    ++edges;
  }
}

io::Task<Status> Migration::check_chunk(storage::ChunkId id) {
  Result<storage::SealedChunk> ours = co_await storage::read_verified(ends_.chunks_from, id);
  if (!ours && ours.error().code == Code::kNotFound) co_return Status();  // Removed since.
  if (!ours) co_return std::unexpected(ours.error());
  const std::string name = "chunk " + to_hex(id.bytes);
  Result<storage::SealedChunk> theirs = co_await storage::read_verified(ends_.chunks_to, id);
  if (!theirs) co_return std::unexpected(theirs.error().with_context(name + " in the new home"));
  // One that was dropped here and stored again is sealed anew; its header says so.
  const bool is_same = !std::ranges::equal(ours->header, theirs->header) ||
                       std::ranges::equal(ours->payload.view(), theirs->payload.view());
  if (!is_same) co_return fail(Code::kCorruption, name + " differs in the new home");
  ++progress_.chunks_checked;
  co_return Status();
}

}  // namespace cairn::server
