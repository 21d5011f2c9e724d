// The only file of transfer/ that sees protobuf.
#include "transfer/native_messages.h"

#include <algorithm>

#include "proto/native.pb.h"

namespace cairn::transfer {
namespace {

namespace wire = proto::native;

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::kInvalidArgument,
              "the server's answer to " + std::string(what) + " is not one of this protocol");
}

template <typename Message>
bool parse_message(Message& message, std::string_view body) {
  return message.ParseFromArray(body.data(), static_cast<int>(body.size()));
}

std::optional<ChunkState> state_of(char byte) {
  switch (byte) {
    case 0: return ChunkState::kMissing;
    case 1: return ChunkState::kHeld;
    case 2: return ChunkState::kChallenge;
    default: return std::nullopt;
  }
}

std::string flags_of(const std::vector<bool>& flags) {
  std::string out;
  out.reserve(flags.size());
  for (const bool flag : flags) out.push_back(flag ? '\1' : '\0');
  return out;
}

}  // namespace

std::string encode_piece_names(const std::vector<PieceName>& names) {
  std::string out;
  out.reserve(names.size() * kPieceNameBytes);
  for (const PieceName& name : names) {
    uint8_t size[sizeof(name.size_bytes)];
    store_le(size, name.size_bytes);
    out.append(as_text(name.hash)).append(as_text(size));
  }
  return out;
}

PieceName chunk_name(const std::vector<PieceName>& segments) {
  Bytes hashes;
  hashes.reserve(segments.size() * sizeof(crypto::Sha256Value));
  PieceName out;
  for (const PieceName& segment : segments) {
    hashes.insert(hashes.end(), segment.hash.begin(), segment.hash.end());
    out.size_bytes += segment.size_bytes;
  }
  out.hash = crypto::sha256(hashes);
  return out;
}

std::string encode_begin(uint64_t size_bytes, std::string_view owner_head) {
  wire::BeginRequest out;
  out.set_size_bytes(size_bytes);
  out.set_owner_head(owner_head.data(), owner_head.size());
  return out.SerializeAsString();
}

Result<std::string> parse_begin_reply(std::string_view body) {
  wire::BeginReply in;
  // It becomes part of a URL.
  constexpr size_t kSessionCharsMax = 128;
  const auto is_plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  };
  const bool good = parse_message(in, body) && !in.session().empty() &&
                    in.session().size() <= kSessionCharsMax &&
                    std::ranges::all_of(in.session(), is_plain);
  if (!good) return damaged("begin");
  return in.session();
}

std::string encode_offer(const std::vector<PieceName>& chunks) {
  wire::OfferRequest out;
  out.set_chunks(encode_piece_names(chunks));
  return out.SerializeAsString();
}

Result<OfferAnswer> parse_offer_reply(std::string_view body, size_t chunks_count) {
  wire::OfferReply in;
  if (!parse_message(in, body) || in.states().size() != chunks_count) return damaged("an offer");
  OfferAnswer out;
  for (const char byte : in.states()) {
    const std::optional<ChunkState> state = state_of(byte);
    if (!state) return damaged("an offer");
    out.states.push_back(*state);
  }
  for (const auto& challenge : in.challenges()) {
    if (challenge.index() >= chunks_count) return damaged("an offer");
    out.nonces.emplace_back(challenge.index(), challenge.nonce());
  }
  return out;
}

std::string encode_segments(const std::vector<std::vector<PieceName>>& chunks) {
  wire::SegmentsRequest out;
  for (const std::vector<PieceName>& chunk : chunks) out.add_chunks(encode_piece_names(chunk));
  return out.SerializeAsString();
}

Result<std::vector<std::vector<bool>>> parse_segments_reply(
    std::string_view body, const std::vector<std::vector<PieceName>>& chunks) {
  wire::SegmentsReply in;
  if (!parse_message(in, body) || static_cast<size_t>(in.missing_size()) != chunks.size()) {
    return damaged("a list of segments");
  }
  std::vector<std::vector<bool>> out;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const std::string& flags = in.missing(static_cast<int>(i));
    if (flags.size() != chunks[i].size()) return damaged("a list of segments");
    std::vector<bool>& is_missing = out.emplace_back();
    for (const char flag : flags) is_missing.push_back(flag != '\0');
  }
  return out;
}

std::string encode_proof(const PieceName& chunk, std::string_view nonce,
                         const crypto::Sha256Value& answer) {
  wire::ProveRequest out;
  auto* const proof = out.add_proofs();
  proof->set_chunk(encode_piece_names({chunk}));
  proof->set_nonce(nonce.data(), nonce.size());
  proof->set_answer(answer.data(), answer.size());
  return out.SerializeAsString();
}

Result<ChunkState> parse_prove_reply(std::string_view body) {
  wire::ProveReply in;
  if (!parse_message(in, body) || in.states().size() != 1) return damaged("a proof");
  const std::optional<ChunkState> state = state_of(in.states().front());
  if (!state) return damaged("a proof");
  return *state;
}

std::string encode_fill_head(const std::vector<PieceName>& segments,
                             const std::vector<bool>& is_sent) {
  wire::FillHead head;
  head.set_segments(encode_piece_names(segments));
  head.set_sent(flags_of(is_sent));
  const std::string text = head.SerializeAsString();
  uint8_t size[sizeof(uint32_t)];
  store_le(size, static_cast<uint32_t>(text.size()));
  return std::string(as_text(size)) + text;
}

std::string encode_commit(const std::vector<PieceName>& chunks) {
  wire::CommitRequest out;
  out.set_chunks(encode_piece_names(chunks));
  return out.SerializeAsString();
}

Result<StatusAnswer> parse_status_reply(std::string_view body) {
  wire::StatusReply in;
  if (!parse_message(in, body) || in.chunks().size() % kPieceNameBytes != 0) {
    return damaged("a question about an upload");
  }
  StatusAnswer out;
  out.size_bytes = in.size_bytes();
  out.next = in.next();
  const uint8_t* at = as_bytes(in.chunks()).data();
  for (size_t left = in.chunks().size() / kPieceNameBytes; left > 0; --left) {
    PieceName& name = out.chunks.emplace_back();
    std::copy_n(at, name.hash.size(), name.hash.begin());
    name.size_bytes = load_le<uint32_t>(at + name.hash.size());
    at += kPieceNameBytes;
  }
  return out;
}

}  // namespace cairn::transfer
