#include "bench/sim/workload.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"

namespace cairn::sim {
namespace {

double uniform(SeededRandom& random) {
  return (static_cast<double>(random.next_u64() >> 11) + 0.5) * 0x1p-53;
}

// Ranks from 1 to `count` by Zipf's law, by rejection and inversion (Hörmann and Derflinger, ACM
// TOMACS 6(3), 1996): no table of as many entries. REQUIRES: exponent > 0, not 1.
class Zipf {
 public:
  Zipf(uint64_t count, double exponent)
      : exponent_(exponent),
        low_(integral(1.5) - 1),
        high_(integral(static_cast<double>(count) + 0.5)),
        count_(static_cast<double>(count)),
        near_(2 - inverse(integral(2.5) - weight(2))) {}

  uint64_t draw(SeededRandom& random) const {
    while (true) {
      const double u = high_ + uniform(random) * (low_ - high_);
      const double x = inverse(u);
      const double rank = std::clamp(std::floor(x + 0.5), 1.0, count_);
      if (rank - x <= near_ || u >= integral(rank + 0.5) - weight(rank)) {
        return static_cast<uint64_t>(rank);
      }
    }
  }

 private:
  double weight(double x) const { return std::pow(x, -exponent_); }
  double integral(double x) const { return std::pow(x, 1 - exponent_) / (1 - exponent_); }
  double inverse(double y) const { return std::pow(y * (1 - exponent_), 1 / (1 - exponent_)); }

  double exponent_, low_, high_, count_, near_;
};

uint32_t size_of(uint64_t object) {
  const uint64_t draw = cluster::mix(object, 0x512e) % 100;
  if (draw < 60) return 4 * KiB;
  if (draw < 85) return 64 * KiB;
  return draw < 95 ? 1 * MiB : 4 * MiB;
}

void note_latencies(std::vector<float>& took, Outcome& outcome) {
  const auto at = [&](double share) {
    const auto place =
        took.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(took.size() - 1));
    std::nth_element(took.begin(), place, took.end());
    return static_cast<double>(*place);
  };
  if (took.empty()) return;
  outcome.p50_s = at(0.5);
  outcome.p99_s = at(0.99);
  outcome.p999_s = at(0.999);
}

FleetCounts since(const FleetCounts& before, FleetCounts after) {
  for (size_t i = 0; i < kSources; ++i) {
    after.reads[i] -= before.reads[i];
    after.bytes[i] -= before.bytes[i];
  }
  after.home_reads -= before.home_reads;
  after.home_bytes -= before.home_bytes;
  after.questions -= before.questions;
  return after;
}

}  // namespace

Outcome run_rollout(Fleet& fleet, const Rollout& rollout) {
  SeededRandom random(rollout.seed);
  const auto chunks =
      static_cast<uint32_t>((rollout.model_bytes + rollout.chunk_bytes - 1) / rollout.chunk_bytes);
  std::vector<uint32_t> next(fleet.size()), done(fleet.size());
  std::vector<cluster::NodeIndex> reader;  // By read.
  std::vector<float> took;
  Outcome outcome;
  const auto begin = [&](cluster::NodeIndex node) {
    if (next[node] == chunks) return;
    const ChunkKey key = cluster::mix(rollout.seed, ++next[node]);
    const Fleet::ReadId read = fleet.begin(node, key, rollout.chunk_bytes, true);
    if (reader.size() <= read) reader.resize(read + 1);
    reader[read] = node;
  };
  for (uint32_t node = 0; node < fleet.size(); ++node) {
    fleet.wake(uniform(random) * rollout.jitter_s, node);
  }
  for (Fleet::Happening happening; fleet.run(happening);) {
    if (happening.is_wake) {
      for (size_t i = 0; i < rollout.depth; ++i) begin(happening.number);
      continue;
    }
    const cluster::NodeIndex node = reader[happening.number];
    ++outcome.reads;
    outcome.bytes += rollout.chunk_bytes;
    if (outcome.reads % 16 == 0) took.push_back(static_cast<float>(happening.took_s));
    if (++done[node] == chunks) {
      if (outcome.first_done_s == 0) outcome.first_done_s = fleet.now();
      outcome.last_done_s = fleet.now();
    }
    begin(node);
  }
  outcome.length_s = fleet.now();
  outcome.counts = fleet.counts(outcome.length_s);
  note_latencies(took, outcome);
  return outcome;
}

Outcome run_zipf(Fleet& fleet, const ZipfLoad& load) {
  SeededRandom random(load.seed);
  const Zipf zipf(load.objects, load.exponent);
  std::vector<float> took;
  Outcome outcome;
  FleetCounts before;
  uint64_t arrived = 0;
  double counted_from = 0;
  fleet.wake(0, 0);
  for (Fleet::Happening happening; fleet.run(happening);) {
    if (!happening.is_wake) {
      if (counted_from > 0) took.push_back(static_cast<float>(happening.took_s));
      continue;
    }
    const uint64_t object = zipf.draw(random);
    const uint32_t size_bytes = size_of(object);
    fleet.begin(static_cast<cluster::NodeIndex>(random.below(fleet.size())),
                cluster::mix(load.seed, object), size_bytes, false);
    if (++arrived == load.reads / 2) {
      counted_from = fleet.now();
      before = fleet.counts(1);
    }
    if (counted_from > 0) {
      ++outcome.reads;
      outcome.bytes += size_bytes;
      outcome.length_s = fleet.now() - counted_from;
    }
    if (arrived < load.reads) {
      fleet.wake(fleet.now() - std::log(uniform(random)) / load.reads_per_s, 0);
    }
  }
  // Shares of CPU and network are of the whole run: the warm-up costs more than what follows.
  outcome.counts = since(before, fleet.counts(fleet.now()));
  note_latencies(took, outcome);
  return outcome;
}

}  // namespace cairn::sim
