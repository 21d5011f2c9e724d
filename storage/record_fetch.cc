#include "storage/record_fetch.h"

#include <algorithm>

#include "base/encoding.h"
#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::storage {
namespace {

Error damaged(const RecordPlace& place, const std::string& why) {
  return {Code::kCorruption, "the record of chunk " + to_hex(place.chunk.bytes) + " in " +
                                 place.object.name + " is damaged: " + why};
}

Result<RecordHeader> parse_header(const RecordPlace& place, BytesView block) {
  Result<RecordHeader> header = decode_record_header(block);
  if (!header) return std::unexpected(damaged(place, header.error().message));
  if (header->chunk != place.chunk || header->log_id != place.log_id ||
      header->payload_bytes != place.payload_bytes) {
    return std::unexpected(damaged(place, "another record stands in its place"));
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
io::Task<Status> fetch(Upstream& upstream, const RecordPlace& place, uint64_t begin,
                       MutableBytes block, MutableBytes payload, Urgency urgency) {
  const uint64_t payload_at = place.offset_bytes + kBlockBytes + begin;
  Status header_read;
  Status payload_read;
  io::Scope scope;
  scope.spawn(read_into(upstream, place.object, place.offset_bytes, block, urgency, header_read));
  scope.spawn(read_into(upstream, place.object, payload_at, payload, urgency, payload_read));
  co_await scope.join();
  if (!header_read) co_return header_read;
  co_return payload_read;
}

}  // namespace

ByteRange clamp_to_payload(ByteRange range, uint64_t payload_bytes) {
  const uint64_t begin = std::min(range.offset_bytes, payload_bytes);
  return {begin, std::min(range.size_bytes, payload_bytes - begin)};
}

io::Task<Result<SealedRead>> fetch_record(Upstream& upstream, StoreCounters& counters,
                                          RecordPlace place, ByteRange part, Urgency urgency,
                                          std::optional<Bytes> known_header) {
  SealedRead result;
  result.payload_bytes = place.payload_bytes;
  if (part.size_bytes != 0) result.payload = co_await io::or_return(buffer_for(part.size_bytes));
  Buffer block;
  if (!known_header) block = co_await io::or_return(buffer_for(kBlockBytes));
  co_await io::or_return(
      fetch(upstream, place, part.offset_bytes, block.span(), result.payload.span(), urgency));
  StoreCounters::add(counters.read_bytes, block.size() + part.size_bytes);
  if (known_header) {
    result.header = std::move(*known_header);
    co_return result;
  }
  RecordHeader parsed = co_await io::or_return(parse_header(place, block.view()));
  if (part.size_bytes == place.payload_bytes &&
      checksum_of(result.payload.view()) != parsed.payload_xxh3) {
    co_return std::unexpected(damaged(place, "its payload does not match its checksum"));
  }
  result.header = std::move(parsed.sealed_header);
  co_return result;
}

}  // namespace cairn::storage
