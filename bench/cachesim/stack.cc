#include "bench/cachesim/stack.h"

#include <algorithm>

#include "bench/cachesim/mix.h"

namespace cairn::cachesim {
namespace {

// As many regions as a large tier has, as far as the trace's largest object fits.
constexpr uint64_t kRegionsWanted = 1024;

uint64_t unit_bytes_for(const Trace& trace) {
  uint64_t unit_bytes = 256;
  while (trace.largest_bytes > unit_bytes * cache::DiskEntry::kSizeUnitsMax) unit_bytes *= 2;
  return unit_bytes;
}

cache::DiskPolicyOptions disk_options(const StackOptions& options, const Trace& trace) {
  cache::DiskPolicyOptions disk;
  disk.unit_bytes = unit_bytes_for(trace);
  const uint64_t units = options.disk_bytes / disk.unit_bytes;
  const uint64_t largest_units = trace.largest_bytes / disk.unit_bytes + 1;
  const uint64_t region_units =
      std::clamp<uint64_t>(units / kRegionsWanted, std::max<uint64_t>(largest_units, 1),
                           cache::DiskEntry::kOffsetUnitsMax);
  disk.region_units = static_cast<uint32_t>(region_units);
  disk.regions_count = static_cast<uint32_t>(std::max<uint64_t>(units / region_units, 3));
  disk.reinserted_share = options.reinserted_share;
  disk.filter.gap = seconds(static_cast<int64_t>(options.gap_requests));
  return disk;
}

cache::RamPolicyOptions memory_options(const StackOptions& options) {
  cache::RamPolicyOptions memory;
  memory.capacity_bytes = options.memory_bytes;
  memory.window_share = options.window_share;
  memory.large_share = options.large_share;
  memory.filter.gap = seconds(static_cast<int64_t>(options.gap_requests));
  return memory;
}

cache::AdmissionOptions admission_options(const StackOptions& options) {
  cache::AdmissionOptions admission;
  admission.capacity_bytes = options.disk_bytes;
  admission.gap = seconds(static_cast<int64_t>(options.gap_requests));
  admission.chance = options.chance;
  admission.frequent = options.frequent;
  return admission;
}

}  // namespace

Stack::Stack(const StackOptions& options, const Trace& trace)
    : options_(options),
      disk_unit_bytes_(unit_bytes_for(trace)),
      memory_(memory_options(options)),
      disk_(disk_options(options, trace), Instant{}),
      admission_(admission_options(options), Instant{}),
      entries_(trace.ids.size()),
      footers_(disk_options(options, trace).regions_count) {
  for (size_t object = 0; object < entries_.size(); ++object) {
    entries_[object].fingerprint = hash(trace.ids[object]);
  }
}

Answer Stack::get(uint32_t object, uint64_t size_bytes) {
  now_ = now_ + seconds(1);
  Entry& entry = entries_[object];
  entry.size_bytes = size_bytes;
  if (entry.resident()) {
    cache::PlaceList expired;
    memory_.touch(entry, now_, {}, expired);
    return Answer::kMemory;
  }
  Answer answer = Answer::kMiss;
  if (options_.disk_bytes > 0) {
    if (disk_.look_up(entry.fingerprint, now_, {})) {
      answer = Answer::kDisk;
    } else if (disk_.holds(size_bytes) && admission_.recall(entry.fingerprint, now_)) {
      write(entry, false);
    }
  }
  keep_in_memory(entry);
  return answer;
}

void Stack::keep_in_memory(Entry& entry) {
  cache::PlaceList departed;
  memory_.insert(entry, now_, {}, departed);
  handle_departed(departed);
}

void Stack::handle_departed(cache::PlaceList& departed) {
  while (cache::RamNode* const node = departed.pop_front()) {
    auto& entry = static_cast<Entry&>(*node);
    if (options_.disk_bytes == 0 || !disk_.holds(entry.size_bytes)) continue;
    if (disk_.contains(entry.fingerprint)) continue;
    const cache::Admission decision =
        admission_.decide(entry.fingerprint, entry.size_bytes, entry.frequency, {}, now_);
    if (admitted(decision)) write(entry, decision == cache::Admission::kChance);
  }
}

void Stack::write(Entry& entry, bool by_chance) {
  const cache::DiskPlace at = place(entry.size_bytes);
  footers_[at.region].push_back({entry.fingerprint, at});
  disk_.commit(entry.fingerprint, at, {}, by_chance, now_);
  admission_.wrote(entry.size_bytes, now_);
  admitted_bytes_ += entry.size_bytes;
}

cache::DiskPlace Stack::place(uint64_t size_bytes) {
  while (true) {
    if (const auto at = disk_.place(size_bytes)) return *at;
    turn_region();
  }
}

void Stack::turn_region() {
  const cache::RegionId region = disk_.next_region();
  std::vector<cache::DiskItem> survivors;
  std::vector<cache::DiskDeparture> departed;
  const std::vector<cache::DiskItem> items = std::move(footers_[region]);
  footers_[region].clear();
  disk_.reclaim(region, items, now_, survivors, departed);
  disk_.open_region(region);
  for (const cache::DiskItem& survivor : survivors) {
    const uint64_t size_bytes = survivor.place.size_units * disk_unit_bytes_;
    const auto at = disk_.place(size_bytes);
    disk_.move(survivor, *at);
    footers_[at->region].push_back({survivor.fingerprint, *at});
    reinserted_bytes_ += size_bytes;
    admission_.wrote(size_bytes, now_);
  }
}

}  // namespace cairn::cachesim
