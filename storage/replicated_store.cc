#include "storage/replicated_store.h"

#include <algorithm>

#include "base/log.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "storage/index_turns.h"
#include "storage/replica_copier.h"
#include "storage/replica_read.h"
#include "storage/whole_reader.h"

namespace cairn::storage {
namespace {

io::Task<Status> put_at(NamedHome& home, ChunkId id, const SharedPayload& chunk, OwnerId owner) {
  Status done = fail(Code::kUnavailable, "the home is away");
  if (home.is_open.load()) done = co_await home.store.put(id, chunk.chunk(), owner);
  NamedHome::count(home.counters.puts_count);
  if (done) {
    home.health.on_success();
    co_return done;
  }
  NamedHome::count(home.counters.put_failures);
  const Error& error = done.error();
  if (is_home_failure(error.code) && home.health.on_failure(io::Reactor::current().now())) {
    log::warning("home-unavailable", {{"home", std::string_view(home.name)},
                                      {"message", std::string_view(error.message)}});
  }
  co_return std::unexpected(in_home(home, error));
}

io::Task<void> put_beside(NamedHome& home, ChunkId id, const SharedPayload& chunk, OwnerId owner,
                          Status& done) {
  done = co_await put_at(home, id, chunk, owner);
}

// What a failed put answers: what the caller did wrong as it is, anything else as a state of the
// homes that may pass.
Error refused_put(const Error& error) {
  if (error.code == Code::kInvalidArgument || error.code == Code::kNoSpace) return error;
  return {Code::kUnavailable, error.message};
}

// What all homes say of a chunk.
struct Verdict {
  HomeList damaged;
  HomeList missing;
  bool is_good = false;  // In one of them at least.
  std::optional<Error> damage;
  std::optional<Error> trouble;
  bool is_nowhere() const { return !is_good && !damage && !trouble; }
};

io::Task<Verdict> verify_everywhere(std::span<NamedHome* const> homes, ChunkId id) {
  Verdict verdict;
  for (NamedHome* home : homes) {
    Status verified = fail(Code::kUnavailable, "the home is away");
    if (home->is_open.load()) verified = co_await home->store.verify(id);
    verdict.is_good = verdict.is_good || verified.has_value();
    if (verified) continue;
    const Code code = verified.error().code;
    if (code == Code::kNotFound) {
      verdict.missing.push_back(home);
    } else if (code == Code::kCorruption) {
      verdict.damaged.push_back(home);
      NamedHome::count(home->counters.damaged_copies);
      if (!verdict.damage) verdict.damage = in_home(*home, verified.error());
    } else if (!verdict.trouble) {
      verdict.trouble = in_home(*home, verified.error());
    }
  }
  co_return verdict;
}

}  // namespace

Error in_home(const NamedHome& home, const Error& error) {
  return error.with_context("home " + home.name);
}

void ReplicatedStore::owe(NamedHome& home, const OwedCopy& copy) {
  if (!home.owed.note(copy)) context_.survey_due = true;
}

void ReplicatedStore::owe_to_all_but(const NamedHome& has_it, const OwedCopy& copy) {
  for (NamedHome* home : route_.wanted()) {
    if (home != &has_it) owe(*home, copy);
  }
}

io::Task<Status> ReplicatedStore::put(ChunkId id, SealedChunk chunk, OwnerId owner) {
  co_await io::or_return(check_chunk(chunk));
  const SharedPayload shared(std::move(chunk));
  if (NamedHome* const staging = route_.staging(); staging != nullptr) {
    const bool worth_asking = !staging->health.refuses(io::Reactor::current().now());
    Status staged = fail(Code::kUnavailable, "the staging home fails");
    if (worth_asking) staged = co_await put_at(*staging, id, shared, owner);
    if (staged) {
      if (!staging->outgoing.note({id, shared.size_bytes()})) context_.survey_due = true;
      co_return Status{};
    }
  }
  if (route_.acknowledge() == Acknowledge::kAll) {
    Status done = co_await put_all(id, shared, owner);
    co_return done;
  }
  Status done = co_await put_one(id, shared, owner);
  co_return done;
}

io::Task<Status> ReplicatedStore::put_all(ChunkId id, const SharedPayload& chunk, OwnerId owner) {
  const HomeList wanted = route_.wanted();
  std::vector<Status> results(wanted.size());
  io::Scope scope;
  for (size_t at = 0; at < wanted.size(); ++at) {
    scope.spawn(put_beside(*wanted.begin()[at], id, chunk, owner, results[at]));
  }
  co_await scope.join();
  const auto failed = std::ranges::find_if(results, [](const Status& done) { return !done; });
  if (failed == results.end()) co_return Status{};
  const Error error = refused_put(failed->error());
  // What the others took must not stay visible. A drop that fails leaves it to the next sweep.
  (void)co_await unlink(id, owner);
  co_return std::unexpected(error);
}

// Homes that refuse calls just now are tried after the others.
io::Task<Status> ReplicatedStore::put_one(ChunkId id, const SharedPayload& chunk, OwnerId owner) {
  const Instant now = io::Reactor::current().now();
  HomeList order;
  HomeList doubtful;
  for (NamedHome* home : route_.wanted()) {
    (home->health.refuses(now) ? doubtful : order).push_back(home);
  }
  for (NamedHome* home : doubtful) order.push_back(home);
  std::optional<Error> first;
  for (NamedHome* home : order) {
    const Status done = co_await put_at(*home, id, chunk, owner);
    if (done) {
      owe_to_all_but(*home, {id, chunk.size_bytes()});
      co_return Status{};
    }
    if (!first) first = refused_put(done.error());
    if (done.error().code == Code::kInvalidArgument) break;
  }
  co_return std::unexpected(*first);
}

io::Task<Result<bool>> ReplicatedStore::link(ChunkId id, OwnerId owner) {
  HomeList held;
  for (NamedHome* home : context_.homes) {
    if (!home->is_open.load()) continue;
    const Result<bool> linked = co_await home->store.link(id, owner);
    if (linked && *linked) held.push_back(home);
  }
  const HomeList wanted = route_.wanted();
  const bool everywhere =
      std::ranges::all_of(wanted, [&](const NamedHome* home) { return held.contains(home); });
  const bool staged = route_.staging() != nullptr && held.contains(route_.staging());
  if (everywhere || staged) co_return true;
  if (held.empty()) co_return false;
  if (route_.acknowledge() == Acknowledge::kAll) {
    // A put makes the copies that are missing, or says why it cannot.
    for (NamedHome* home : held) co_await home->store.release(owner, {id});
    co_return false;
  }
  for (NamedHome* home : wanted) {
    if (!held.contains(home)) owe(*home, {id});
  }
  co_return true;
}

io::Task<void> ReplicatedStore::release(OwnerId owner, std::vector<ChunkId> ids) {
  for (NamedHome* home : context_.homes) {
    if (home->is_open.load()) co_await home->store.release(owner, ids);
  }
}

io::Task<Result<bool>> ReplicatedStore::unlink(ChunkId id, OwnerId owner) {
  if (!context_.turns.begin_drop(id)) {
    co_await release(owner, {id});
    co_return false;
  }
  Result<bool> dropped = co_await unlink_everywhere(id, owner);
  context_.turns.end_drop(id);
  co_return dropped;
}

io::Task<Result<bool>> ReplicatedStore::unlink_everywhere(ChunkId id, OwnerId owner) {
  HomeList dropped;
  bool is_kept = false;
  for (NamedHome* home : context_.homes) {
    if (!home->is_open.load()) continue;
    if (is_kept && dropped.empty()) {
      co_await home->store.release(owner, {id});
      continue;
    }
    const Result<bool> answer = co_await home->store.unlink(id, owner);
    if (!answer) {
      if (dropped.empty()) co_return std::unexpected(in_home(*home, answer.error()));
      context_.survey_due = true;
      continue;
    }
    if (*answer) {
      dropped.push_back(home);
      continue;
    }
    const bool listed = co_await io::or_return(is_listed(home->store, id));
    is_kept = is_kept || listed;
  }
  if (!is_kept) co_return !dropped.empty();
  // Somebody held it in a later home while the first ones dropped theirs: it lives on.
  const HomeList wanted = route_.wanted();
  for (NamedHome* home : dropped) {
    if (wanted.contains(home)) owe(*home, {id});
  }
  co_return false;
}

io::Task<Result<SealedRead>> ReplicatedStore::read(ChunkId id, ByteRange range,
                                                   ReadOptions options) {
  return read_replica(*this, context_, id, range, options);
}

io::Task<Status> ReplicatedStore::verify(ChunkId id) {
  Verdict verdict = co_await verify_everywhere(context_.homes, id);
  // It may have moved behind our back: not there yet in one home, and no longer in the other.
  if (verdict.is_nowhere()) verdict = co_await verify_everywhere(context_.homes, id);
  if (!verdict.is_good) {
    if (verdict.trouble) co_return std::unexpected(*verdict.trouble);
    if (verdict.damage) co_return std::unexpected(*verdict.damage);
    co_return fail(Code::kNotFound, "chunk " + id.to_hex() + " is not stored");
  }
  for (NamedHome* home : verdict.damaged) {
    const CopyOutcome outcome = co_await copy_chunk(*this, context_, *home, {id, 0, true});
    if (outcome != CopyOutcome::kMade) owe(*home, {id, 0, true});
  }
  const bool is_staged = route_.staging() != nullptr && !verdict.missing.contains(route_.staging());
  for (NamedHome* home : route_.wanted()) {
    if (verdict.missing.contains(home) && !is_staged) owe(*home, {id});
  }
  co_return Status{};
}

io::Task<Result<std::vector<ChunkStat>>> ReplicatedStore::list(std::optional<ChunkId> after,
                                                               size_t limit) {
  return list_homes(context_.homes, after, limit);
}

io::Task<Result<StoreUsage>> ReplicatedStore::usage() {
  return usage_of_homes(context_.homes);
}

io::Task<Status> ReplicatedStore::close() {
  co_return Status{};
}

io::Task<Result<std::vector<ChunkStat>>> list_homes(std::span<NamedHome* const> homes,
                                                    std::optional<ChunkId> after, size_t limit) {
  std::map<ChunkId, ChunkStat> merged;
  for (NamedHome* home : homes) {
    if (!home->is_open.load()) continue;
    const std::vector<ChunkStat> page = co_await io::or_return(home->store.list(after, limit));
    for (const ChunkStat& stat : page) merged.emplace(stat.id, stat);
  }
  // Each home gave its smallest ones, so the smallest of all are among them.
  std::vector<ChunkStat> stats;
  for (const auto& [id, stat] : merged) {
    if (stats.size() == limit) break;
    stats.push_back(stat);
  }
  co_return stats;
}

// What one home lacks of a placement another has: the home that has the most says what its chunks
// take once. A home that does not know its placements counts as one of its own.
io::Task<Result<StoreUsage>> usage_of_homes(std::span<NamedHome* const> homes) {
  StoreUsage sum;
  std::map<uint8_t, PlacementUsage> once;
  PlacementUsage unknown;
  for (NamedHome* home : homes) {
    if (!home->is_open.load()) continue;
    const StoreUsage usage = co_await io::or_return(home->store.usage());
    sum.allocated_bytes += usage.allocated_bytes;
    sum.capacity_bytes += usage.capacity_bytes;
    sum.available_bytes += usage.available_bytes;
    for (const PlacementUsage& one : usage.by_placement) {
      PlacementUsage& most = once[one.placement];
      most.placement = one.placement;
      most.live_bytes = std::max(most.live_bytes, one.live_bytes);
      most.chunks_count = std::max(most.chunks_count, one.chunks_count);
    }
    if (!usage.by_placement.empty()) continue;
    unknown.live_bytes = std::max(unknown.live_bytes, usage.live_bytes);
    unknown.chunks_count = std::max(unknown.chunks_count, usage.chunks_count);
  }
  for (const auto& [placement, one] : once) {
    sum.live_bytes += one.live_bytes;
    sum.chunks_count += one.chunks_count;
    sum.by_placement.push_back(one);
  }
  sum.live_bytes = std::max(sum.live_bytes, unknown.live_bytes);
  sum.chunks_count = std::max(sum.chunks_count, unknown.chunks_count);
  co_return sum;
}

}  // namespace cairn::storage
