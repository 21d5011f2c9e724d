// NamedHome: one of several places where chunks are kept, with what is known about it.
//
// Thread rule: any thread; made before the reactors start.
#pragma once

#include <atomic>
#include <string>

#include "storage/chunk_store.h"
#include "storage/home_health.h"
#include "storage/limits.h"
#include "storage/owed_copies.h"
#include "storage/spared_references.h"

namespace cairn::storage {

// All since the server was started.
struct HomeCounters {
  std::atomic<uint64_t> reads_count{0};
  std::atomic<uint64_t> read_failures{0};  // Of any kind but absence.
  std::atomic<uint64_t> puts_count{0};
  std::atomic<uint64_t> put_failures{0};
  std::atomic<uint64_t> damaged_copies{0};  // Found here.
  std::atomic<uint64_t> missing_copies{0};  // Looked for here and found elsewhere.
  std::atomic<uint64_t> copies_made{0};     // Here, in the background.
  std::atomic<uint64_t> copied_bytes{0};
  std::atomic<uint64_t> copies_given_up{0};  // Failed; a survey finds them again.
  std::atomic<uint64_t> copies_dropped{0};   // Here, after others were verified.
};

struct NamedHome {
  NamedHome(std::string called, ChunkStore& on, bool remote)
      : name(std::move(called)), store(on), is_remote(remote) {}

  const std::string name;
  ChunkStore& store;     // Outlives this.
  const bool is_remote;  // Slow answers of one home are overtaken by asking another.
  SparedReferences references;
  // False until a home that was not there at the start has come.
  std::atomic<bool> is_open{true};
  HomeHealth health;
  HomeCounters counters;
  OwedCopies owed{kOwedCopiesMax};      // What this home lacks.
  OwedCopies outgoing{kOwedCopiesMax};  // What it has and gives away: staged, or no longer wanted.
  // Of both, what was taken from the queue and is not done yet.
  std::atomic<uint64_t> owed_in_work{0};
  std::atomic<uint64_t> leaving_in_work{0};

  uint64_t owed_count() const { return owed.count() + owed_in_work.load(); }
  uint64_t leaving_count() const { return outgoing.count() + leaving_in_work.load(); }
  static void count(std::atomic<uint64_t>& counter, uint64_t amount = 1) {
    counter.fetch_add(amount, std::memory_order_relaxed);
  }
};

}  // namespace cairn::storage
