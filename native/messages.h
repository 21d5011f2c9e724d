// Bodies of the door's requests and replies as plain structures. Schema: proto/native.proto.
//
// A parser takes untrusted bytes that the door has bounded (limits below), and fails with
// kInvalidArgument and a sentence that tells the client what to change. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/units.h"
#include "object/native_upload.h"

namespace cairn::native {

using object::ContentName;

inline constexpr size_t kNameBytes = 36;
inline constexpr size_t kNonceBytes = 32;
inline constexpr size_t kProofsMax = 256;  // Of one request; the server reads a chunk for each.

// Of request bodies. An offer and a list of segments hold kNativeOfferNamesMax names at most; a
// commit kNativeChunksMax.
inline constexpr size_t kBeginBytesMax = 1 * KiB;
inline constexpr size_t kOfferBytesMax = object::kNativeOfferNamesMax * (kNameBytes + 8) + 1 * KiB;
inline constexpr size_t kProveBytesMax = kProofsMax * 128;
inline constexpr size_t kCommitBytesMax = object::kNativeChunksMax * kNameBytes + 1 * KiB;
inline constexpr size_t kFillHeadBytesMax =
    object::kSegmentsPerChunkMax * (kNameBytes + 1) + 1 * KiB;

struct BeginMessage {
  uint64_t size_bytes = 0;
  std::optional<crypto::Sha256Value> sha256;
  std::string owner_head;  // Empty, or object::kOwnerHeadBytes.
};
Result<BeginMessage> parse_begin(BytesView body);
std::string encode_begin_reply(std::string_view session);

Result<std::vector<ContentName>> parse_offer(BytesView body);
enum class State : uint8_t { kMissing = 0, kHeld = 1, kChallenge = 2 };
struct Challenge {
  size_t index = 0;  // Of the chunk in the offer.
  Bytes nonce;
};
std::string encode_offer_reply(const std::vector<State>& states,
                               const std::vector<Challenge>& challenges);

struct Proof {
  ContentName chunk;
  Bytes nonce;
  crypto::Sha256Value answer{};
};
Result<std::vector<Proof>> parse_prove(BytesView body);
std::string encode_prove_reply(const std::vector<State>& states);

// For each chunk the names of its segments; at most kNativeOfferNamesMax in all.
Result<std::vector<std::vector<ContentName>>> parse_segments(BytesView body);
// `known` in the order of the request, through all chunks.
std::string encode_segments_reply(const std::vector<std::vector<ContentName>>& chunks,
                                  const std::vector<bool>& known);

Result<object::ChunkRecipe> parse_fill_head(BytesView head);

Result<std::vector<ContentName>> parse_commit(BytesView body);

std::string encode_status_reply(uint64_t size_bytes, const std::vector<ContentName>& chunks,
                                std::string_view next);

}  // namespace cairn::native
