// The production policies as one cache under a trace: a RAM tier, and behind it a disk tier when it
// has bytes. What the tiers do around the policies (memory, files) is left out; what is decided,
// and when, is the same: a block that is fetched from the home goes to memory, and to the disk when
// admission says so at that moment. The policies' time is the number of the request in seconds, so
// that the reference gap counts requests, or the time that the trace gives.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/cachesim/replay.h"
#include "cache/admission.h"
#include "cache/disk_policy.h"
#include "cache/ram_policy.h"

namespace cairn::cachesim {

struct StackOptions {
  uint64_t memory_bytes = 0;
  double window_share = 0.05;
  double large_share = 1.0 / 64;
  uint64_t disk_bytes = 0;
  double chance = 0;
  bool fill = false;
  double ghost_horizon = cache::kGhostHorizon;
  uint64_t write_bytes_per_request = 0;  // 0: no budget.
  double reinserted_share = 0;           // 0: steered by the budget.
  bool trace_time = false;
  uint64_t gap_seconds = 256;  // Requests, unless trace_time.
  uint64_t draws_seed = 1;     // Of the chance.
  double region_objects = 4;   // Largest objects that a region holds at least.
};

class Stack final : public Simulated {
 public:
  // `trace` outlives it; its requests have to be replayed in order.
  Stack(const StackOptions& options, const Trace& trace);

  Answer get(uint32_t object, uint64_t size_bytes) override;
  uint64_t admitted_bytes() const override { return admitted_bytes_; }
  uint64_t reinserted_bytes() const override { return reinserted_bytes_; }

 private:
  struct Entry : cache::RamNode {
    uint64_t fingerprint = 0;
  };
  cache::DiskPlace place(uint64_t size_bytes, cache::DiskLog log);
  void turn_region(cache::DiskLog log);
  bool find_on_disk(const Entry& entry);

  const StackOptions options_;
  const uint64_t disk_unit_bytes_;
  cache::RamPolicy memory_;
  cache::DiskPolicy disk_;
  cache::AdmissionControl admission_;
  const Trace& trace_;
  size_t request_ = 0;
  Instant now_;
  std::vector<Entry> entries_;                         // By object.
  std::vector<std::vector<cache::DiskItem>> footers_;  // By region.
  uint64_t admitted_bytes_ = 0;

 public:
  uint64_t dep_ = 0, dep_nc_ = 0, chance_n_ = 0, ghost_n_ = 0;

 private:
  uint64_t reinserted_bytes_ = 0;
};

}  // namespace cairn::cachesim
