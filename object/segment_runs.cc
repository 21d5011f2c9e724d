#include "object/segment_runs.h"

#include <algorithm>

#include "base/assert.h"
#include "object/limits.h"

namespace cairn::object {
namespace {

void give_up(const SegmentRun& run, std::span<std::optional<KnownSegment>> known) {
  for (size_t i = run.begin; i < run.end; ++i) known[i].reset();
}

}  // namespace

std::vector<SegmentRun> runs_of(std::span<const SegmentName> names,
                                std::span<const std::optional<KnownSegment>> known) {
  ASSERT(known.size() == names.size());
  std::vector<SegmentRun> runs;
  for (size_t i = 0; i < names.size(); ++i) {
    const bool continues = !runs.empty() && runs.back().is_known == known[i].has_value() &&
                           (!known[i] || known[i]->follows(*known[i - 1]));
    if (!continues) runs.push_back({i, i, 0, known[i].has_value()});
    runs.back().end = i + 1;
    runs.back().size_bytes += names[i].size_bytes;
  }
  return runs;
}

void choose_shared(std::span<const SegmentName> names,
                   std::span<std::optional<KnownSegment>> known) {
  std::vector<SegmentRun> runs = runs_of(names, known);
  uint64_t size_bytes = 0;
  for (const SegmentRun& run : runs) size_bytes += run.size_bytes;
  const uint64_t runs_max = size_bytes / kRunBytesMean + 1;
  while (runs.size() > runs_max) {
    const SegmentRun* shortest = nullptr;
    for (const SegmentRun& run : runs) {
      if (run.is_known && (shortest == nullptr || run.size_bytes < shortest->size_bytes)) {
        shortest = &run;
      }
    }
    if (shortest == nullptr) break;
    give_up(*shortest, known);
    runs = runs_of(names, known);
  }
  uint64_t known_bytes = 0;
  for (const SegmentRun& run : runs) known_bytes += run.is_known ? run.size_bytes : 0;
  if (known_bytes * kKnownShareMin < size_bytes) std::ranges::fill(known, std::nullopt);
}

}  // namespace cairn::object
