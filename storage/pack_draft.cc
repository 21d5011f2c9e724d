#include "storage/pack_draft.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "crypto/crc64.h"
#include "io/reactor.h"

namespace cairn::storage {
namespace {

// Never waits for the pool: its memory is in the hands of puts like the one that asks.
Buffer small_buffer(uint64_t size_bytes) {
  Result<Buffer> buffer = io::Reactor::current().buffers().try_acquire(size_bytes);
  if (!buffer) buffer = Buffer::allocate(size_bytes);
  buffer->resize(size_bytes);
  return std::move(*buffer);
}

}  // namespace

PackDraft::PackDraft(LogHeader header, uint64_t size_max_bytes, bool with_sha256)
    : header_(header), size_max_bytes_(size_max_bytes), with_sha256_(with_sha256) {
  Buffer block = small_buffer(kBlockBytes);
  encode(header_, block.span());
  append(std::move(block));
}

bool PackDraft::fits(uint64_t payload_bytes) const {
  return entries_.empty() ||
         end_bytes_ + record_bytes(payload_bytes) + footer_bytes(entries_.size() + 1) <=
             size_max_bytes_;
}

void PackDraft::append(Buffer piece) {
  end_bytes_ += piece.size();
  crc64_ = crypto::crc64_nvme(crc64_, piece.view());
  if (with_sha256_) sha256_.update(piece.view());
  pieces_.push_back(std::move(piece));
}

void PackDraft::add(ChunkId id, SealedChunk chunk) {
  const uint64_t payload_bytes = chunk.payload.size();
  entries_.push_back({id, end_bytes_, payload_bytes, static_cast<uint32_t>(chunk.header.size())});
  Buffer block = small_buffer(kBlockBytes);
  encode(RecordHeader{.log_id = header_.log_id,
                      .sequence = entries_.size() - 1,
                      .chunk = id,
                      .payload_bytes = payload_bytes,
                      .payload_xxh3 = checksum_of(chunk.payload.view()),
                      .sealed_header = std::move(chunk.header)},
         block.span());
  append(std::move(block));
  const uint64_t padded_bytes = round_up(payload_bytes, kBlockBytes);
  std::fill_n(chunk.payload.spare().begin(), padded_bytes - payload_bytes, uint8_t{0});
  chunk.payload.resize(padded_bytes);
  append(std::move(chunk.payload));
  records_bytes_ += record_bytes(payload_bytes);
}

void PackDraft::seal() {
  Buffer footer = small_buffer(footer_bytes(entries_.size()));
  encode_footer(header_.log_id, end_bytes_, entries_, footer.span());
  append(std::move(footer));
  if (with_sha256_) sha256_value_ = sha256_.finish();
}

BytesView PackDraft::trailer() const {
  return pieces_.back().view().last(kBlockBytes);
}

io::Task<Result<size_t>> PackDraft::read(MutableBytes into) {
  size_t filled = 0;
  while (filled < into.size() && next_piece_ < pieces_.size()) {
    const Buffer& piece = pieces_[next_piece_];
    const size_t count = std::min(into.size() - filled, piece.size() - next_byte_);
    std::memcpy(into.data() + filled, piece.data() + next_byte_, count);
    filled += count;
    next_byte_ += count;
    if (next_byte_ == piece.size()) {
      ++next_piece_;
      next_byte_ = 0;
    }
  }
  co_return filled;
}

bool PackDraft::rewind() {
  next_piece_ = 0;
  next_byte_ = 0;
  return true;
}

}  // namespace cairn::storage
