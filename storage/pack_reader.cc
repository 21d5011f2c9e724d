#include "storage/pack_reader.h"

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::storage {
namespace {

// How often an answer that is damaged is asked for again.
constexpr unsigned kDamagedRepeats = 1;

UpstreamObject object_of(const Pack& pack) {
  return {pack.name(), pack.size_bytes(), pack.etag()};
}

Error damaged(const ChunkId& id, const Pack& pack, const std::string& why) {
  return {Code::kCorruption, "the record of chunk " + to_hex(id.bytes) + " in the pack " +
                                 pack.name() + " is damaged: " + why};
}

Result<RecordHeader> parse_header(const ChunkId& id, const PackPlace& place, BytesView block) {
  Result<RecordHeader> header = decode_record_header(block);
  if (!header) return std::unexpected(damaged(id, *place.pack, header.error().message));
  if (header->chunk != id || header->log_id != place.pack->header().log_id ||
      header->payload_bytes != place.payload_bytes) {
    return std::unexpected(damaged(id, *place.pack, "another record stands in its place"));
  }
  return header;
}

// A small read does not wait for the pool: writers look into segment tables while they hold its
// memory.
io::Task<Result<Buffer>> buffer_for(uint64_t size_bytes) {
  const uint64_t capacity = std::max<uint64_t>(round_up(size_bytes, kBlockBytes), kBlockBytes);
  io::BufferPool& pool = io::Reactor::current().buffers();
  Result<Buffer> at_once = pool.try_acquire(capacity);
  if (!at_once && capacity <= kUnqueuedReadBytesMax) at_once = Buffer::allocate(capacity);
  if (!at_once) at_once = co_await pool.acquire(capacity, io::Until{});
  Buffer buffer = co_await io::or_return(std::move(at_once));
  buffer.resize(size_bytes);
  co_return buffer;
}

io::Task<void> read_into(Upstream& upstream, UpstreamObject object, uint64_t offset_bytes,
                         MutableBytes piece, Urgency urgency, Status& done) {
  done = co_await upstream.reads().read(std::move(object), offset_bytes, piece, urgency);
}

// The bytes that were asked for and, unless it was known, the header block: side by side, which
// makes one request where they follow each other.
io::Task<Status> fetch(Upstream& upstream, const PackPlace& place, uint64_t begin,
                       MutableBytes block, MutableBytes payload, Urgency urgency) {
  const UpstreamObject object = object_of(*place.pack);
  const uint64_t payload_at = place.offset_bytes + kBlockBytes + begin;
  Status header_read;
  Status payload_read;
  io::Scope scope;
  scope.spawn(read_into(upstream, object, place.offset_bytes, block, urgency, header_read));
  scope.spawn(read_into(upstream, object, payload_at, payload, urgency, payload_read));
  co_await scope.join();
  if (!header_read) co_return header_read;
  co_return payload_read;
}

struct Clamped {
  uint64_t begin = 0;
  uint64_t size = 0;
};
Clamped clamp(ByteRange range, uint64_t payload_bytes) {
  const uint64_t begin = std::min(range.offset_bytes, payload_bytes);
  return {begin, std::min(range.size_bytes, payload_bytes - begin)};
}

// One try. `known_header` is empty when the header must be read.
io::Task<Result<SealedRead>> read_once(PackContext& context, Upstream& upstream, ChunkId id,
                                       PackPlace place, Clamped part, Urgency urgency,
                                       std::optional<Bytes> known_header) {
  SealedRead result;
  result.payload_bytes = place.payload_bytes;
  if (part.size != 0) result.payload = co_await io::or_return(buffer_for(part.size));
  Buffer block;
  if (!known_header) block = co_await io::or_return(buffer_for(kBlockBytes));
  co_await io::or_return(
      fetch(upstream, place, part.begin, block.span(), result.payload.span(), urgency));
  StoreCounters::add(context.counters.read_bytes, block.size() + part.size);
  if (known_header) {
    result.header = std::move(*known_header);
    co_return result;
  }
  RecordHeader parsed = co_await io::or_return(parse_header(id, place, block.view()));
  if (part.size == place.payload_bytes &&
      checksum_of(result.payload.view()) != parsed.payload_xxh3) {
    co_return std::unexpected(damaged(id, *place.pack, "its payload does not match its checksum"));
  }
  context.index.cache_header(id, place, parsed.sealed_header);
  result.header = std::move(parsed.sealed_header);
  co_return result;
}

io::Task<Result<SealedRead>> read_part(PackContext& context, Upstream& upstream, ChunkId id,
                                       PackPlace place, Clamped part, Urgency urgency,
                                       bool use_cache) {
  for (unsigned repeat = 0;; ++repeat) {
    std::optional<Bytes> known;
    if (use_cache) known = context.index.cached_header(id);
    Result<SealedRead> got =
        co_await read_once(context, upstream, id, place, part, urgency, std::move(known));
    if (!got && got.error().code == Code::kNotFound) {
      co_return fail(Code::kCorruption, got.error().message);
    }
    if (got || got.error().code != Code::kCorruption || repeat == kDamagedRepeats) co_return got;
  }
}

}  // namespace

io::Task<Result<SealedRead>> read_packed(PackContext& context, Upstream& upstream, ChunkId id,
                                         PackPlace place, ByteRange range, Urgency urgency) {
  return read_part(context, upstream, id, place, clamp(range, place.payload_bytes), urgency, true);
}

io::Task<Result<SealedChunk>> read_whole(PackContext& context, Upstream& upstream, ChunkId id,
                                         PackPlace place) {
  const Clamped whole{0, place.payload_bytes};
  SealedRead read = co_await io::or_return(
      read_part(context, upstream, id, place, whole, Urgency::kBackground, false));
  co_return SealedChunk{std::move(read.header), std::move(read.payload)};
}

}  // namespace cairn::storage
