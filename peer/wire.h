// What nodes of a cluster say to each other: a question in the target of a GET, and an answer in
// the body (docs/decisions/0020).
//
//   GET /v1/chunks/<64 hex digits>?from=N&size=N[&copy=1][&pin=1][&warm=1][&urgency=N]
//   body: 'w'* 'a' <answer head, 24 bytes> <sealed header> <sealed bytes>
//
// 'w' says that the owner reads and is alive. Numbers are little-endian. Parsing takes hostile
// bytes. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "peer/limits.h"
#include "storage/chunk_store.h"

namespace cairn::peer {

inline constexpr std::string_view kChunksPath = "/v1/chunks/";
inline constexpr std::string_view kFromField = "x-cairn-node";  // Who asks.

struct Question {
  storage::ChunkId chunk;
  ByteRange range;
  bool is_copy = false;  // The asked node may take it from the first owner.
  bool pin = false;
  bool warm = false;  // Fetch and keep; no bytes are wanted.
  storage::Urgency urgency = storage::Urgency::kClient;
  friend bool operator==(const Question&, const Question&) = default;
};

std::string target_of(const Question& question);
// nullopt for what is none: a range is not empty and lies where a chunk may have bytes.
std::optional<Question> parse_question(std::string_view path, std::string_view query);

inline constexpr uint8_t kWaitMark = 'w';
inline constexpr uint8_t kAnswerMark = 'a';
inline constexpr size_t kAnswerHeadBytes = 24;

struct AnswerHead {
  enum class Outcome : uint8_t { kBytes = 0, kAbsent = 1, kFailed = 2 };
  Outcome outcome = Outcome::kFailed;
  uint8_t owners_count = 1;  // On how many nodes the chunk shall be now.
  uint16_t header_bytes = 0;
  uint32_t data_bytes = 0;
  uint64_t payload_bytes = 0;  // Of the whole chunk.
  uint64_t checksum = 0;       // CRC-64/NVME of what follows.
  friend bool operator==(const AnswerHead&, const AnswerHead&) = default;
};

// With the mark in front.
std::array<uint8_t, 1 + kAnswerHeadBytes> encode(const AnswerHead& head);
// Of the bytes behind the mark; nullopt for sizes that no answer has.
std::optional<AnswerHead> decode_answer(BytesView bytes);

}  // namespace cairn::peer
