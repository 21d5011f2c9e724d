#include "gateway/chunk_source.h"

#include <algorithm>
#include <cstring>

#include "crypto/partial_sealing.h"
#include "gateway/fetch.h"
#include "io/reactor.h"

namespace cairn::gateway {

using storage::SealedRead;
using transfer::Failure;
using transfer::S3Status;

namespace {

Error error_of(const Failure& failure) {
  if (failure.status == 412 || failure.status == 404) {
    return {Code::kFailedPrecondition, "the upstream has another object now, or none"};
  }
  if (failure.status == 401 || failure.status == 403) {
    return {Code::kPermissionDenied, "upstream: " + failure.error.message};
  }
  return {Code::kUnavailable, "upstream: " + failure.error.message};
}

}  // namespace

io::Task<Result<SealedRead>> ChunkSource::read(storage::ChunkId id, ByteRange range,
                                               storage::ReadOptions options) {
  const std::optional<RemoteChunk> chunk = parse_chunk_id(id);
  if (!chunk) co_return co_await home_.read(id, range, options);
  RemoteObjectPointer object = objects_.find(chunk->name);
  if (object == nullptr || chunk->number * kVirtualChunkBytes >= object->size_bytes) {
    co_return fail(Code::kNotFound, "nobody reads the upstream's object of this chunk");
  }
  co_return co_await fetch(std::move(object), chunk->number, id, range);
}

io::Task<Result<SealedRead>> ChunkSource::fetch(RemoteObjectPointer object, uint64_t number,
                                                storage::ChunkId id, ByteRange range) {
  const uint64_t chunk_bytes = object->chunk_bytes(number);
  const uint64_t asked_end = range.offset_bytes + std::min(range.size_bytes, chunk_bytes);
  const uint64_t first = round_down(std::min(range.offset_bytes, chunk_bytes), crypto::kFrameBytes);
  const uint64_t end = std::min(round_up(asked_end, crypto::kFrameBytes), chunk_bytes);
  if (first >= end) co_return fail(Code::kOutOfRange, "the range lies outside the chunk");
  // Not of the reactor's pool: the reader above may hold the last of it while it waits for this.
  Buffer payload = Buffer::allocate(end - first);
  payload.resize(end - first);
  const ByteRange wanted{number * kVirtualChunkBytes + first, end - first};
  const S3Status fetched = co_await fetch_range(object, wanted, payload.span());
  if (!fetched) {
    object->note_failure(fetched.error());
    co_return std::unexpected(error_of(fetched.error()));
  }
  const crypto::TenantId tenant = object->link->place().tenant;
  const std::shared_ptr<const crypto::TenantKeys> keys = keys_.load()->current(tenant);
  if (keys == nullptr) co_return fail(Code::kNotFound, "the tenant of a gateway has no keys");
  const crypto::ChunkBinding binding{.tenant = tenant, .id = id, .plaintext_bytes = chunk_bytes};
  Bytes header = co_await io::or_return(
      crypto::seal_frames(*keys, binding, random_, first / crypto::kFrameBytes, payload.span()));
  const uint64_t skipped = range.offset_bytes - first;
  payload = Buffer::without_front(std::move(payload), skipped);
  payload.resize(std::min<uint64_t>(payload.size(), range.size_bytes));
  co_return SealedRead{std::move(header), std::move(payload), chunk_bytes};
}

}  // namespace cairn::gateway
