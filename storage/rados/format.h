// Bytes of the store in a Ceph pool (docs/format.md): the description of a chunk, which is an
// attribute of its object, and the names of objects and attributes. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/chunk_store.h"
#include "storage/log_format.h"

namespace cairn::storage {

// A run of a store on a node. Its first half tells the node; see session.h.
using SessionId = RandomId;

// What stands beside the payload, which is the object's content.
struct ChunkDescription {
  ChunkId chunk;
  RandomId generation{};  // Of this writing of the chunk; random.
  uint64_t payload_bytes = 0;
  uint64_t payload_xxh3 = 0;
  Bytes sealed_header;
  friend bool operator==(const ChunkDescription&, const ChunkDescription&) = default;
};

inline constexpr const char* kDescriptionAttribute = "cairn";
inline constexpr size_t kDescriptionFixedBytes = 96;
inline constexpr size_t kDescriptionBytesMax =
    kDescriptionFixedBytes + crypto::kSealedHeaderBytesMax;

// REQUIRES: lengths within their limits.
Bytes encode(const ChunkDescription& description);
// kCorruption on a wrong magic, length or checksum; kUnsupported for a newer version. Input of any
// size is safe.
Result<ChunkDescription> decode_chunk_description(BytesView bytes);

// 64 hex digits.
std::string object_name_of(const ChunkId& id);
std::optional<ChunkId> chunk_of_object_name(std::string_view name);

// A hold of a session is an attribute "hold.<session>.<number>", 32 and 16 hex digits. A number is
// never used twice by a session.
struct HoldName {
  SessionId session{};
  uint64_t number = 0;
  friend bool operator==(const HoldName&, const HoldName&) = default;
};
std::string attribute_of(const HoldName& hold);
std::optional<HoldName> hold_of_attribute(std::string_view name);

// A session is an attribute "session.<32 hex digits>" of a control object.
std::string attribute_of_session(const SessionId& session);
std::optional<SessionId> session_of_attribute(std::string_view name);

}  // namespace cairn::storage
