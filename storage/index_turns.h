// What every store with an index does around its own writing and dropping: puts of one id take
// turns, and a chunk is dropped only between a question and an answer about its references.
#pragma once

#include <optional>
#include <utility>

#include "storage/chunk_index.h"
#include "storage/limits.h"
#include "storage/metrics.h"

namespace cairn::storage {

// Lengths and memory as the contract says.
inline Status check_chunk(const SealedChunk& chunk) {
  if (chunk.header.size() > crypto::kSealedHeaderBytesMax || chunk.payload.empty() ||
      chunk.payload.size() > kPayloadBytesMax ||
      chunk.payload.capacity() < round_up(chunk.payload.size(), kBlockBytes)) {
    return fail(Code::kInvalidArgument, "the sealed chunk has impossible lengths");
  }
  return {};
}

// Holds `id` for `owner`, by the copy that is there or by one that `write` makes: a plain function
// that returns a task, which publishes the chunk when it succeeds. What it refers to outlives the
// call.
template <typename Index, typename Write>
io::Task<Status> put_in_turn(Index& index, StoreCounters& counters, ChunkId id, OwnerId owner,
                             Write write) {
  Status done;
  for (size_t attempt = 0; attempt < kPutAttemptsMax; ++attempt) {
    PutTurn turn = index.begin_put(id, owner);
    if (turn.kind == PutTurn::Kind::kPresent) {
      StoreCounters::add(counters.puts_deduplicated);
      co_return Status{};
    }
    if (turn.kind == PutTurn::Kind::kWait) {
      done = co_await turn.outcome->wait();
      if (done) done = fail(Code::kUnavailable, "the chunk is written and dropped over and over");
      continue;
    }
    done = co_await write();
    if (!done) index.abandon(id, done.error());
    break;
  }
  if (!done) StoreCounters::add(counters.puts_failed);
  co_return done;
}

// Takes `id` out of the index unless somebody holds or refers to it. The place, with a use of its
// container that the caller ends, or nullopt when the chunk stays.
template <typename Place>
io::Task<Result<std::optional<Place>>> take_unreferenced(BasicChunkIndex<Place>& index,
                                                         ReferenceSource* references, ChunkId id,
                                                         OwnerId owner) {
  if (references == nullptr) {
    co_return fail(Code::kFailedPrecondition, "no reference source is set, so nothing is dropped");
  }
  if (!index.condemn(id, owner)) co_return std::nullopt;
  Result<bool> referenced = co_await references->is_referenced(id);
  if (!referenced || *referenced) {
    index.pardon(id);
    if (!referenced) co_return std::unexpected(referenced.error());
    co_return std::nullopt;
  }
  // No hold came meanwhile: link() refuses a condemned chunk and put() waits for this outcome.
  co_return index.erase(id);
}

}  // namespace cairn::storage
