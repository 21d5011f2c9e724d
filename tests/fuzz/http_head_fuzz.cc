// Invariants: no input makes the head parsers read out of bounds; the verdict of whole and of split
// input is the same; an accepted head has no control byte in any view and unambiguous framing.
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/assert.h"
#include "http/head_parser.h"

namespace {

using namespace cairn;
using namespace cairn::http;

void check_accepted(const RequestHead& head) {
  ASSERT(!(head.is_chunked && head.content_length.has_value()));
  ASSERT(is_token(head.method));
  ASSERT(head.fields.size() <= kFieldsMax && head.target.size() <= kTargetBytesMax);
  ASSERT(head.fields.count("content-length") <= 1 && head.fields.count("host") <= 1);
  for (const Field field : head.fields) {
    ASSERT(is_token(field.name));
    for (const char c : field.value) {
      const auto byte = static_cast<uint8_t>(c);
      ASSERT(byte == '\t' || (byte >= 0x20 && byte != 0x7f));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  const BytesView input(data, size_bytes);
  const auto head = std::make_unique<RequestHead>();
  RequestParser whole;
  const Progress verdict = whole.parse(input, *head);
  if (verdict == Progress::kComplete) check_accepted(*head);

  const auto split_head = std::make_unique<RequestHead>();
  RequestParser split;
  Progress split_verdict = Progress::kIncomplete;
  const size_t step = size_bytes / 40 + 1;
  for (size_t end = step; split_verdict == Progress::kIncomplete; end += step) {
    const size_t given = end < size_bytes ? end : size_bytes;
    const std::unique_ptr<uint8_t[]> copy(new uint8_t[given]);
    if (given > 0) std::memcpy(copy.get(), data, given);
    split_verdict = split.parse({copy.get(), given}, *split_head);
    if (given == size_bytes) break;
  }
  ASSERT(split_verdict == verdict);
  ASSERT(split.rejection().status == whole.rejection().status);
  if (verdict == Progress::kComplete) ASSERT(split.head_size_bytes() == whole.head_size_bytes());

  const auto response_head = std::make_unique<ReceivedHead>();
  ResponseParser response;
  (void)response.parse(input, *response_head);
  return 0;
}
