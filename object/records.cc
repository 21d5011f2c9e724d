#include "object/records.h"

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/encoding.h"

namespace cairn::object {

namespace {}  // namespace

std::string version_id_of(uint64_t order, bool is_null, const OwnerId& owner) {
  if (is_null) return std::string(kNullVersionId);
  uint8_t raw[2 * kVersionIdHalfBytes];
  store_be(raw, order);
  std::copy_n(owner.bytes.begin(), kVersionIdHalfBytes, raw + kVersionIdHalfBytes);
  return to_hex(raw);
}

std::string version_id_of(const Head& head) {
  return version_id_of(head.order, head.is_null, head.owner);
}

std::optional<uint64_t> order_of(std::string_view version_id) {
  const std::optional<Bytes> raw = from_hex(version_id);
  if (!raw || raw->size() != 2 * kVersionIdHalfBytes) return std::nullopt;
  return load_be<uint64_t>(raw->data());
}

namespace {

uint64_t size_of(const std::vector<Extent>& extents) {
  uint64_t sum = 0;
  for (const Extent& extent : extents) sum += extent.size_bytes;
  return sum;
}

}  // namespace

uint64_t Manifest::size_bytes() const {
  return size_of(extents);
}

uint64_t NativeChunk::size_bytes() const {
  return size_of(extents);
}

std::vector<std::pair<ChunkId, OwnerId>> Manifest::references() const {
  std::vector<std::pair<ChunkId, OwnerId>> out;
  out.reserve(extents.size());
  if (parts.empty()) {
    for (const Extent& extent : extents) out.emplace_back(extent.chunk, owner);
  }
  size_t at = 0;
  for (const ManifestPart& part : parts) {
    for (uint32_t i = 0; i < part.extents_count; ++i) {
      out.emplace_back(extents[at++].chunk, part.owner);
    }
  }
  std::ranges::sort(out);
  const auto repeated = std::ranges::unique(out);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

std::vector<ChunkId> Manifest::chunks() const {
  std::vector<ChunkId> out;
  out.reserve(extents.size());
  for (const Extent& extent : extents) out.push_back(extent.chunk);
  std::ranges::sort(out);
  const auto repeated = std::ranges::unique(out);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

std::vector<Extent> Manifest::slice(ByteRange range) const {
  std::vector<Extent> out;
  uint64_t begin = 0;
  for (const Extent& extent : extents) {
    const uint64_t end = begin + extent.size_bytes;
    if (begin >= range.end_bytes()) break;
    if (end > range.offset_bytes) {
      const uint64_t from = std::max(begin, range.offset_bytes);
      const uint64_t to = std::min(end, range.end_bytes());
      Extent piece = extent;
      piece.offset_bytes += static_cast<uint32_t>(from - begin);
      piece.size_bytes = static_cast<uint32_t>(to - from);
      if (piece.size_bytes > 0) out.push_back(piece);
    }
    begin = end;
  }
  return out;
}

}  // namespace cairn::object
