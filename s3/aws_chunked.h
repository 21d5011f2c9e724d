// Streaming decoder of aws-chunked bodies (S3.md 1.4): strips the framing, verifies chunk and
// trailer signatures, collects the trailer. Never copies data: it points into what it was fed.
//
// Data is handed out before the signature of its chunk is known, so nothing may be committed before
// finish() has succeeded; finish() fails unless the final chunk (and the trailer signature, where
// due) was verified and the decoded length is the declared one.
// Bounds: chunk line kChunkLineBytesMax, trailer kTrailerBytesMax.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "s3/errors.h"
#include "s3/payload.h"
#include "s3/request_view.h"

namespace cairn::s3 {

inline constexpr size_t kChunkLineBytesMax = 1024;
inline constexpr size_t kTrailerBytesMax = 4096;
inline constexpr size_t kTrailersMax = 8;

struct Trailer {
  std::string name;  // Lower-case.
  std::string value;
};

// x-amz-decoded-content-length: 411 MissingContentLength when absent or garbled.
S3Result<uint64_t> decoded_content_length(const RequestView& request);

class AwsChunkedDecoder {
 public:
  // `signing` is required for the signed kinds. 501 NotImplemented for the ECDSA ones.
  // `expected_trailer` is the lower-case name in x-amz-trailer, if any: it must arrive.
  static S3Result<AwsChunkedDecoder> create(const Payload& payload, uint64_t decoded_bytes,
                                            std::optional<ChunkSigning> signing,
                                            std::optional<std::string> expected_trailer);
  AwsChunkedDecoder(AwsChunkedDecoder&&) noexcept;
  AwsChunkedDecoder& operator=(AwsChunkedDecoder&&) noexcept;
  ~AwsChunkedDecoder();

  struct Step {
    size_t consumed_bytes = 0;  // Of the input; > 0 unless the input is empty.
    BytesView data;             // Part of the input; often empty (framing).
  };
  // Decodes a prefix of `input`; call again with the rest. After an error only destruction is
  // legal.
  S3Result<Step> next(BytesView input);
  // True once the final chunk was seen: only the trailer may follow.
  bool at_tail() const;
  // At the end of the body. Errors: IncompleteBody, SignatureDoesNotMatch, MalformedTrailerError.
  S3Status finish();

  uint64_t decoded_bytes() const;
  // REQUIRES: finish() succeeded.
  const std::vector<Trailer>& trailers() const;

 private:
  struct State;
  explicit AwsChunkedDecoder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Drops the token aws-chunked from a Content-Encoding and keeps the others in order.
std::string without_aws_chunked(std::string_view content_encoding);

}  // namespace cairn::s3
