#include "object/segment_seal.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"
#include "crypto/sealing.h"

namespace cairn::object {

uint64_t total_bytes(const std::vector<SegmentName>& segments) {
  uint64_t sum = 0;
  for (const SegmentName& segment : segments) sum += segment.size_bytes;
  return sum;
}

Result<storage::SealedChunk> seal_cut_chunk(Context& context, const crypto::TenantKeys& keys,
                                            const ChunkId& id, CutChunk& chunk) {
  crypto::ChunkBinding binding;
  binding.tenant = keys.tenant;
  binding.id = id;
  binding.plaintext_bytes = total_bytes(chunk.segments);
  binding.table_bytes = chunk.segments.size() * kSegmentEntryBytes;
  chunk.buffer.resize(binding.plaintext_bytes);
  for (const SegmentName& segment : chunk.segments) {
    uint8_t entry[kSegmentEntryBytes];
    store_le(entry, segment.size_bytes);
    std::ranges::copy(segment.hash, entry + sizeof(segment.size_bytes));
    const size_t appended_bytes = chunk.buffer.append(entry);
    ASSERT(appended_bytes == kSegmentEntryBytes);
  }
  Result<Bytes> header = crypto::seal_chunk(keys, binding, context.random, chunk.buffer.span());
  if (!header) return std::unexpected(std::move(header.error()));
  storage::SealedChunk sealed;
  sealed.header = std::move(*header);
  sealed.payload = std::move(chunk.buffer);
  return sealed;
}

Result<std::vector<SegmentName>> parse_segment_table(BytesView table, uint64_t chunk_bytes) {
  std::vector<SegmentName> out;
  uint64_t sum_bytes = 0;
  if (table.size() % kSegmentEntryBytes == 0) out.reserve(table.size() / kSegmentEntryBytes);
  for (; table.size() >= kSegmentEntryBytes; table = table.subspan(kSegmentEntryBytes)) {
    SegmentName& name = out.emplace_back();
    name.size_bytes = load_le<uint32_t>(table.data());
    std::copy_n(table.data() + sizeof(name.size_bytes), name.hash.size(), name.hash.begin());
    sum_bytes += name.size_bytes;
  }
  if (!table.empty() || sum_bytes != chunk_bytes) {
    return fail(Code::kCorruption, "the segment table of a chunk does not describe its bytes");
  }
  return out;
}

io::Task<Result<std::vector<SegmentName>>> read_segment_table(Context& context, TenantId tenant,
                                                              ChunkId chunk, ByteRange where) {
  storage::SealedRead read = co_await io::or_return(context.store.read(chunk, where));
  const crypto::ChunkOpener opener = co_await io::or_return(
      crypto::ChunkOpener::create(crypto::SealKeys(context.keys, tenant), chunk, read.header));
  if (opener.plaintext_bytes() != where.offset_bytes || opener.table_bytes() == 0 ||
      opener.table_bytes() != read.payload.size()) {
    co_return fail(Code::kCorruption, "a chunk has no segment table where it was looked for");
  }
  co_await io::or_return(opener.open_table(read.payload.span()));
  co_return parse_segment_table(read.payload.view(), where.offset_bytes);
}

}  // namespace cairn::object
