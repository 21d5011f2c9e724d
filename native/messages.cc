// The only file of native/ that sees protobuf.
#include "native/messages.h"

#include <algorithm>

#include "object/replica.h"
#include "proto/native.pb.h"
#include "transfer/chunker.h"

namespace cairn::native {
namespace {

namespace wire = proto::native;

std::unexpected<Error> malformed(std::string_view message, std::string_view why) {
  return fail(Code::kInvalidArgument,
              "the body is no " + std::string(message) + ": " + std::string(why));
}

template <typename Message>
bool parse_message(Message& message, BytesView bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

bool take_hash(const std::string& text, crypto::Sha256Value& out) {
  if (text.size() != out.size()) return false;
  std::ranges::copy(as_bytes(text), out.begin());
  return true;
}

// nullopt when the text is no list of names.
std::optional<std::vector<ContentName>> parse_names(const std::string& text) {
  if (text.size() % kNameBytes != 0) return std::nullopt;
  std::vector<ContentName> out(text.size() / kNameBytes);
  const uint8_t* at = as_bytes(text).data();
  for (ContentName& name : out) {
    std::copy_n(at, name.hash.size(), name.hash.begin());
    name.size_bytes = load_le<uint32_t>(at + name.hash.size());
    at += kNameBytes;
  }
  return out;
}

std::string encode_names(const std::vector<ContentName>& names) {
  std::string out;
  out.reserve(names.size() * kNameBytes);
  for (const ContentName& name : names) {
    uint8_t size[sizeof(name.size_bytes)];
    store_le(size, name.size_bytes);
    out.append(as_text(name.hash)).append(as_text(size));
  }
  return out;
}

std::string encode_states(const std::vector<State>& states) {
  std::string out;
  out.reserve(states.size());
  for (const State state : states) out.push_back(static_cast<char>(state));
  return out;
}

constexpr std::string_view kNamesWanted =
    "a list of names has 36 bytes for each: SHA-256, then the size in 4 bytes, little-endian";

// Names of whole chunks.
Result<std::vector<ContentName>> parse_chunks(std::string_view message, const std::string& text,
                                              size_t count_max) {
  std::optional<std::vector<ContentName>> names = parse_names(text);
  if (!names) return malformed(message, kNamesWanted);
  if (names->size() > count_max) {
    return malformed(message, "it names " + std::to_string(names->size()) + " chunks, and " +
                                  std::to_string(count_max) + " may be named at once");
  }
  const bool fit = std::ranges::all_of(*names, [](const ContentName& name) {
    return name.size_bytes > 0 && name.size_bytes <= object::kBodyChunkBytesMax;
  });
  if (fit) return std::move(*names);
  return malformed(message,
                   "a chunk has 1 to " + std::to_string(object::kBodyChunkBytesMax) + " bytes");
}

}  // namespace

Result<BeginMessage> parse_begin(BytesView body) {
  wire::BeginRequest in;
  BeginMessage out;
  if (!parse_message(in, body)) return malformed("BeginRequest", "it does not parse");
  out.size_bytes = in.size_bytes();
  out.owner_head = in.owner_head();
  if (!out.owner_head.empty() && out.owner_head.size() != object::kOwnerHeadBytes) {
    return malformed("BeginRequest", "`owner_head` has 8 bytes, or none");
  }
  if (in.sha256().empty()) return out;
  out.sha256.emplace();
  if (take_hash(in.sha256(), *out.sha256)) return out;
  return malformed("BeginRequest", "`sha256` has 32 bytes, or none");
}

std::string encode_begin_reply(std::string_view session) {
  wire::BeginReply out;
  out.set_session(session.data(), session.size());
  out.set_chunker(transfer::kChunkerVersion);
  out.set_chunks_max(object::kNativeChunksMax);
  out.set_names_max(object::kNativeOfferNamesMax);
  return out.SerializeAsString();
}

Result<std::vector<ContentName>> parse_offer(BytesView body) {
  wire::OfferRequest in;
  if (!parse_message(in, body)) return malformed("OfferRequest", "it does not parse");
  return parse_chunks("OfferRequest", in.chunks(), object::kNativeOfferNamesMax);
}

std::string encode_offer_reply(const std::vector<State>& states,
                               const std::vector<Challenge>& challenges) {
  wire::OfferReply out;
  out.set_states(encode_states(states));
  for (const Challenge& challenge : challenges) {
    auto* const entry = out.add_challenges();
    entry->set_index(static_cast<uint32_t>(challenge.index));
    entry->set_nonce(challenge.nonce.data(), challenge.nonce.size());
  }
  return out.SerializeAsString();
}

Result<std::vector<Proof>> parse_prove(BytesView body) {
  wire::ProveRequest in;
  if (!parse_message(in, body)) return malformed("ProveRequest", "it does not parse");
  if (static_cast<size_t>(in.proofs_size()) > kProofsMax) {
    return malformed("ProveRequest", std::to_string(kProofsMax) + " proofs may come at once");
  }
  std::vector<Proof> out;
  for (const auto& proof : in.proofs()) {
    Result<std::vector<ContentName>> chunk = parse_chunks("ProveRequest", proof.chunk(), 1);
    if (!chunk) return std::unexpected(std::move(chunk.error()));
    Proof& entry = out.emplace_back();
    if (chunk->size() != 1 || proof.nonce().size() != kNonceBytes ||
        !take_hash(proof.answer(), entry.answer)) {
      return malformed("ProveRequest", "a proof has one name, a nonce and an answer of 32 bytes");
    }
    entry.chunk = chunk->front();
    entry.nonce.assign(as_bytes(proof.nonce()).begin(), as_bytes(proof.nonce()).end());
  }
  return out;
}

std::string encode_prove_reply(const std::vector<State>& states) {
  wire::ProveReply out;
  out.set_states(encode_states(states));
  return out.SerializeAsString();
}

Result<std::vector<std::vector<ContentName>>> parse_segments(BytesView body) {
  wire::SegmentsRequest in;
  if (!parse_message(in, body)) return malformed("SegmentsRequest", "it does not parse");
  std::vector<std::vector<ContentName>> out;
  size_t count = 0;
  for (const std::string& chunk : in.chunks()) {
    std::optional<std::vector<ContentName>> names = parse_names(chunk);
    if (!names) return malformed("SegmentsRequest", kNamesWanted);
    count += names->size();
    if (count > object::kNativeOfferNamesMax) {
      return malformed("SegmentsRequest", std::to_string(object::kNativeOfferNamesMax) +
                                              " segments may be named at once");
    }
    object::ChunkRecipe recipe;
    recipe.segments = std::move(*names);
    recipe.is_sent.resize(recipe.segments.size());
    const Status good = object::check_recipe(recipe);
    if (!good) return std::unexpected(good.error());
    out.push_back(std::move(recipe.segments));
  }
  return out;
}

std::string encode_segments_reply(const std::vector<std::vector<ContentName>>& chunks,
                                  const std::vector<bool>& known) {
  wire::SegmentsReply out;
  size_t next = 0;
  for (const std::vector<ContentName>& chunk : chunks) {
    std::string& missing = *out.add_missing();
    for (size_t i = 0; i < chunk.size(); ++i) missing.push_back(known[next++] ? '\0' : '\1');
  }
  return out.SerializeAsString();
}

Result<object::ChunkRecipe> parse_fill_head(BytesView head) {
  wire::FillHead in;
  if (!parse_message(in, head)) return malformed("FillHead", "it does not parse");
  std::optional<std::vector<ContentName>> names = parse_names(in.segments());
  if (!names) return malformed("FillHead", kNamesWanted);
  object::ChunkRecipe out;
  out.segments = std::move(*names);
  if (in.sent().empty()) {
    out.is_sent.assign(out.segments.size(), true);
  } else {
    for (const char byte : in.sent()) out.is_sent.push_back(byte != '\0');
  }
  const Status good = object::check_recipe(out);
  if (!good) return std::unexpected(good.error());
  return out;
}

Result<std::vector<ContentName>> parse_commit(BytesView body) {
  wire::CommitRequest in;
  if (!parse_message(in, body)) return malformed("CommitRequest", "it does not parse");
  return parse_chunks("CommitRequest", in.chunks(), object::kNativeChunksMax);
}

std::string encode_status_reply(uint64_t size_bytes, const std::vector<ContentName>& chunks,
                                std::string_view next) {
  wire::StatusReply out;
  out.set_size_bytes(size_bytes);
  out.set_chunks(encode_names(chunks));
  out.set_next(next.data(), next.size());
  return out.SerializeAsString();
}

}  // namespace cairn::native
