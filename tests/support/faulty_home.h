// A home for tests of several homes: the store in memory, which can be away, be slow, lose chunks
// and let them rot. Like a bucket elsewhere it has its index here: what only asks the index goes on
// while it is away.
//
// Used on one reactor.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "io/reactor.h"
#include "io/sync.h"
#include "storage/memory_store.h"
#include "storage/whole_reader.h"
#include "tests/support/chunk_samples.h"

namespace cairn::testing_support {

class FaultyHome final : public storage::ChunkStore {
 public:
  using Id = storage::ChunkId;
  FaultyHome() { gate.set(); }

  io::Task<Status> put(Id id, storage::SealedChunk chunk, storage::OwnerId owner) override {
    if (is_away) co_return fail(Code::kUnavailable, "the home does not answer");
    if (is_full) co_return fail(Code::kNoSpace, "the home is full");
    ++puts_count;
    co_return co_await inner.put(id, std::move(chunk), owner);
  }
  io::Task<Result<bool>> link(Id id, storage::OwnerId owner) override {
    return inner.link(id, owner);
  }
  io::Task<void> release(storage::OwnerId owner, std::vector<Id> ids) override {
    return inner.release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(Id id, storage::OwnerId owner) override {
    Result<bool> dropped = co_await inner.unlink(id, owner);
    if (dropped && *dropped) rotten.erase(id);
    co_return dropped;
  }
  using ChunkStore::read;
  io::Task<Result<storage::SealedRead>> read(Id id, ByteRange range,
                                             storage::ReadOptions options) override {
    ++reads_count;
    if (is_away) co_return fail(Code::kUnavailable, "the home does not answer");
    co_await gate.wait();
    if (rotten.contains(id)) co_return fail(Code::kCorruption, "rot");
    Result<storage::SealedRead> read = co_await inner.read(id, range, options);
    if (const auto first = std::exchange(before_answer, nullptr)) co_await first();
    if (read && lying.contains(id) && !read->payload.empty()) read->payload.data()[0] ^= 1;
    co_return read;
  }
  io::Task<Status> verify(Id id) override {
    if (is_away) co_return fail(Code::kUnavailable, "the home does not answer");
    ++verifies_count;
    if (rotten.contains(id)) co_return fail(Code::kCorruption, "rot");
    const Status verified = co_await inner.verify(id);
    if (const auto first = std::exchange(before_answer, nullptr)) co_await first();
    co_return verified;
  }
  io::Task<Result<std::vector<storage::ChunkStat>>> list(std::optional<Id> after,
                                                         size_t limit) override {
    return inner.list(after, limit);
  }
  io::Task<Result<storage::StoreUsage>> usage() override { return inner.usage(); }
  io::Task<Status> close() override { co_return Status{}; }

  storage::MemoryStore inner;
  bool is_away = false;
  bool is_full = false;
  std::set<Id> rotten;  // Found damaged when they are read,
  std::set<Id> lying;   // or only by whoever has the keys.
  uint64_t puts_count = 0;
  uint64_t reads_count = 0;
  uint64_t verifies_count = 0;
  io::Event gate;  // Set: reads pass.
  // What happens while the next answer to a read or verify() is on its way.
  std::function<io::Task<void>()> before_answer;
};

}  // namespace cairn::testing_support
