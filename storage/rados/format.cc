#include "storage/rados/format.h"

#include <algorithm>

#include "base/encoding.h"
#include "storage/limits.h"

namespace cairn::storage {
namespace {

// Offsets in a description. All numbers little-endian; the checksum is over all before it.
constexpr uint32_t kMagic = 0x31445243;  // "CRD1"
constexpr uint32_t kVersion = 1;
constexpr size_t kVersionAt = 4;
constexpr size_t kChunkAt = 8;
constexpr size_t kGenerationAt = 40;
constexpr size_t kPayloadBytesAt = 56;
constexpr size_t kPayloadSumAt = 64;
constexpr size_t kHeaderBytesAt = 72;
constexpr size_t kHeaderAt = 88;  // The 12 bytes before it are zero.
constexpr size_t kSumBytes = 8;
static_assert(kHeaderAt + kSumBytes == kDescriptionFixedBytes);
static_assert(sizeof(ChunkId::bytes) == 32);

constexpr std::string_view kHoldPrefix = "hold.";
constexpr std::string_view kSessionPrefix = "session.";
constexpr size_t kIdDigits = 32;
constexpr size_t kNumberDigits = 16;

// Exactly `out.size()` bytes, in the lower-case digits that to_hex() gives.
bool read_hex(std::string_view text, MutableBytes out) {
  const std::optional<Bytes> bytes = from_hex(text);
  if (!bytes || bytes->size() != out.size() || to_hex(*bytes) != text) return false;
  std::ranges::copy(*bytes, out.begin());
  return true;
}

}  // namespace

Bytes encode(const ChunkDescription& description) {
  Bytes bytes(kDescriptionFixedBytes + description.sealed_header.size());
  store_le(bytes.data(), kMagic);
  store_le(bytes.data() + kVersionAt, kVersion);
  std::ranges::copy(description.chunk.bytes, bytes.begin() + kChunkAt);
  std::ranges::copy(description.generation, bytes.begin() + kGenerationAt);
  store_le(bytes.data() + kPayloadBytesAt, description.payload_bytes);
  store_le(bytes.data() + kPayloadSumAt, description.payload_xxh3);
  store_le(bytes.data() + kHeaderBytesAt, static_cast<uint32_t>(description.sealed_header.size()));
  std::ranges::copy(description.sealed_header, bytes.begin() + kHeaderAt);
  const size_t sum_at = bytes.size() - kSumBytes;
  store_le(bytes.data() + sum_at, checksum_of(BytesView(bytes).first(sum_at)));
  return bytes;
}

Result<ChunkDescription> decode_chunk_description(BytesView bytes) {
  if (bytes.size() < kDescriptionFixedBytes || bytes.size() > kDescriptionBytesMax ||
      load_le<uint32_t>(bytes.data()) != kMagic) {
    return fail(Code::kCorruption, "the description of a chunk is not one");
  }
  const size_t sum_at = bytes.size() - kSumBytes;
  if (load_le<uint64_t>(bytes.data() + sum_at) != checksum_of(bytes.first(sum_at))) {
    return fail(Code::kCorruption, "the description of a chunk does not match its checksum");
  }
  if (load_le<uint32_t>(bytes.data() + kVersionAt) != kVersion) {
    return fail(Code::kUnsupported, "a newer version wrote the description of a chunk");
  }
  ChunkDescription description;
  std::copy_n(bytes.begin() + kChunkAt, description.chunk.bytes.size(),
              description.chunk.bytes.begin());
  std::copy_n(bytes.begin() + kGenerationAt, description.generation.size(),
              description.generation.begin());
  description.payload_bytes = load_le<uint64_t>(bytes.data() + kPayloadBytesAt);
  description.payload_xxh3 = load_le<uint64_t>(bytes.data() + kPayloadSumAt);
  const size_t header_bytes = load_le<uint32_t>(bytes.data() + kHeaderBytesAt);
  const BytesView reserved = bytes.subspan(kHeaderBytesAt + 4, kHeaderAt - kHeaderBytesAt - 4);
  if (description.payload_bytes > kPayloadBytesMax ||
      header_bytes != bytes.size() - kDescriptionFixedBytes ||
      std::ranges::any_of(reserved, [](uint8_t byte) { return byte != 0; })) {
    return fail(Code::kCorruption, "the description of a chunk has impossible lengths");
  }
  const BytesView header = bytes.subspan(kHeaderAt, header_bytes);
  description.sealed_header.assign(header.begin(), header.end());
  return description;
}

std::string object_name_of(const ChunkId& id) {
  return to_hex(id.bytes);
}

std::optional<ChunkId> chunk_of_object_name(std::string_view name) {
  ChunkId id;
  if (!read_hex(name, id.bytes)) return std::nullopt;
  return id;
}

std::string attribute_of(const HoldName& hold) {
  std::array<uint8_t, sizeof(uint64_t)> number{};
  store_be(number.data(), hold.number);
  return std::string(kHoldPrefix) + to_hex(hold.session) + "." + to_hex(number);
}

std::optional<HoldName> hold_of_attribute(std::string_view name) {
  if (!name.starts_with(kHoldPrefix)) return std::nullopt;
  name.remove_prefix(kHoldPrefix.size());
  if (name.size() != kIdDigits + 1 + kNumberDigits || name[kIdDigits] != '.') return std::nullopt;
  HoldName hold;
  std::array<uint8_t, sizeof(uint64_t)> number{};
  if (!read_hex(name.substr(0, kIdDigits), hold.session)) return std::nullopt;
  if (!read_hex(name.substr(kIdDigits + 1), number)) return std::nullopt;
  hold.number = load_be<uint64_t>(number.data());
  return hold;
}

std::string attribute_of_session(const SessionId& session) {
  return std::string(kSessionPrefix) + to_hex(session);
}

std::optional<SessionId> session_of_attribute(std::string_view name) {
  SessionId session{};
  if (!name.starts_with(kSessionPrefix)) return std::nullopt;
  if (!read_hex(name.substr(kSessionPrefix.size()), session)) return std::nullopt;
  return session;
}

}  // namespace cairn::storage
