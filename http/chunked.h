// The chunked transfer coding (RFC 9112 7.1), strict and bounded (RELIABILITY.md S3).
//
// The decoder keeps no body bytes: it copies data from its input to the caller's output, or, inside
// a chunk, lets the caller receive straight into its own memory (data_remaining, data_received).
// Sizes have at most 16 hex digits and no white space; extensions are bounded and ignored; trailers
// are bounded and kept. A failed decoder stays failed.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "http/message.h"

namespace cairn::http {

class ChunkedDecoder {
 public:
  ChunkedDecoder() { trailers_.reset(nullptr); }
  ChunkedDecoder(const ChunkedDecoder&) = delete;  // The trailer list refers to trailer_text_.
  ChunkedDecoder& operator=(const ChunkedDecoder&) = delete;

  struct Step {
    size_t consumed_bytes = 0;  // Taken from the input.
    size_t produced_bytes = 0;  // Written to the output.
  };
  // Decodes until the input is used up, the output is full, or the body is complete. Never takes a
  // byte behind the end of the body. kInvalidArgument on malformed framing.
  Result<Step> decode(BytesView input, MutableBytes output);

  // Data bytes of the current chunk that are still to come; the next bytes of the stream are these.
  uint64_t data_remaining() const { return state_ == State::kData ? chunk_remaining_ : 0; }
  // Tells that `size_bytes` of data_remaining() have been received by other means.
  void data_received(uint64_t size_bytes);

  bool is_complete() const { return state_ == State::kDone; }
  // Valid once complete.
  const FieldList& trailers() const { return trailers_; }

 private:
  enum class State : unsigned char {
    kSize,
    kExtension,
    kSizeLineFeed,
    kData,
    kDataReturn,
    kDataLineFeed,
    kTrailer,
    kDone,
    kFailed,
  };
  Status take_size_byte(char c);
  Status take_framing_byte(char c);
  Status end_size_line();
  Status take_trailer(BytesView input, size_t& consumed_bytes);
  Status fail_with(std::string_view what);

  State state_ = State::kSize;
  unsigned size_digits_count_ = 0;
  size_t extension_bytes_ = 0;
  uint64_t extension_total_bytes_ = 0;
  uint64_t chunk_remaining_ = 0;
  uint64_t data_total_bytes_ = 0;
  std::string trailer_text_;
  size_t trailer_position_ = 0;
  FieldList trailers_;
};

// The size line of a chunk: "1a2b\r\n".
class ChunkPrefix {
 public:
  // REQUIRES: size_bytes > 0 (a chunk of size 0 ends the body).
  explicit ChunkPrefix(uint64_t size_bytes);
  std::string_view text() const {
    return std::string_view(text_.data(), text_.size()).substr(begin_);
  }

 private:
  std::array<char, 18> text_;
  size_t begin_;
};
inline constexpr std::string_view kChunkSuffix = "\r\n";
// Last chunk and empty trailer section.
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace cairn::http
