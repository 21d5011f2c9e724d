#include "http/chunked.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "http/head_parser.h"
#include "http/scan.h"

namespace cairn::http {
namespace {

// What extensions may cost in all beyond as many bytes as there is data (CVE-2023-39326).
constexpr uint64_t kExtensionTotalBytesMax = 16 * KiB;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Status ChunkedDecoder::fail_with(std::string_view what) {
  state_ = State::kFailed;
  return fail(Code::kInvalidArgument, "chunked body: " + std::string(what));
}

Status ChunkedDecoder::end_size_line() {
  if (chunk_remaining_ > kContentLengthMax - data_total_bytes_) return fail_with("size overflow");
  data_total_bytes_ += chunk_remaining_;
  state_ = chunk_remaining_ == 0 ? State::kTrailer : State::kData;
  size_digits_count_ = 0;
  extension_bytes_ = 0;
  return {};
}

Status ChunkedDecoder::take_size_byte(char c) {
  if (const int digit = hex_digit(c); digit >= 0) {
    if (size_digits_count_ == 0) chunk_remaining_ = 0;
    if (++size_digits_count_ > kChunkSizeDigitsMax) return fail_with("size has too many digits");
    chunk_remaining_ = chunk_remaining_ << 4 | static_cast<uint64_t>(digit);
    return {};
  }
  if (size_digits_count_ == 0) return fail_with("size is missing");
  if (c == ';') {
    state_ = State::kExtension;
    return {};
  }
  if (c != '\r') return fail_with("size line is malformed");
  state_ = State::kSizeLineFeed;
  return {};
}

// Every state whose bytes are looked at one by one.
Status ChunkedDecoder::take_framing_byte(char c) {
  switch (state_) {
    case State::kSize: return take_size_byte(c);
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeLineFeed;
        return {};
      }
      if ((detail::kClassTable[static_cast<uint8_t>(c)] & detail::kValueByte) == 0) {
        return fail_with("control byte in an extension");
      }
      if (++extension_bytes_ > kChunkExtensionBytesMax) return fail_with("extension is too long");
      if (++extension_total_bytes_ > kExtensionTotalBytesMax + data_total_bytes_) {
        return fail_with("more extensions than data");
      }
      return {};
    case State::kSizeLineFeed:
      if (c != '\n') return fail_with("bare CR in a size line");
      return end_size_line();
    case State::kDataReturn:
      if (c != '\r') return fail_with("chunk is longer than its size");
      state_ = State::kDataLineFeed;
      return {};
    case State::kDataLineFeed:
      if (c != '\n') return fail_with("bare CR behind a chunk");
      state_ = State::kSize;
      return {};
    default: return fail_with("failed before");
  }
}

void ChunkedDecoder::data_received(uint64_t size_bytes) {
  ASSERT(state_ == State::kData && size_bytes <= chunk_remaining_);
  chunk_remaining_ -= size_bytes;
  if (chunk_remaining_ == 0) state_ = State::kDataReturn;
}

Status ChunkedDecoder::take_trailer(BytesView input, size_t& consumed_bytes) {
  const std::string_view rest = as_text(input.subspan(consumed_bytes));
  const size_t line_size = std::min(rest.find('\n'), rest.size() - 1) + 1;
  if (trailer_text_.size() + line_size > kTrailerBytesMax) return fail_with("trailers too large");
  trailer_text_.append(rest.substr(0, line_size));
  consumed_bytes += line_size;
  trailers_.rebase(trailer_text_.data());

  Field field;
  switch (read_field_line(trailer_text_.data(), trailer_text_.size(), trailer_position_, field)) {
    case LineResult::kField:
      if (!trailers_.add(field.name, field.value)) return fail_with("too many trailers");
      return {};
    case LineResult::kEnd: state_ = State::kDone; return {};
    case LineResult::kIncomplete: return {};
    case LineResult::kMalformed: break;
  }
  return fail_with("malformed trailer");
}

Result<ChunkedDecoder::Step> ChunkedDecoder::decode(BytesView input, MutableBytes output) {
  Step step;
  while (step.consumed_bytes < input.size() && state_ != State::kDone) {
    Status taken;
    if (state_ == State::kData) {
      const auto size_bytes = static_cast<size_t>(
          std::min<uint64_t>({chunk_remaining_, input.size() - step.consumed_bytes,
                              output.size() - step.produced_bytes}));
      if (size_bytes == 0) break;
      std::memcpy(output.data() + step.produced_bytes, input.data() + step.consumed_bytes,
                  size_bytes);
      step.consumed_bytes += size_bytes;
      step.produced_bytes += size_bytes;
      data_received(size_bytes);
    } else if (state_ == State::kTrailer) {
      taken = take_trailer(input, step.consumed_bytes);
    } else {
      taken = take_framing_byte(static_cast<char>(input[step.consumed_bytes++]));
    }
    if (!taken.has_value()) return std::unexpected(std::move(taken.error()));
  }
  return step;
}

ChunkPrefix::ChunkPrefix(uint64_t size_bytes) : begin_(text_.size() - 2) {
  ASSERT(size_bytes > 0);
  text_[16] = '\r';
  text_[17] = '\n';
  for (; size_bytes != 0; size_bytes >>= 4) text_[--begin_] = "0123456789abcdef"[size_bytes & 15];
}

}  // namespace cairn::http
