// The production policies as one cache under a trace: a RAM tier, and a disk tier when it has
// bytes. What the tiers do around the policies (memory, files) is left out; what the policies
// decide is theirs. A request is one second of their time, so that the reference gap counts
// requests.
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
  double window_share = 0.25;
  double large_share = 1.0 / 64;
  uint64_t disk_bytes = 0;
  double chance = 0;
  uint8_t frequent = 2;
  uint64_t gap_requests = 256;
  double reinserted_share = cache::kReinsertedShareMax;
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
  void keep_in_memory(Entry& entry);
  void handle_departed(cache::PlaceList& departed);
  void write(Entry& entry, bool by_chance);
  cache::DiskPlace place(uint64_t size_bytes);
  void turn_region();

  const StackOptions options_;
  const uint64_t disk_unit_bytes_;
  cache::RamPolicy memory_;
  cache::DiskPolicy disk_;
  cache::AdmissionControl admission_;
  Instant now_;
  std::vector<Entry> entries_;                         // By object.
  std::vector<std::vector<cache::DiskItem>> footers_;  // By region.
  uint64_t admitted_bytes_ = 0;
  uint64_t reinserted_bytes_ = 0;
};

}  // namespace cairn::cachesim
