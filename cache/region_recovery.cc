#include "cache/region_recovery.h"

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::cache {
namespace {

// Shared by the tasks that read footers.
struct Reading {
  RegionFile& file;
  uint32_t next_region = 0;
  uint64_t failed_count = 0;
  std::vector<RegionFooter> footers;
};

io::Task<void> read_footers(Reading& reading) {
  while (reading.next_region < reading.file.geometry().regions_count) {
    const uint32_t region = reading.next_region++;
    Result<RegionFooter> footer = co_await reading.file.read_footer(region);
    if (footer) {
      reading.footers.push_back(std::move(*footer));
    } else if (footer.error().code != Code::kNotFound) {
      ++reading.failed_count;
    }
  }
}

}  // namespace

io::Task<RecoveredRegions> recover_regions(RegionFile& file, DiskContents& contents) {
  RecoveredRegions recovered;
  if (file.is_new()) co_return recovered;
  Reading reading{.file = file, .footers = {}};
  io::Scope scope;
  for (size_t i = 0; i < kFootersInFlightMax; ++i) scope.spawn(read_footers(reading));
  co_await scope.join();
  std::ranges::sort(reading.footers, {}, &RegionFooter::sequence);
  const Clock& clock = io::Reactor::current().clock();
  for (const RegionFooter& footer : reading.footers) {
    contents.restore(footer, clock.wall_now(), clock.now());
    recovered.next_sequence = footer.sequence + 1;
  }
  recovered.regions_count = reading.footers.size();
  log::info("cache-disk-restored",
            {{"regions", recovered.regions_count}, {"damaged_footers", reading.failed_count}});
  co_return recovered;
}

}  // namespace cairn::cache
