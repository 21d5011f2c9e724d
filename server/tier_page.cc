#include "server/tier_page.h"

#include <iterator>
#include <span>
#include <string_view>

#include "server/metrics_text.h"

namespace cairn::server {
namespace {

void append_ram(MetricsOut out, const cache::RamTierCounters& of) {
  metrics_single(out, "cairn_ram_tier_hits_total", "counter", "Blocks served from memory.",
                 of.hits);
  metrics_single(out, "cairn_ram_tier_hit_bytes_total", "counter", "Bytes of those blocks.",
                 of.hit_bytes);
  metrics_single(out, "cairn_ram_tier_misses_total", "counter", "Blocks read from below.",
                 of.misses);
  metrics_single(out, "cairn_ram_tier_shared_total", "counter",
                 "Blocks that another request was already reading.", of.shared);
  metrics_single(out, "cairn_ram_tier_not_kept_total", "counter",
                 "Blocks for which there was no memory.", of.not_kept);
  metrics_single(out, "cairn_ram_tier_evictions_total", "counter", "Blocks that had to go.",
                 of.evictions);
  metrics_single(out, "cairn_ram_tier_blocks", "gauge", "Blocks in memory.", of.blocks_count);
  metrics_single(out, "cairn_ram_tier_used_bytes", "gauge", "Memory taken by them.", of.used_bytes);
  metrics_single(out, "cairn_ram_tier_capacity_bytes", "gauge", "Memory they may take.",
                 of.capacity_bytes);
  metrics_single(out, "cairn_ram_tier_locked", "gauge",
                 "0 when the system refused to keep the memory from being swapped out.",
                 of.is_locked ? 1 : 0);
}

constexpr std::string_view kDepartureNames[] = {"",     "refused", "window", "stream",
                                                "room", "share",   "expired"};
static_assert(std::size(kDepartureNames) == cache::kDeparturesCount);

void append_ram_departures(MetricsOut out, const cache::RamTierCounters& of) {
  metrics_head(out, "cairn_ram_tier_departures_total", "counter",
               "Blocks that had to go, by why (room: for others that are worth more).");
  for (size_t i = 1; i < cache::kDeparturesCount; ++i) {
    fmt::format_to(out, "cairn_ram_tier_departures_total{{reason=\"{}\"}} {}\n", kDepartureNames[i],
                   of.departures[i]);
  }
  metrics_single(out, "cairn_ram_tier_pinned_bytes", "gauge", "Memory taken by pinned blocks.",
                 of.pinned_bytes);
  metrics_single(out, "cairn_ram_tier_pins_refused_total", "counter",
                 "Blocks that were to be pinned, when pins had their share of the memory.",
                 of.pins_refused);
  metrics_head(out, "cairn_read_ahead_bytes_total", "counter",
               "Bytes read before they were asked for, and what became of them.");
  fmt::format_to(out,
                 "cairn_read_ahead_bytes_total{{outcome=\"read\"}} {}\n"
                 "cairn_read_ahead_bytes_total{{outcome=\"used\"}} {}\n"
                 "cairn_read_ahead_bytes_total{{outcome=\"wasted\"}} {}\n",
                 of.ahead_bytes, of.ahead_used_bytes, of.ahead_wasted_bytes);
}

void append_read_ahead(MetricsOut out, const object::ReadAhead::Counters& of) {
  metrics_single(out, "cairn_read_ahead_ranges_total", "counter",
                 "Ranges read before they were asked for.", of.ahead_ranges);
  metrics_single(out, "cairn_read_window_bytes", "gauge",
                 "Memory for windows of readers beyond the least.", of.window_bytes);
  metrics_single(out, "cairn_read_windows_grown_total", "counter",
                 "Times that a reader's window was doubled.", of.windows_grown);
  metrics_single(out, "cairn_read_windows_denied_total", "counter",
                 "Times that there was no memory for that.", of.windows_denied);
  metrics_single(out, "cairn_read_convoy_waits_total", "counter",
                 "Times that a reader waited for others of the same range.", of.convoys.waits);
  metrics_single(out, "cairn_read_convoy_left_behind_total", "counter",
                 "Readers that were too slow for the others of their range.", of.convoys.behind);
}

// What all tiers are good for, in bytes of what was asked for.
void append_sums(MetricsOut out, const TiersReading& reading) {
  uint64_t saved_bytes = 0;
  uint64_t asked_bytes = 0;    // Of the last tier, from its home,
  uint64_t fetched_bytes = 0;  // and what it read of it for that.
  if (reading.ram) saved_bytes += reading.ram->hit_bytes + reading.ram->shared_bytes;
  for (const DiskTiers::Reading& disk : reading.disks) {
    const cache::DiskTierMetrics& of = disk.metrics;
    saved_bytes += of.hit_bytes + of.queue_hit_bytes + of.shared_bytes;
    asked_bytes = of.miss_bytes;
    fetched_bytes = of.fetched_bytes;
  }
  if (reading.disks.empty() && reading.ram) asked_bytes = fetched_bytes = reading.ram->missed_bytes;
  const auto ratio = [](uint64_t part, uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  metrics_single(out, "cairn_cache_origin_bytes_saved_total", "counter",
                 "Bytes that tiers gave and the home did not have to.", saved_bytes);
  metrics_head(out, "cairn_cache_hit_ratio", "gauge",
               "Their share of all bytes read, since start.");
  fmt::format_to(out, "cairn_cache_hit_ratio {:.4f}\n",
                 ratio(saved_bytes, saved_bytes + asked_bytes));
  metrics_head(out, "cairn_cache_read_amplification", "gauge",
               "Bytes fetched from the home for one that was asked for, since start.");
  fmt::format_to(out, "cairn_cache_read_amplification {:.4f}\n", ratio(fetched_bytes, asked_bytes));
}

using Metrics = cache::DiskTierMetrics;

// One series of every disk tier; `labels` besides the directory, as in `,reason="ghost"`.
struct DiskSeries {
  std::string_view labels;
  uint64_t Metrics::* value;
};
struct DiskFamily {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::span<const DiskSeries> series;
};

constexpr DiskSeries kReads[] = {{",source=\"disk\"", &Metrics::hits_count},
                                 {",source=\"queue\"", &Metrics::queue_hits_count},
                                 {",source=\"shared\"", &Metrics::shared_count},
                                 {",source=\"home\"", &Metrics::misses_count}};
constexpr DiskSeries kReadBytes[] = {{",source=\"disk\"", &Metrics::hit_bytes},
                                     {",source=\"queue\"", &Metrics::queue_hit_bytes},
                                     {",source=\"shared\"", &Metrics::shared_bytes},
                                     {",source=\"home\"", &Metrics::miss_bytes}};
constexpr DiskSeries kFetches[] = {{"", &Metrics::fetches_count}};
constexpr DiskSeries kFetchedBytes[] = {{"", &Metrics::fetched_bytes}};
constexpr DiskSeries kDeviceReadBytes[] = {{"", &Metrics::device_read_bytes}};
constexpr DiskSeries kBypassedReads[] = {{"", &Metrics::bypassed_count}};
constexpr DiskSeries kAdmissions[] = {{",reason=\"frequent\"", &Metrics::admitted_frequent},
                                      {",reason=\"ghost\"", &Metrics::admitted_ghost},
                                      {",reason=\"chance\"", &Metrics::admitted_chance},
                                      {",reason=\"pinned\"", &Metrics::admitted_pinned},
                                      {",reason=\"refused\"", &Metrics::refused_count},
                                      {",reason=\"no-budget\"", &Metrics::refused_budget},
                                      {",reason=\"queue-full\"", &Metrics::refused_queue},
                                      {",reason=\"share\"", &Metrics::refused_share}};
constexpr DiskSeries kWrittenBytes[] = {{"", &Metrics::written_bytes}};
constexpr DiskSeries kKeptBytes[] = {{"", &Metrics::payload_bytes}};
constexpr DiskSeries kReinsertedBytes[] = {{"", &Metrics::reinserted_bytes}};
constexpr DiskSeries kDepartures[] = {{",reason=\"evicted\"", &Metrics::evictions_count},
                                      {",reason=\"expired\"", &Metrics::expired_count},
                                      {",reason=\"share\"", &Metrics::over_share_count},
                                      {",reason=\"dropped\"", &Metrics::erased_count},
                                      {",reason=\"rotten\"", &Metrics::rotten_entries}};
constexpr DiskSeries kEvictedBytes[] = {{"", &Metrics::evicted_bytes}};
constexpr DiskSeries kErrors[] = {{",call=\"read\"", &Metrics::read_errors},
                                  {",call=\"write\"", &Metrics::write_errors}};
constexpr DiskSeries kMixedSealings[] = {{"", &Metrics::mixed_sealings}};
constexpr DiskSeries kDistrusted[] = {{"", &Metrics::distrusted_count}};
constexpr DiskSeries kEntries[] = {{"", &Metrics::entries_count}};
constexpr DiskSeries kUsedBytes[] = {{"", &Metrics::live_bytes}};
constexpr DiskSeries kPinnedBytes[] = {{"", &Metrics::pinned_bytes}};
constexpr DiskSeries kPinsRefused[] = {{"", &Metrics::pins_refused}};
constexpr DiskSeries kCapacityBytes[] = {{"", &Metrics::capacity_bytes}};
constexpr DiskSeries kIndexBytes[] = {{"", &Metrics::index_bytes}};
constexpr DiskSeries kQueuedBytes[] = {{"", &Metrics::queued_bytes}};
constexpr DiskSeries kRestoredRegions[] = {{"", &Metrics::restored_regions}};

constexpr DiskFamily kDiskFamilies[] = {
    {"cairn_disk_tier_reads_total", "counter",
     "Pieces of at most a block that were asked for, by where they came from.", kReads},
    {"cairn_disk_tier_read_bytes_total", "counter", "Bytes of those pieces.", kReadBytes},
    {"cairn_disk_tier_fetches_total", "counter", "Reads of the home.", kFetches},
    {"cairn_disk_tier_fetched_bytes_total", "counter",
     "Bytes of them; by the bytes that came from the home it is the read amplification.",
     kFetchedBytes},
    {"cairn_disk_tier_device_read_bytes_total", "counter", "Bytes read from the disk.",
     kDeviceReadBytes},
    {"cairn_disk_tier_bypassed_reads_total", "counter", "Reads that went past the tier.",
     kBypassedReads},
    {"cairn_disk_tier_admissions_total", "counter",
     "What was fetched, by why it was kept (ghost: it was asked for before) or why not.",
     kAdmissions},
    {"cairn_disk_tier_written_bytes_total", "counter", "Bytes written to the disk.", kWrittenBytes},
    {"cairn_disk_tier_kept_bytes_total", "counter", "Bytes of what was kept for the first time.",
     kKeptBytes},
    {"cairn_disk_tier_reinserted_bytes_total", "counter",
     "Bytes written again when their region was reused.", kReinsertedBytes},
    {"cairn_disk_tier_departures_total", "counter", "What left the tier, by why.", kDepartures},
    {"cairn_disk_tier_evicted_bytes_total", "counter", "Bytes of what was evicted.", kEvictedBytes},
    {"cairn_disk_tier_errors_total", "counter", "Errors of the disk.", kErrors},
    {"cairn_disk_tier_mixed_sealings_total", "counter",
     "Reads that met copies of two sealings of a chunk.", kMixedSealings},
    {"cairn_disk_tier_distrusted_reads_total", "counter",
     "Reads of the home after bytes that did not verify.", kDistrusted},
    {"cairn_disk_tier_entries", "gauge", "Entries on the disk.", kEntries},
    {"cairn_disk_tier_used_bytes", "gauge", "Bytes of them.", kUsedBytes},
    {"cairn_disk_tier_pinned_bytes", "gauge", "Bytes of those that are pinned.", kPinnedBytes},
    {"cairn_disk_tier_pins_refused_total", "counter",
     "Entries that were to be pinned, when pins had their share of the disk.", kPinsRefused},
    {"cairn_disk_tier_capacity_bytes", "gauge", "Bytes they may take.", kCapacityBytes},
    {"cairn_disk_tier_index_bytes", "gauge", "Memory of the index and of the ghost.", kIndexBytes},
    {"cairn_disk_tier_queued_bytes", "gauge", "Bytes that wait to be written.", kQueuedBytes},
    {"cairn_disk_tier_restored_regions", "gauge", "Regions that were found at start.",
     kRestoredRegions},
};

std::string label_of(const std::string& directory) {
  std::string label;
  for (const char c : directory) {
    if (c == '\\' || c == '"') label += '\\';
    label += c == '\n' ? ' ' : c;
  }
  return label;
}

void append_disks(MetricsOut out, const std::vector<DiskTiers::Reading>& disks) {
  for (const DiskFamily& family : kDiskFamilies) {
    metrics_head(out, family.name, family.type, family.help);
    for (const DiskTiers::Reading& disk : disks) {
      for (const DiskSeries& series : family.series) {
        fmt::format_to(out, "{}{{tier=\"{}\"{}}} {}\n", family.name, label_of(disk.directory),
                       series.labels, disk.metrics.*series.value);
      }
    }
  }
  metrics_head(out, "cairn_disk_tier_bypassed", "gauge", "1 while the disk cannot be used.");
  for (const DiskTiers::Reading& disk : disks) {
    fmt::format_to(out, "cairn_disk_tier_bypassed{{tier=\"{}\"}} {}\n", label_of(disk.directory),
                   disk.metrics.bypassed ? 1 : 0);
  }
}

}  // namespace

void append_tier_metrics(std::string& page, const TiersReading& reading) {
  if (reading.ram) append_ram(MetricsOut(page), *reading.ram);
  if (reading.ram) append_ram_departures(MetricsOut(page), *reading.ram);
  if (reading.ram || !reading.disks.empty()) append_sums(MetricsOut(page), reading);
  append_read_ahead(MetricsOut(page), reading.ahead);
  if (!reading.disks.empty()) append_disks(MetricsOut(page), reading.disks);
}

}  // namespace cairn::server
