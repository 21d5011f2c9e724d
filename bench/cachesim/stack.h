// The production policies as one cache under a trace: a RAM tier, and behind it a disk tier when it
// has bytes. What the tiers do around the policies (memory, files) is left out; what is decided,
// and when, is the same: a block that is fetched from the home goes to memory, and to the disk when
// admission says so at that moment. A request is one second of their time, so that the reference
// gap counts requests.
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
  uint64_t gap_requests = 256;
  uint64_t draws_seed = 1;  // Of the chance.
  double region_objects = 4;  // Largest objects that a region holds at least.
};

class Stack final : public Simulated {
 public:
  Stack(const StackOptions& options, const Trace& trace);

  Answer get(uint32_t object, uint64_t size_bytes) override;
  uint64_t admitted_bytes() const override { return admitted_bytes_; }
  uint64_t reinserted_bytes() const override { return reinserted_bytes_; }

 private:
  struct Entry : cache::RamNode {
    uint64_t fingerprint = 0;
  };
  bool admit(const Entry& entry);
  cache::DiskPlace place(uint64_t size_bytes, cache::DiskLog log);
  void turn_region(cache::DiskLog log);
  bool find_on_disk(const Entry& entry);

  const StackOptions options_;
  const uint64_t disk_unit_bytes_;
  cache::RamPolicy memory_;
  cache::DiskPolicy disk_;
  cache::AdmissionControl admission_;
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
