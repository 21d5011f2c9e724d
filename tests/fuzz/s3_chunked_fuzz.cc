// Invariants: any split of the input gives the same outcome and data; data never exceeds the
// declared length; without the signing key no signed body is accepted.
#include <algorithm>
#include <string>

#include "base/assert.h"
#include "s3/aws_chunked.h"

namespace {

using namespace cairn;
using namespace cairn::s3;

constexpr uint64_t kDeclaredBytes = 11;

struct Outcome {
  bool accepted = false;
  std::string data;
};

Outcome decode(PayloadKind kind, BytesView input, size_t step_bytes) {
  std::optional<ChunkSigning> signing;
  if (kind != PayloadKind::kStreamingUnsignedTrailer) {
    signing.emplace();
    signing->signing_key.fill(7);
  }
  Outcome outcome;
  S3Result<AwsChunkedDecoder> decoder =
      AwsChunkedDecoder::create({kind, {}}, kDeclaredBytes, signing, "x-amz-checksum-crc32");
  ASSERT(decoder.has_value());
  while (!input.empty()) {
    const S3Result<AwsChunkedDecoder::Step> step =
        decoder->next(input.first(std::min(step_bytes, input.size())));
    if (!step) return outcome;
    ASSERT(step->consumed_bytes > 0 && step->consumed_bytes <= input.size());
    outcome.data += as_text(step->data);
    ASSERT(outcome.data.size() <= kDeclaredBytes);
    input = input.subspan(step->consumed_bytes);
  }
  outcome.accepted = decoder->finish().has_value();
  ASSERT(!outcome.accepted || outcome.data.size() == kDeclaredBytes);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const BytesView input(data, size);
  const Outcome whole = decode(PayloadKind::kStreamingUnsignedTrailer, input, SIZE_MAX);
  for (const size_t step_bytes : {size_t{1}, size_t{3}, size_t{7}}) {
    const Outcome pieces = decode(PayloadKind::kStreamingUnsignedTrailer, input, step_bytes);
    ASSERT(pieces.accepted == whole.accepted);
    ASSERT(!whole.accepted || pieces.data == whole.data);
  }
  ASSERT(!decode(PayloadKind::kStreamingSigned, input, SIZE_MAX).accepted);
  ASSERT(!decode(PayloadKind::kStreamingSignedTrailer, input, 5).accepted);
  return 0;
}
