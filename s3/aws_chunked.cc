#include "s3/aws_chunked.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "s3/sigv4.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kChunkSignature = "chunk-signature=";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";

std::unexpected<S3Error> broken_framing() {
  return s3_fail(S3Code::kIncompleteBody);
}
std::unexpected<S3Error> broken_trailer() {
  return s3_fail(S3Code::kMalformedTrailerError);
}

std::optional<uint64_t> parse_size(std::string_view text, int base, size_t digits_max) {
  uint64_t value = 0;
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// A line without its end; nullopt at the end of `rest`.
std::optional<std::string_view> next_line(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  while (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

struct AwsChunkedDecoder::State {
  enum class Phase : uint8_t { kLine, kData, kDataEnd, kTail, kFinished, kFailed };

  S3Result<Step> step(BytesView input);
  S3Result<size_t> take_line(std::string_view input);
  S3Status begin_chunk(std::string_view line);
  S3Result<size_t> take_data_end(std::string_view input);
  S3Result<size_t> take_tail(std::string_view input);
  BytesView take_data(BytesView input);
  S3Status end_chunk();
  S3Status verify(std::string_view text, std::string_view signature);
  S3Status parse_tail();
  S3Status verify_trailer(std::string_view signature);
  bool is_signed() const { return signing.has_value(); }

  bool has_trailer = false;
  uint64_t declared_bytes = 0;
  std::optional<ChunkSigning> signing;  // seed_signature becomes the previous one of the chain.
  std::optional<std::string> expected_trailer;

  Phase phase = Phase::kLine;
  std::string line;  // Only what of a line came in an earlier piece.
  std::string tail;  // Everything after the final chunk's line.
  uint64_t decoded_bytes = 0;
  uint64_t chunk_left_bytes = 0;
  size_t data_end_seen = 0;
  bool is_final_chunk_verified = false;
  std::string chunk_signature;
  std::unique_ptr<crypto::Digest> chunk_digest;
  std::vector<Trailer> trailers;
};

S3Status AwsChunkedDecoder::State::verify(std::string_view text, std::string_view signature) {
  const HexSha256 expected(crypto::hmac_sha256(signing->signing_key, as_bytes(text)));
  if (!crypto::equal_secret(as_bytes(expected.view()), as_bytes(signature))) {
    return s3_fail(
        S3Code::kSignatureDoesNotMatch, {},
        {{"StringToSign", std::string(text)}, {"SignatureProvided", std::string(signature)}});
  }
  signing->seed_signature = expected.view();
  return {};
}

S3Status AwsChunkedDecoder::State::begin_chunk(std::string_view text) {
  const size_t semicolon = std::min(text.find(';'), text.size());
  const std::optional<uint64_t> size = parse_size(trimmed(text.substr(0, semicolon)), 16, 16);
  if (!size || *size > declared_bytes - decoded_bytes) return broken_framing();
  if (is_signed()) {
    const std::string_view extension = trimmed(text.substr(std::min(semicolon + 1, text.size())));
    if (!extension.starts_with(kChunkSignature)) return broken_framing();
    chunk_signature = extension.substr(kChunkSignature.size());
    chunk_digest = crypto::Digest::create(crypto::DigestKind::kSha256);
  }
  chunk_left_bytes = *size;
  if (*size > 0) {
    phase = Phase::kData;
    return {};
  }
  if (S3Status last = end_chunk(); !last) return last;
  is_final_chunk_verified = true;
  phase = Phase::kTail;
  return {};
}

S3Status AwsChunkedDecoder::State::end_chunk() {
  if (!is_signed()) return {};
  const crypto::DigestValue digest = chunk_digest->finish();
  crypto::Sha256Value chunk_hash{};
  std::ranges::copy(digest.view(), chunk_hash.begin());
  std::string text = "AWS4-HMAC-SHA256-PAYLOAD\n" + signing->date + "\n" + signing->scope + "\n" +
                     signing->seed_signature + "\n";
  text += kEmptySha256;
  text += '\n';
  text += HexSha256(chunk_hash).view();
  return verify(text, chunk_signature);
}

// Returns how much of the input belongs to the line.
S3Result<size_t> AwsChunkedDecoder::State::take_line(std::string_view input) {
  const size_t newline = input.find('\n');
  const std::string_view part = input.substr(0, newline);
  if (line.size() + part.size() > kChunkLineBytesMax) return broken_framing();
  if (newline == std::string_view::npos) {
    line += part;
    return input.size();
  }
  std::string_view whole = part;
  if (!line.empty()) {
    line += part;
    whole = line;
  }
  if (!whole.ends_with('\r')) return broken_framing();
  if (S3Status begun = begin_chunk(whole.substr(0, whole.size() - 1)); !begun) {
    return std::unexpected(std::move(begun.error()));
  }
  line.clear();
  return newline + 1;
}

BytesView AwsChunkedDecoder::State::take_data(BytesView input) {
  const size_t size = static_cast<size_t>(std::min<uint64_t>(chunk_left_bytes, input.size()));
  const BytesView data = input.first(size);
  if (is_signed()) chunk_digest->update(data);
  chunk_left_bytes -= size;
  decoded_bytes += size;
  return data;
}

S3Result<size_t> AwsChunkedDecoder::State::take_data_end(std::string_view input) {
  constexpr std::string_view kEnd = "\r\n";
  if (input[0] != kEnd[data_end_seen]) return broken_framing();
  if (++data_end_seen == kEnd.size()) {
    data_end_seen = 0;
    phase = Phase::kLine;
  }
  return 1;
}

S3Result<size_t> AwsChunkedDecoder::State::take_tail(std::string_view input) {
  if (tail.size() + input.size() > kTrailerBytesMax) return broken_trailer();
  tail += input;
  return input.size();
}

S3Result<AwsChunkedDecoder::Step> AwsChunkedDecoder::State::step(BytesView input) {
  size_t consumed_bytes = 0;
  while (consumed_bytes < input.size()) {
    const BytesView rest = input.subspan(consumed_bytes);
    if (phase == Phase::kData) {
      const BytesView data = take_data(rest);
      if (chunk_left_bytes == 0) {
        if (S3Status ended = end_chunk(); !ended) return std::unexpected(std::move(ended.error()));
        phase = Phase::kDataEnd;
      }
      return Step{consumed_bytes + data.size(), data};
    }
    S3Result<size_t> taken = phase == Phase::kLine      ? take_line(as_text(rest))
                             : phase == Phase::kDataEnd ? take_data_end(as_text(rest))
                                                        : take_tail(as_text(rest));
    if (!taken) return std::unexpected(std::move(taken.error()));
    consumed_bytes += *taken;
  }
  return Step{consumed_bytes, {}};
}

S3Status AwsChunkedDecoder::State::verify_trailer(std::string_view signature) {
  std::string listed;
  for (const Trailer& trailer : trailers) listed += trailer.name + ":" + trailer.value + "\n";
  std::string text = "AWS4-HMAC-SHA256-TRAILER\n" + signing->date + "\n" + signing->scope + "\n" +
                     signing->seed_signature + "\n";
  text += HexSha256(crypto::sha256(as_bytes(listed))).view();
  return verify(text, signature);
}

// Line ends differ between clients (LF, CRLF, blank lines in between): S3.md 1.4.
S3Status AwsChunkedDecoder::State::parse_tail() {
  std::optional<std::string> signature;
  std::string_view rest = tail;
  while (const std::optional<std::string_view> text = next_line(rest)) {
    if (text->empty()) continue;
    if (!has_trailer) return broken_framing();
    const size_t colon = text->find(':');
    if (colon == std::string_view::npos || colon == 0) return broken_trailer();
    Trailer trailer{std::string(trimmed(text->substr(0, colon))),
                    std::string(trimmed(text->substr(colon + 1)))};
    std::ranges::transform(trailer.name, trailer.name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    if (trailer.name == kTrailerSignature) {
      if (signature || !is_signed()) return broken_trailer();
      signature = std::move(trailer.value);
      continue;
    }
    // Nothing may follow what the signature covers, and only the announced name is known.
    if (signature || trailer.name != expected_trailer) return broken_trailer();
    if (trailers.size() == kTrailersMax) return broken_trailer();
    trailers.push_back(std::move(trailer));
  }
  if (expected_trailer && trailers.size() != 1) return broken_trailer();
  if (!has_trailer || !is_signed()) return {};
  if (!signature) return broken_trailer();
  return verify_trailer(*signature);
}

S3Result<uint64_t> decoded_content_length(const RequestView& request) {
  constexpr std::string_view kName = "x-amz-decoded-content-length";
  const std::optional<std::string_view> text = request.header(kName);
  const std::optional<uint64_t> size = text ? parse_size(*text, 10, 19) : std::nullopt;
  if (!size || request.header_count(kName) > 1) return s3_fail(S3Code::kMissingContentLength);
  return *size;
}

S3Result<AwsChunkedDecoder> AwsChunkedDecoder::create(const Payload& payload,
                                                      uint64_t decoded_bytes,
                                                      std::optional<ChunkSigning> signing,
                                                      std::optional<std::string> expected_trailer) {
  ASSERT(payload.is_streaming());
  if (payload.kind == PayloadKind::kStreamingEcdsa ||
      payload.kind == PayloadKind::kStreamingEcdsaTrailer) {
    return s3_fail(S3Code::kNotImplemented,
                   "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD is not implemented.");
  }
  const bool needs_signing = payload.kind != PayloadKind::kStreamingUnsignedTrailer;
  ASSERT(needs_signing == signing.has_value());
  auto state = std::make_unique<State>();
  state->has_trailer = payload.has_trailer();
  state->declared_bytes = decoded_bytes;
  state->signing = std::move(signing);
  state->expected_trailer = std::move(expected_trailer);
  return AwsChunkedDecoder(std::move(state));
}

AwsChunkedDecoder::AwsChunkedDecoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
AwsChunkedDecoder::AwsChunkedDecoder(AwsChunkedDecoder&&) noexcept = default;
AwsChunkedDecoder& AwsChunkedDecoder::operator=(AwsChunkedDecoder&&) noexcept = default;
AwsChunkedDecoder::~AwsChunkedDecoder() = default;

S3Result<AwsChunkedDecoder::Step> AwsChunkedDecoder::next(BytesView input) {
  ASSERT(state_->phase != State::Phase::kFailed && state_->phase != State::Phase::kFinished);
  S3Result<Step> step = state_->step(input);
  if (!step) state_->phase = State::Phase::kFailed;
  return step;
}

bool AwsChunkedDecoder::at_tail() const {
  return state_->phase == State::Phase::kTail;
}

S3Status AwsChunkedDecoder::finish() {
  State& state = *state_;
  const bool is_complete = state.phase == State::Phase::kTail && state.is_final_chunk_verified &&
                           state.decoded_bytes == state.declared_bytes;
  state.phase = State::Phase::kFailed;
  if (!is_complete) return broken_framing();
  if (S3Status parsed = state.parse_tail(); !parsed) return parsed;
  state.phase = State::Phase::kFinished;
  return {};
}

uint64_t AwsChunkedDecoder::decoded_bytes() const {
  return state_->decoded_bytes;
}

const std::vector<Trailer>& AwsChunkedDecoder::trailers() const {
  ASSERT(state_->phase == State::Phase::kFinished);
  return state_->trailers;
}

std::string without_aws_chunked(std::string_view content_encoding) {
  std::string out;
  for (size_t from = 0; from <= content_encoding.size();) {
    const size_t to = std::min(content_encoding.find(',', from), content_encoding.size());
    const std::string_view token = trimmed(content_encoding.substr(from, to - from));
    from = to + 1;
    if (token.empty() || equal_ignoring_case(token, "aws-chunked")) continue;
    if (!out.empty()) out += ", ";
    out += token;
  }
  return out;
}

}  // namespace cairn::s3
