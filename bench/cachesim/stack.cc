#include "bench/cachesim/stack.h"

#include <algorithm>

#include "bench/cachesim/mix.h"

namespace cairn::cachesim {
namespace {

// As many regions as a large tier has, as far as the trace's largest object fits.
constexpr uint64_t kRegionsWanted = 1024;

// As small as the fields of an index entry and the number of regions allow: traces have objects of
// any size, blocks do not.
uint64_t unit_bytes_for(const StackOptions& options, const Trace& trace) {
  uint64_t unit_bytes = 1;
  while (trace.largest_bytes > unit_bytes * cache::DiskEntry::kSizeUnitsMax ||
         options.disk_bytes / unit_bytes / cache::DiskEntry::kOffsetUnitsMax >
             cache::kRegionsMax / 2) {
    unit_bytes *= 2;
  }
  return unit_bytes;
}

cache::DiskPolicyOptions disk_options(const StackOptions& options, const Trace& trace) {
  cache::DiskPolicyOptions disk;
  disk.unit_bytes = unit_bytes_for(options, trace);
  const uint64_t units = options.disk_bytes / disk.unit_bytes;
  const double largest_units = static_cast<double>(trace.largest_bytes / disk.unit_bytes + 1);
  const uint64_t region_units = std::clamp<uint64_t>(
      units / kRegionsWanted, static_cast<uint64_t>(options.region_objects * largest_units),
      cache::DiskEntry::kOffsetUnitsMax);
  disk.region_units = static_cast<uint32_t>(region_units);
  disk.regions_count = static_cast<uint32_t>(std::max<uint64_t>(units / region_units, 3));
  disk.filter.gap = seconds(static_cast<int64_t>(options.gap_seconds));
  return disk;
}

cache::RamPolicyOptions memory_options(const StackOptions& options) {
  cache::RamPolicyOptions memory;
  memory.capacity_bytes = options.memory_bytes;
  memory.window_share = options.window_share;
  memory.large_share = options.large_share;
  memory.filter.gap = seconds(static_cast<int64_t>(options.gap_seconds));
  return memory;
}

cache::AdmissionOptions admission_options(const StackOptions& options) {
  cache::AdmissionOptions admission;
  admission.capacity_bytes = options.disk_bytes;
  admission.ghost_horizon = options.ghost_horizon;
  admission.write_bytes_per_second = options.write_bytes_per_request;
  admission.chance = options.chance;
  admission.fill = options.fill;
  admission.seed = options.draws_seed;
  admission.gap = seconds(static_cast<int64_t>(options.gap_seconds));
  return admission;
}

}  // namespace

Stack::Stack(const StackOptions& options, const Trace& trace)
    : options_(options),
      disk_unit_bytes_(unit_bytes_for(options, trace)),
      memory_(memory_options(options)),
      disk_(disk_options(options, trace), Instant{}),
      admission_(admission_options(options), Instant{}),
      trace_(trace),
      entries_(trace.ids.size()),
      footers_(disk_options(options, trace).regions_count) {
  for (size_t object = 0; object < entries_.size(); ++object) {
    entries_[object].fingerprint = hash(trace.ids[object]);
  }
}

Answer Stack::get(uint32_t object, uint64_t size_bytes) {
  ++request_;
  const uint64_t time = options_.trace_time ? trace_.times[request_ - 1] : request_;
  now_ = Instant{} + seconds(static_cast<int64_t>(time));
  Entry& entry = entries_[object];
  entry.size_bytes = size_bytes;
  cache::PlaceList departed;  // Nodes are the trace's own: nothing has to be freed.
  if (entry.resident()) {
    memory_.touch(entry, now_, {}, departed);
    return Answer::kMemory;
  }
  const bool on_disk = options_.disk_bytes > 0 && find_on_disk(entry);
  memory_.insert(entry, now_, {}, departed);
  return on_disk ? Answer::kDisk : Answer::kMiss;
}

bool Stack::find_on_disk(const Entry& entry) {
  if (disk_.look_up(entry.fingerprint, now_, {})) return true;
  if (!disk_.holds(entry.size_bytes)) return false;
  const cache::Admission decision =
      admission_.decide(entry.fingerprint, entry.size_bytes, 1, {}, now_, disk_.state());
  if (!admitted(decision)) return false;
  const cache::DiskPlace at = place(entry.size_bytes, log_of(decision));
  footers_[at.region].push_back({entry.fingerprint, at});
  disk_.commit(entry.fingerprint, at, {}, decision == cache::Admission::kChance, now_);
  admission_.wrote(entry.size_bytes, now_);
  admitted_bytes_ += entry.size_bytes;
  return false;
}

cache::DiskPlace Stack::place(uint64_t size_bytes, cache::DiskLog log) {
  while (true) {
    if (const auto at = disk_.place(size_bytes, log)) return *at;
    turn_region(log);
  }
}

// Survivors may need another region of the second log: a tier has read them by then.
void Stack::turn_region(cache::DiskLog log) {
  const cache::RegionId region = disk_.next_region(log);
  std::vector<cache::DiskItem> survivors;
  const std::vector<cache::DiskItem> items = std::move(footers_[region]);
  footers_[region].clear();
  disk_.set_reinserted_share(options_.reinserted_share > 0 ? options_.reinserted_share
                                                           : admission_.reinserted_share(now_));
  disk_.reclaim(region, items, now_, survivors);
  static_cast<void>(disk_.take_departed());
  disk_.open_region(region, log);
  for (const cache::DiskItem& survivor : survivors) {
    const uint64_t size_bytes = survivor.place.size_units * disk_unit_bytes_;
    const cache::DiskPlace at = place(size_bytes, cache::DiskLog::kKept);
    if (!disk_.move(survivor, at)) continue;
    footers_[at.region].push_back({survivor.fingerprint, at});
    reinserted_bytes_ += size_bytes;
    admission_.wrote(size_bytes, now_);
  }
}

}  // namespace cairn::cachesim
