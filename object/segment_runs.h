// Which known segments of a stretch of a body are worth a reference, and which are written again so
// that the body stays sequential to read. Pure functions.
//
// A run is a series of segments that lie behind each other: in one stored chunk, or among the new
// ones. Every run is an extent of the manifest and a read of its own. The shortest known runs are
// given up until a run has kRunBytesMean on average; a stretch of which little is known is written
// whole (capping and rewriting: Lillibridge et al., FAST'13).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "object/segment_cache.h"

namespace cairn::object {

// A segment that is stored, or on its way.
struct KnownSegment {
  SegmentPlace place;  // Its chunk is not set while `new_chunk` is.
  // One of the body's own new chunks, by number: its id may not be known yet.
  std::optional<uint32_t> new_chunk;

  bool same_chunk(const KnownSegment& other) const {
    return new_chunk == other.new_chunk && place.chunk == other.place.chunk;
  }
  // Whether this one lies right behind `before`.
  bool follows(const KnownSegment& before) const {
    return same_chunk(before) &&
           place.offset_bytes == before.place.offset_bytes + before.place.size_bytes;
  }
};

// Segments [begin, end) of a stretch.
struct SegmentRun {
  size_t begin = 0;
  size_t end = 0;
  uint64_t size_bytes = 0;
  bool is_known = false;
};
std::vector<SegmentRun> runs_of(std::span<const SegmentName> names,
                                std::span<const std::optional<KnownSegment>> known);

// Unsets known[i] where the segment is better written again. REQUIRES: known.size() ==
// names.size().
void choose_shared(std::span<const SegmentName> names,
                   std::span<std::optional<KnownSegment>> known);

}  // namespace cairn::object
