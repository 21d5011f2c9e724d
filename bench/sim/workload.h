// What is asked of a simulated fleet, and what came of it.
#pragma once

#include <cstdint>
#include <string>

#include "bench/sim/fleet.h"

namespace cairn::sim {

struct Outcome {
  uint64_t reads = 0;
  uint64_t bytes = 0;
  double length_s = 0;  // Virtual.
  double p50_s = 0, p99_s = 0, p999_s = 0;
  double first_done_s = 0,
         last_done_s = 0;  // Of a rollout: the first and the last node to have it all.
  FleetCounts counts;
};

// Every node reads the same model, chunk after chunk with `depth` under way, and begins within
// `jitter_s`.
struct Rollout {
  uint64_t model_bytes = 140'000'000'000;
  uint32_t chunk_bytes = 4 * MiB;
  size_t depth = 16;
  double jitter_s = 2;
  uint64_t seed = 1;
};
Outcome run_rollout(Fleet& fleet, const Rollout& rollout);

// Reads arrive at random (Poisson) at random nodes. Objects are popular by Zipf's law, and of every
// hundred 60 have 4 KiB, 25 64 KiB, 10 1 MiB and 5 4 MiB: 330 KiB on average. The first half warms
// the caches up and is not counted.
struct ZipfLoad {
  double reads_per_s = 100'000;
  uint64_t reads = 4'000'000;
  uint64_t objects = 10'000'000;
  double exponent = 0.9;
  uint64_t seed = 1;
};
Outcome run_zipf(Fleet& fleet, const ZipfLoad& load);

}  // namespace cairn::sim
