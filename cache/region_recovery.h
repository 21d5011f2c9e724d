// What a cache file holds when it is opened: the footers of its regions, and nothing else of it, so
// that a tier of 1 TiB serves within two seconds.
//
// Thread rule: one reactor, before the tier is used.
#pragma once

#include <cstdint>

#include "cache/disk_contents.h"
#include "cache/region_file.h"

namespace cairn::cache {

struct RecoveredRegions {
  uint64_t regions_count = 0;  // With a footer.
  uint64_t next_sequence = 1;
};

// Fills `contents` with what the footers name, in the order in which the regions were filled. A
// region whose footer cannot be read is empty.
io::Task<RecoveredRegions> recover_regions(RegionFile& file, DiskContents& contents);

}  // namespace cairn::cache
