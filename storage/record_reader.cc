#include "storage/record_reader.h"

#include <algorithm>
#include <bit>

#include "base/encoding.h"
#include "io/reactor.h"
#include "storage/log_recovery.h"

namespace cairn::storage {
namespace {

Error damaged(const ChunkId& id, const std::string& why) {
  return {Code::kCorruption, "the record of chunk " + to_hex(id.bytes) + " is damaged: " + why};
}

Result<RecordHeader> parse_header(const ChunkId& id, const Location& location, BytesView block) {
  Result<RecordHeader> header = decode_record_header(block);
  if (!header) return std::unexpected(damaged(id, header.error().message));
  if (header->chunk != id || header->log_id != location.log->header().log_id ||
      header->payload_bytes != location.payload_bytes) {
    return std::unexpected(damaged(id, "another record stands in its place"));
  }
  return header;
}

// A small read does not wait for the pool: writers look into segment tables while they hold its
// memory.
io::Task<Result<Buffer>> read_blocks(io::File& file, uint64_t offset_bytes, uint64_t size_bytes) {
  io::BufferPool& pool = io::Reactor::current().buffers();
  Result<Buffer> at_once = pool.try_acquire(size_bytes);
  if (!at_once && size_bytes <= kUnqueuedReadBytesMax) at_once = Buffer::allocate(size_bytes);
  if (!at_once) at_once = co_await pool.acquire(size_bytes, io::Until{});
  Buffer buffer = co_await io::or_return(std::move(at_once));
  buffer.resize(size_bytes);
  co_await io::or_return(read_pieces(file, buffer.span(), offset_bytes));
  co_return buffer;
}

}  // namespace

io::Task<Result<SealedRead>> read_record(ChunkId id, const Location& location, ByteRange range,
                                         ChunkIndex& index, StoreCounters& counters) {
  const uint64_t begin = std::min(range.offset_bytes, location.payload_bytes);
  const uint64_t end = begin + std::min(range.size_bytes, location.payload_bytes - begin);
  const uint64_t blocks_begin = round_down(begin, kBlockBytes);
  const uint64_t blocks_bytes = begin == end ? 0 : round_up(end, kBlockBytes) - blocks_begin;
  io::File& file = location.log->file();

  SealedRead result;
  result.payload_bytes = location.payload_bytes;
  std::optional<Bytes> header = index.cached_header(id);
  // Buffers come in powers of two: a header that would double the memory is read by itself.
  const bool in_one = !header && blocks_begin == 0 && blocks_bytes != 0 &&
                      std::bit_ceil(blocks_bytes + kBlockBytes) == std::bit_ceil(blocks_bytes);
  const uint64_t header_bytes_before = in_one ? kBlockBytes : 0;
  if (!header && !in_one) {
    const Buffer block =
        co_await io::or_return(read_blocks(file, location.offset_bytes, kBlockBytes));
    StoreCounters::add(counters.read_bytes, kBlockBytes);
    RecordHeader parsed = co_await io::or_return(parse_header(id, location, block.view()));
    header = std::move(parsed.sealed_header);
    index.cache_header(id, location, *header);
  }
  if (blocks_bytes != 0) {
    const uint64_t offset =
        location.offset_bytes + kBlockBytes - header_bytes_before + blocks_begin;
    Buffer blocks =
        co_await io::or_return(read_blocks(file, offset, blocks_bytes + header_bytes_before));
    StoreCounters::add(counters.read_bytes, blocks.size());
    if (in_one) {
      RecordHeader parsed =
          co_await io::or_return(parse_header(id, location, blocks.view(0, kBlockBytes)));
      header = std::move(parsed.sealed_header);
      index.cache_header(id, location, *header);
    }
    result.payload =
        Buffer::without_front(std::move(blocks), header_bytes_before + begin - blocks_begin);
    result.payload.resize(end - begin);
  }
  result.header = std::move(*header);
  co_return result;
}

io::Task<Status> verify_record(ChunkId id, const Location& location) {
  io::File& file = location.log->file();
  Buffer scratch =
      co_await io::or_return(io::Reactor::current().buffers().acquire(kReadBytesMax, io::Until{}));
  scratch.resize(kReadBytesMax);
  const MutableBytes block = scratch.span().first(kBlockBytes);
  co_await io::or_return(file.read_exact(block, location.offset_bytes));
  const RecordHeader header = co_await io::or_return(parse_header(id, location, block));
  const uint64_t checksum = co_await io::or_return(checksum_on_disk(
      file, location.offset_bytes + kBlockBytes, header.payload_bytes, scratch.span()));
  if (checksum != header.payload_xxh3) {
    co_return std::unexpected(damaged(id, "its payload does not match its checksum"));
  }
  co_return Status{};
}

io::Task<Result<SealedChunk>> read_whole_record(ChunkId id, const Location& location) {
  io::File& file = location.log->file();
  Buffer block = Buffer::allocate(kBlockBytes);
  block.resize(kBlockBytes);
  co_await io::or_return(file.read_exact(block.span(), location.offset_bytes));
  RecordHeader header = co_await io::or_return(parse_header(id, location, block.view()));
  const uint64_t padded_bytes = round_up(header.payload_bytes, kBlockBytes);
  Buffer payload = Buffer::allocate(padded_bytes);
  payload.resize(padded_bytes);
  co_await io::or_return(read_pieces(file, payload.span(), location.offset_bytes + kBlockBytes));
  payload.resize(header.payload_bytes);
  if (checksum_of(payload.view()) != header.payload_xxh3) {
    co_return std::unexpected(damaged(id, "its payload does not match its checksum"));
  }
  co_return SealedChunk{std::move(header.sealed_header), std::move(payload)};
}

}  // namespace cairn::storage
