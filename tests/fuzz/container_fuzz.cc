// Containers in a stream: every scanner goes on or ends, finds the same boundaries byte by byte as
// in large pieces, and the cutter's cuts cover the input within their bounds.
#include <algorithm>

#include "base/assert.h"
#include "transfer/cutter.h"

namespace {

using cairn::BytesView;
using cairn::transfer::ContainerScanner;
using cairn::transfer::Mark;

struct Found {
  uint64_t offset_bytes = 0;
  Mark mark = Mark::kNone;
  bool operator==(const Found&) const = default;
};

std::vector<Found> marks_of(BytesView bytes, std::unique_ptr<ContainerScanner> scanner,
                            size_t piece_bytes) {
  std::vector<Found> out;
  uint64_t at = 0;
  while (at < bytes.size() && !scanner->is_done()) {
    const BytesView piece = bytes.subspan(at, std::min<size_t>(piece_bytes, bytes.size() - at));
    const ContainerScanner::Step step = scanner->step(piece);
    ASSERT(step.size_bytes > 0 && step.size_bytes <= piece.size());
    at += step.size_bytes;
    if (step.mark != Mark::kNone) out.push_back({at, step.mark});
  }
  return out;
}

void check_cutter(BytesView bytes) {
  std::vector<cairn::transfer::Cut> whole;
  cairn::transfer::Cutter cutter;
  cutter.feed(bytes, whole);
  cutter.finish(whole);
  std::vector<cairn::transfer::Cut> pieces;
  cairn::transfer::Cutter other;
  for (BytesView rest = bytes; !rest.empty();) {
    const size_t size = std::min<size_t>(rest.size(), 1 + rest[0]);
    other.feed(rest.first(size), pieces);
    rest = rest.subspan(size);
  }
  other.finish(pieces);
  ASSERT(whole == pieces);
  ASSERT(bytes.empty() || whole.back().end_bytes == bytes.size());
  ASSERT(whole.size() <= bytes.size() / 4096 + 3);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace detail = cairn::transfer::detail;
  const BytesView bytes(data, size);
  for (const auto make : {detail::make_tar_scanner, detail::make_zip_scanner,
                          detail::make_safetensors_scanner, detail::make_gguf_scanner}) {
    const std::vector<Found> whole = marks_of(bytes, make(), size);
    ASSERT(marks_of(bytes, make(), 1) == whole);
    ASSERT(marks_of(bytes, make(), 100) == whole);
  }
  check_cutter(bytes);
  return 0;
}
