#include "storage/chunk_object.h"

#include <algorithm>
#include <cstring>

#include "base/encoding.h"
#include "crypto/crc64.h"

namespace cairn::storage {
namespace {

constexpr size_t kFolderDigits = 2;  // Some listings and upstreams like names that spread.

template <size_t kSize>
bool parse_hex_into(std::string_view text, std::array<uint8_t, kSize>& out) {
  if (text.size() != 2 * kSize) return false;
  const std::optional<Bytes> bytes = from_hex(text);
  // Upper case would be another object of the same meaning.
  if (!bytes || to_hex(*bytes) != text) return false;
  std::ranges::copy(*bytes, out.begin());
  return true;
}

}  // namespace

std::string chunk_object_name(const ChunkId& id, const RandomId& generation) {
  const std::string hex = to_hex(id.bytes);
  return kChunkObjects + hex.substr(0, kFolderDigits) + "/" + hex + "/" + to_hex(generation);
}

std::optional<TrashEntry> parse_chunk_object_name(std::string_view name) {
  TrashEntry out;
  const std::string_view front = kChunkObjects;
  const size_t id_at = front.size() + kFolderDigits + 1;
  const size_t id_digits = 2 * out.id.bytes.size();
  const size_t generation_at = id_at + id_digits + 1;
  if (name.size() != generation_at + 2 * out.generation.size()) return std::nullopt;
  if (!parse_hex_into(name.substr(id_at, id_digits), out.id.bytes) ||
      !parse_hex_into(name.substr(generation_at), out.generation) ||
      chunk_object_name(out.id, out.generation) != name) {
    return std::nullopt;
  }
  return out;
}

uint64_t chunk_object_bytes(uint64_t payload_bytes) {
  return kBlockBytes + payload_bytes;
}

RecordPlace chunk_object_place(const ChunkId& id, const DirectoryRow& row, bool may_be_gone) {
  return {.object = {.name = chunk_object_name(id, row.generation),
                     .size_bytes = chunk_object_bytes(row.payload_bytes),
                     .etag = {},
                     .may_be_gone = may_be_gone},
          .offset_bytes = 0,
          .log_id = row.generation,
          .chunk = id,
          .payload_bytes = row.payload_bytes};
}

ChunkObjectBody::ChunkObjectBody(const ChunkId& id, const RandomId& generation, SealedChunk chunk,
                                 bool with_sha256)
    : name_(chunk_object_name(id, generation)),
      with_sha256_(with_sha256),
      block_(kBlockBytes),
      payload_(std::move(chunk.payload)) {
  encode(RecordHeader{.log_id = generation,
                      .sequence = 0,
                      .chunk = id,
                      .payload_bytes = payload_.size(),
                      .payload_xxh3 = checksum_of(payload_.view()),
                      .sealed_header = std::move(chunk.header)},
         block_);
  crc64_ = crypto::crc64_nvme(crypto::crc64_nvme(0, block_), payload_.view());
  if (!with_sha256_) return;
  crypto::Sha256 digest;
  digest.update(block_);
  digest.update(payload_.view());
  sha256_ = digest.finish();
}

BytesView ChunkObjectBody::trailer() const {
  return payload_.view().last(std::min(payload_.size(), kBlockBytes));
}

io::Task<Result<size_t>> ChunkObjectBody::read(MutableBytes into) {
  size_t filled = 0;
  while (filled < into.size() && sent_bytes_ < object_bytes()) {
    const bool in_block = sent_bytes_ < block_.size();
    const BytesView piece = in_block ? BytesView(block_) : payload_.view();
    const BytesView rest = piece.subspan(in_block ? sent_bytes_ : sent_bytes_ - block_.size());
    const size_t count = std::min(into.size() - filled, rest.size());
    std::memcpy(into.data() + filled, rest.data(), count);
    filled += count;
    sent_bytes_ += count;
  }
  co_return filled;
}

}  // namespace cairn::storage
