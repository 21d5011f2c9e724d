#include "object/chunk_rows.h"

#include <algorithm>

#include "base/bytes.h"
#include "crypto/sealing.h"
#include "storage/limits.h"

namespace cairn::object {
namespace {

constexpr size_t kStoreBytes = 8;
constexpr size_t kNodeBytes = 8;
constexpr size_t kFrontBytes = 3 + kStoreBytes;
constexpr size_t kChunkBytes = sizeof(ChunkId::bytes);
constexpr size_t kIdBytes = sizeof(RandomId);
constexpr size_t kNumberBytes = 8;
constexpr size_t kRowBytes = kIdBytes + 4 + 4;

template <size_t kSize>
std::string_view text_of(const std::array<uint8_t, kSize>& bytes) {
  return as_text(BytesView(bytes));
}
template <size_t kSize>
void take(std::string_view text, std::array<uint8_t, kSize>& out) {
  std::copy_n(as_bytes(text).begin(), kSize, out.begin());
}

}  // namespace

ChunkRows::ChunkRows(const RandomId& store_id) : store_(text_of(store_id).substr(0, kStoreBytes)) {}

std::string ChunkRows::chunk(const ChunkId& id) const {
  return chunks().append(text_of(id.bytes));
}

std::string ChunkRows::holds(const ChunkId& id) const {
  return all_holds().append(text_of(id.bytes));
}

std::string ChunkRows::holds(const ChunkId& id, const ChunkSession& session) const {
  return holds(id).append(text_of(session));
}

std::string ChunkRows::hold(const ChunkId& id, const ChunkSession& session, uint64_t number) const {
  std::array<uint8_t, kNumberBytes> bytes;
  store_be(bytes.data(), number);
  return holds(id, session).append(text_of(bytes));
}

std::string ChunkRows::session(const ChunkSession& session) const {
  return sessions().append(text_of(session));
}

std::string ChunkRows::fence(const ChunkSession& session) const {
  return prefix("sf/").append(text_of(session));
}

std::string ChunkRows::sessions_of_node(const RandomId& node) const {
  return sessions().append(text_of(node).substr(0, kNodeBytes));
}

std::string ChunkRows::trash(const RandomId& generation) const {
  return all_trash().append(text_of(generation));
}

std::optional<ChunkId> ChunkRows::parse_chunk(std::string_view key) const {
  if (key.size() != kFrontBytes + kChunkBytes || !key.starts_with(chunks())) return std::nullopt;
  ChunkId id;
  take(key.substr(kFrontBytes), id.bytes);
  return id;
}

std::optional<ChunkRows::Hold> ChunkRows::parse_hold(std::string_view key) const {
  if (key.size() != kFrontBytes + kChunkBytes + kIdBytes + kNumberBytes ||
      !key.starts_with(all_holds())) {
    return std::nullopt;
  }
  Hold hold;
  take(key.substr(kFrontBytes), hold.id.bytes);
  take(key.substr(kFrontBytes + kChunkBytes), hold.session);
  return hold;
}

std::optional<ChunkSession> ChunkRows::parse_session(std::string_view key) const {
  if (key.size() != kFrontBytes + kIdBytes || !key.starts_with(sessions())) return std::nullopt;
  ChunkSession session;
  take(key.substr(kFrontBytes), session);
  return session;
}

std::optional<RandomId> ChunkRows::parse_trash(std::string_view key) const {
  if (key.size() != kFrontBytes + kIdBytes || !key.starts_with(all_trash())) return std::nullopt;
  RandomId generation;
  take(key.substr(kFrontBytes), generation);
  return generation;
}

std::string encode_directory_row(const storage::DirectoryRow& row) {
  std::array<uint8_t, kRowBytes> bytes;
  std::ranges::copy(row.generation, bytes.begin());
  store_le(bytes.data() + kIdBytes, static_cast<uint32_t>(row.payload_bytes));
  store_le(bytes.data() + kIdBytes + 4, row.header_bytes);
  return std::string(text_of(bytes));
}

Result<storage::DirectoryRow> parse_directory_row(std::string_view value) {
  storage::DirectoryRow row;
  if (value.size() == kRowBytes) {
    take(value, row.generation);
    row.payload_bytes = load_le<uint32_t>(as_bytes(value).data() + kIdBytes);
    row.header_bytes = load_le<uint32_t>(as_bytes(value).data() + kIdBytes + 4);
  }
  if (row.payload_bytes == 0 || row.payload_bytes > storage::kPayloadBytesMax ||
      row.header_bytes > crypto::kSealedHeaderBytesMax) {
    return fail(Code::kCorruption, "the catalog's row of a chunk is damaged");
  }
  return row;
}

std::string encode_trash_value(const ChunkId& id) {
  return std::string(text_of(id.bytes));
}

Result<ChunkId> parse_trash_value(std::string_view value) {
  if (value.size() != kChunkBytes) {
    return fail(Code::kCorruption, "the catalog's row of a removed chunk is damaged");
  }
  ChunkId id;
  take(value, id.bytes);
  return id;
}

}  // namespace cairn::object
