#include "storage/late_store.h"

namespace cairn::storage {
namespace {

std::unexpected<Error> away() {
  return fail(Code::kUnavailable, "the home was not there when the server started");
}

}  // namespace

io::Task<Status> LateStore::put(ChunkId id, SealedChunk chunk, OwnerId owner) {
  ChunkStore* const inner = store();
  if (inner == nullptr) co_return away();
  co_return co_await inner->put(id, std::move(chunk), owner);
}

io::Task<Result<bool>> LateStore::link(ChunkId id, OwnerId owner) {
  ChunkStore* const inner = store();
  if (inner == nullptr) co_return away();
  co_return co_await inner->link(id, owner);
}

io::Task<void> LateStore::release(OwnerId owner, std::vector<ChunkId> ids) {
  ChunkStore* const inner = store();
  if (inner != nullptr) co_await inner->release(owner, std::move(ids));
}

io::Task<Result<bool>> LateStore::unlink(ChunkId id, OwnerId owner) {
  ChunkStore* const inner = store();
  if (inner == nullptr) co_return away();
  co_return co_await inner->unlink(id, owner);
}

io::Task<Result<SealedRead>> LateStore::read(ChunkId id, ByteRange range, ReadOptions options) {
  ChunkStore* const inner = store();
  if (inner == nullptr) co_return away();
  co_return co_await inner->read(id, range, options);
}

io::Task<Status> LateStore::verify(ChunkId id) {
  ChunkStore* const inner = store();
  if (inner == nullptr) co_return away();
  co_return co_await inner->verify(id);
}

io::Task<Result<SealedChunk>> LateStore::read_whole(ChunkId id) {
  ChunkStore* const inner = store();
  if (inner == nullptr) co_return away();
  co_return co_await read_verified(*inner, id);
}

io::Task<Result<std::vector<ChunkStat>>> LateStore::list(std::optional<ChunkId> after,
                                                         size_t limit) {
  ChunkStore* const inner = store();
  if (inner == nullptr) co_return away();
  co_return co_await inner->list(after, limit);
}

io::Task<Result<StoreUsage>> LateStore::usage() {
  ChunkStore* const inner = store();
  if (inner == nullptr) co_return away();
  co_return co_await inner->usage();
}

io::Task<Status> LateStore::close() {
  ChunkStore* const inner = store();
  if (inner == nullptr) co_return Status{};
  co_return co_await inner->close();
}

}  // namespace cairn::storage
