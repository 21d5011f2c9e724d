// Bodies of what nodes ask each other and answer. Law: what was read, written and read again is the
// same, and there are no more chunks than may be asked for.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "peer/control.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn::peer;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto ids = decode_chunks(body)) {
    if (ids->size() > kChunksPerQuestionMax || decode_chunks(encode_chunks(*ids)) != ids) {
      std::abort();
    }
  }
  for (const size_t count : {0, 1, 3}) {
    const auto holdings = decode_holdings(body, count);
    if (!holdings) continue;
    if (holdings->size() != count) std::abort();
    if (decode_holdings(encode_holdings(*holdings), count) != holdings) std::abort();
  }
  if (const auto dropped = decode_dropped(body)) {
    if (decode_dropped(encode_dropped(*dropped)) != dropped) std::abort();
  }
  if (const auto stats = decode_stats(body)) {
    if (decode_stats(encode_stats(*stats)) != stats) std::abort();
  }
  return 0;
}
