// Invariants: no input makes the chunked decoder read or write out of bounds, take bytes behind the
// body's end, or give different data for different splits.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "http/chunked.h"

namespace {

using namespace cairn;
using namespace cairn::http;

struct Outcome {
  bool failed = false;
  bool complete = false;
  size_t consumed_bytes = 0;
  std::string data;
};

Outcome decode(BytesView input, size_t step_bytes, size_t room_bytes) {
  ChunkedDecoder decoder;
  Outcome outcome;
  std::array<uint8_t, 256> room;
  while (outcome.consumed_bytes < input.size() && !decoder.is_complete()) {
    const BytesView rest = input.subspan(outcome.consumed_bytes);
    const auto step = decoder.decode(rest.first(std::min(step_bytes, rest.size())),
                                     MutableBytes(room).first(room_bytes));
    if (!step.has_value()) {
      outcome.failed = true;
      return outcome;
    }
    ASSERT(step->produced_bytes <= room_bytes && step->consumed_bytes <= rest.size());
    ASSERT(step->consumed_bytes > 0);
    outcome.consumed_bytes += step->consumed_bytes;
    outcome.data.append(reinterpret_cast<const char*>(room.data()), step->produced_bytes);
  }
  outcome.complete = decoder.is_complete();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  const BytesView input(data, size_bytes);
  const Outcome large = decode(input, size_bytes + 1, 256);
  const Outcome small = decode(input, 1, 1);
  ASSERT(large.failed == small.failed);
  if (large.failed) return 0;
  ASSERT(large.complete == small.complete);
  ASSERT(large.consumed_bytes == small.consumed_bytes);
  ASSERT(large.data == small.data);
  return 0;
}
