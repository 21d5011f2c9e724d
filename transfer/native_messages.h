// Messages of the native protocol as its client writes and reads them (docs/native-protocol.md).
// The server's side is native/messages.h; both are made of proto/native.proto.
//
// A reply is untrusted: it parses to what was asked about, or fails. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/digest.h"

namespace cairn::transfer {

// Of a segment: SHA-256 of its bytes; of a chunk: SHA-256 over the hashes of its segments.
struct PieceName {
  crypto::Sha256Value hash{};
  uint32_t size_bytes = 0;
  friend auto operator<=>(const PieceName&, const PieceName&) = default;
};
inline constexpr size_t kPieceNameBytes = 36;
std::string encode_piece_names(const std::vector<PieceName>& names);
PieceName chunk_name(const std::vector<PieceName>& segments);

enum class ChunkState : uint8_t { kMissing = 0, kHeld = 1, kChallenge = 2 };

// `owner_head`: of a version that another site sends; else empty.
std::string encode_begin(uint64_t size_bytes, std::string_view owner_head = {});
Result<std::string> parse_begin_reply(std::string_view body);  // The session.

std::string encode_offer(const std::vector<PieceName>& chunks);
struct OfferAnswer {
  std::vector<ChunkState> states;
  std::vector<std::pair<size_t, std::string>> nonces;  // By index of the chunk, of challenges.
};
Result<OfferAnswer> parse_offer_reply(std::string_view body, size_t chunks_count);

std::string encode_segments(const std::vector<std::vector<PieceName>>& chunks);
// For each chunk and segment whether it has to be sent.
Result<std::vector<std::vector<bool>>> parse_segments_reply(
    std::string_view body, const std::vector<std::vector<PieceName>>& chunks);

std::string encode_proof(const PieceName& chunk, std::string_view nonce,
                         const crypto::Sha256Value& answer);
Result<ChunkState> parse_prove_reply(std::string_view body);

// What stands before the bytes of a fill: the size of the head, and the head.
std::string encode_fill_head(const std::vector<PieceName>& segments,
                             const std::vector<bool>& is_sent);

std::string encode_commit(const std::vector<PieceName>& chunks);

struct StatusAnswer {
  uint64_t size_bytes = 0;
  std::vector<PieceName> chunks;
  std::string next;  // Empty = the last page.
};
Result<StatusAnswer> parse_status_reply(std::string_view body);

}  // namespace cairn::transfer
