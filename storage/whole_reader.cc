#include "storage/whole_reader.h"

namespace cairn::storage {
namespace {

// The greatest id that is smaller; nullopt for the smallest of all.
std::optional<ChunkId> before(ChunkId id) {
  for (auto at = id.bytes.rbegin(); at != id.bytes.rend(); ++at) {
    if ((*at)-- != 0) return id;
  }
  return std::nullopt;
}

}  // namespace

io::Task<Result<SealedChunk>> read_verified(ChunkStore& store, ChunkId id) {
  if (auto* const whole = dynamic_cast<WholeReader*>(&store); whole != nullptr) {
    Result<SealedChunk> read = co_await whole->read_whole(id);
    co_return read;
  }
  co_await io::or_return(store.verify(id));
  SealedRead read = co_await io::or_return(store.read(id, {0, UINT64_MAX}));
  if (read.payload.capacity() < round_up(read.payload.size(), kIoAlignment)) {
    read.payload = Buffer::copy_of(read.payload.view());
  }
  co_return SealedChunk{std::move(read.header), std::move(read.payload)};
}

io::Task<Result<bool>> is_listed(ChunkStore& store, ChunkId id) {
  const std::vector<ChunkStat> found = co_await io::or_return(store.list(before(id), 1));
  co_return !found.empty() && found.front().id == id;
}

}  // namespace cairn::storage
