#include "storage/replica_copier.h"

#include "base/log.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/sync.h"
#include "storage/replica_read.h"
#include "storage/whole_reader.h"

namespace cairn::storage {
namespace {

// Holds of the copier: one chunk is copied by one at a time, so one owner does.
constexpr OwnerId kCopier{{'c', 'o', 'p', 'i', 'e', 'r'}};

void log_failure(std::string_view event, const NamedHome& home, const ChunkId& id,
                 const Error& error) {
  log::warning(event, {{"home", std::string_view(home.name)},
                       {"chunk", std::string_view(id.to_hex())},
                       {"message", std::string_view(error.message)}});
}

// A good copy from any home but `to`. kNotFound when none has one.
io::Task<Result<SealedChunk>> read_source(ReplicatedStore& store, HomesContext& context,
                                          const NamedHome& to, ChunkId id) {
  std::optional<Error> trouble;
  std::optional<Error> damage;
  const HomeList order =
      reading_order(store.route(), context, id, io::Reactor::current().clock().now());
  for (NamedHome* home : order) {
    if (home == &to) continue;
    Result<SealedChunk> read = co_await read_verified(home->store, id);
    if (read) co_return read;
    if (read.error().code == Code::kCorruption) {
      damage = in_home(*home, read.error());
      NamedHome::count(home->counters.damaged_copies);
      store.owe(*home, {id, 0, true});
    } else if (read.error().code != Code::kNotFound) {
      trouble = in_home(*home, read.error());
    }
  }
  if (trouble) co_return std::unexpected(*trouble);
  if (damage) co_return std::unexpected(*damage);
  co_return fail(Code::kNotFound, "no home has chunk " + id.to_hex());
}

// Drops the copy in `home` whoever needs the chunk: the caller made sure of another one. False when
// it stays, because somebody holds it there.
io::Task<Result<bool>> drop_copy(NamedHome& home, ChunkId id) {
  home.references.spare(id);
  const Result<bool> dropped = co_await home.store.unlink(id, kCopier);
  home.references.need_again(id);
  if (!dropped) co_return std::unexpected(in_home(home, dropped.error()));
  const bool stays = co_await io::or_return(is_listed(home.store, id));
  co_return !stays;
}

CopyOutcome outcome_of(const Error& error) {
  if (error.code == Code::kNotFound) return CopyOutcome::kGone;
  return error.code == Code::kCorruption ? CopyOutcome::kLost : CopyOutcome::kFailed;
}

// REQUIRES: the caller has the chunk's turn.
io::Task<CopyOutcome> copy_in_turn(ReplicatedStore& store, HomesContext& context, NamedHome& to,
                                   OwedCopy copy) {
  const Result<bool> listed = co_await is_listed(to.store, copy.id);
  if (!listed) co_return CopyOutcome::kFailed;
  if (*listed && !copy.replaces) co_return CopyOutcome::kPresent;
  if (*listed) {
    const Status verified = co_await to.store.verify(copy.id);
    if (verified) co_return CopyOutcome::kPresent;
    if (verified.error().code != Code::kCorruption) co_return CopyOutcome::kFailed;
  }
  // A home that does not take it is not worth reading it for, over and over while it is down.
  if (to.health.refuses(io::Reactor::current().now())) co_return CopyOutcome::kFailed;
  Result<SealedChunk> source = co_await read_source(store, context, to, copy.id);
  if (!source) {
    if (source.error().code != Code::kNotFound) {
      log_failure("home-copy-unreadable", to, copy.id, source.error());
    }
    co_return outcome_of(source.error());
  }
  if (*listed) {
    const Result<bool> dropped = co_await drop_copy(to, copy.id);
    if (!dropped) co_return CopyOutcome::kFailed;
    if (!*dropped) co_return CopyOutcome::kBusy;
  }
  const bool is_replacement = *listed;
  const uint64_t size_bytes = source->payload.size();
  const Status stored = co_await to.store.put(copy.id, std::move(*source), kCopier);
  if (!stored) {
    if (is_home_failure(stored.error().code)) {
      (void)to.health.on_failure(io::Reactor::current().now());
    }
    log_failure("home-copy-failed", to, copy.id, stored.error());
    co_return CopyOutcome::kFailed;
  }
  co_await to.store.release(kCopier, {copy.id});
  if (is_replacement) {
    // A home that gives other bytes than it was just given is not worth asking for a while.
    const Status read_back = co_await to.store.verify(copy.id);
    if (!read_back) {
      (void)to.health.on_failure(io::Reactor::current().now());
      log_failure("home-copy-not-read-back", to, copy.id, read_back.error());
      co_return CopyOutcome::kFailed;
    }
  }
  to.health.on_success();
  NamedHome::count(to.counters.copies_made);
  NamedHome::count(to.counters.copied_bytes, size_bytes);
  co_return CopyOutcome::kMade;
}

// Ends a copier's turn, and does the drop that was left to it.
io::Task<void> end_turn(ReplicatedStore& store, HomesContext& context, ChunkId id) {
  if (!context.turns.end_copy(id)) co_return;
  const Result<bool> dropped = co_await store.unlink(id, kCopier);
  if (!dropped) context.survey_due = true;
}

// One chunk on its way out of a home.
struct Passage {
  Leaving leaving;
  bool has_turn = false;
  bool is_safe = false;  // Every home that shall have it has it, read back.
  bool is_done = false;  // Nothing is left to do about it.
};

io::Task<void> pass_on(HomesContext& context, NamedHome& from, Passage& passage,
                       io::Semaphore& room) {
  ReplicatedStore& store = *passage.leaving.store;
  const HomeList wanted = store.route().wanted();
  // Only what shall not stay is given away.
  bool all = !wanted.contains(&from);
  for (NamedHome* home : wanted) {
    if (home == &from) continue;
    CopyOutcome outcome = CopyOutcome::kFailed;
    if (home->is_open.load()) {
      outcome = co_await copy_in_turn(store, context, *home, {passage.leaving.copy.id});
    }
    if (outcome == CopyOutcome::kGone) passage.is_done = true;
    all = all && (outcome == CopyOutcome::kMade || outcome == CopyOutcome::kPresent);
  }
  passage.is_safe = all;
  room.release();
}

// Reads every copy back where it shall stay; what does not verify is made anew the next time.
io::Task<bool> read_back(Passage& passage, const NamedHome& from) {
  ReplicatedStore& store = *passage.leaving.store;
  const ChunkId id = passage.leaving.copy.id;
  const HomeList wanted = store.route().wanted();
  bool all = !wanted.contains(&from);
  for (NamedHome* home : wanted) {
    if (home == &from) continue;
    const Status verified = co_await home->store.verify(id);
    if (verified) continue;
    all = false;
    log_failure("home-copy-not-read-back", *home, id, verified.error());
    if (verified.error().code == Code::kCorruption) store.owe(*home, {id, 0, true});
  }
  co_return all;
}

io::Task<void> finish(HomesContext& context, NamedHome& from, Passage& passage) {
  const ChunkId id = passage.leaving.copy.id;
  if (passage.is_safe) {
    const bool verified = co_await read_back(passage, from);
    Result<bool> dropped = false;
    if (verified) dropped = co_await drop_copy(from, id);
    passage.is_done = dropped && *dropped;
    if (passage.is_done) NamedHome::count(from.counters.copies_dropped);
  }
  co_await end_turn(*passage.leaving.store, context, id);
}

}  // namespace

io::Task<CopyOutcome> copy_chunk(ReplicatedStore& store, HomesContext& context, NamedHome& to,
                                 OwedCopy copy) {
  if (!to.is_open.load()) co_return CopyOutcome::kFailed;
  if (!context.turns.begin_copy(copy.id)) co_return CopyOutcome::kBusy;
  const CopyOutcome outcome = co_await copy_in_turn(store, context, to, copy);
  co_await end_turn(store, context, copy.id);
  co_return outcome;
}

io::Task<std::vector<OwedCopy>> give_away(HomesContext& context, NamedHome& from,
                                          std::vector<Leaving> batch) {
  std::vector<Passage> passages;
  for (const Leaving& leaving : batch) {
    passages.push_back({.leaving = leaving, .has_turn = context.turns.begin_copy(leaving.copy.id)});
  }
  {
    io::Semaphore room(kCopiesInFlight);
    io::Scope scope;
    for (Passage& passage : passages) {
      if (!passage.has_turn) continue;
      co_await room.acquire();
      scope.spawn(pass_on(context, from, passage, room));
    }
    co_await scope.join();
  }
  std::vector<OwedCopy> left;
  for (Passage& passage : passages) {
    if (passage.has_turn) co_await finish(context, from, passage);
    if (!passage.is_done) left.push_back(passage.leaving.copy);
  }
  co_return left;
}

}  // namespace cairn::storage
