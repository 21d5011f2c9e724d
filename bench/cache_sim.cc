// Replays traces through the cache tiers' production policies and through reference policies, and
// prints miss ratios. Figures and commands: bench/README.md.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "bench/cachesim/references.h"
#include "bench/cachesim/replay.h"
#include "bench/cachesim/stack.h"
#include "bench/cachesim/trace.h"

namespace cairn::cachesim {
namespace {

struct Choice {
  std::string trace;  // A file, or gen:mix, gen:scan, gen:noscan, gen:scan4.
  std::string policy = "two-tier";
  double fraction = 0.10;
  uint64_t capacity_bytes = 0;
  uint64_t memory_bytes = 0;
  double memory_fraction = 0.01;
  double budget = 0;
  StackOptions stack;
  uint64_t seed = 0;
  uint64_t divisor = 1;
  std::string csv;
};

Result<Trace> trace_of(const Choice& choice) {
  if (!choice.trace.starts_with("gen:")) return load_trace(choice.trace);
  const std::string kind = choice.trace.substr(4);
  Synthetic synthetic = Synthetic::kMix;
  if (kind == "scan") {
    synthetic = Synthetic::kScan;
  } else if (kind == "noscan") {
    synthetic = Synthetic::kNoScan;
  } else if (kind == "scan4") {
    synthetic = Synthetic::kScan4;
  } else if (kind != "mix") {
    return fail(Code::kInvalidArgument, "generated traces are gen:mix, scan, noscan and scan4");
  }
  const std::string csv = generate_csv(synthetic, choice.divisor, choice.seed);
  if (!choice.csv.empty()) {
    FILE* const file = std::fopen(choice.csv.c_str(), "wb");
    if (file == nullptr) return fail(Code::kIo, "cannot write " + choice.csv);
    std::fwrite(csv.data(), 1, csv.size(), file);
    std::fclose(file);
  }
  return parse_trace(csv);
}

uint64_t share_of(uint64_t bytes, double share) {
  return static_cast<uint64_t>(static_cast<double>(bytes) * share);
}

StackOptions stack_of(const Choice& choice, const Trace& trace, uint64_t capacity_bytes) {
  StackOptions options = choice.stack;
  if (choice.policy == "ram") {
    options.memory_bytes = capacity_bytes;
  } else if (choice.policy == "byte") {
    // One capacity, a tenth of it in memory.
    options.memory_bytes = capacity_bytes / 10;
    options.disk_bytes = capacity_bytes - options.memory_bytes;
  } else {
    options.memory_bytes = choice.memory_bytes > 0
                               ? choice.memory_bytes
                               : share_of(trace.footprint_bytes, choice.memory_fraction);
    options.disk_bytes = capacity_bytes;
  }
  options.write_bytes_per_request =
      share_of(trace.requested_bytes / trace.requests.size(), choice.budget);
  return options;
}

void print(const Choice& choice, uint64_t capacity_bytes, const Outcome& outcome) {
  std::printf("%-26s %-8s %12llu  miss %.4f  byte-miss %.4f  ram-hit %.4f  hit %.4f",
              choice.trace.substr(choice.trace.rfind('/') + 1).c_str(), choice.policy.c_str(),
              static_cast<unsigned long long>(capacity_bytes), outcome.miss_ratio(),
              outcome.byte_miss_ratio(), outcome.memory_hits / outcome.requests,
              1 - outcome.miss_ratio());
  std::printf("  admitted %.4f  written %.4f  hot-hit %.5f\n",
              outcome.admitted_bytes / outcome.requested_bytes, outcome.written(),
              outcome.hot_requests > 0 ? outcome.hot_hits / outcome.hot_requests : 0.0);
}

int run(const Choice& choice) {
  const Result<Trace> trace = trace_of(choice);
  if (!trace) {
    std::fprintf(stderr, "cache_sim: %s\n", trace.error().message.c_str());
    return 1;
  }
  const uint64_t capacity_bytes = choice.capacity_bytes > 0
                                      ? choice.capacity_bytes
                                      : share_of(trace->footprint_bytes, choice.fraction);
  std::unique_ptr<Simulated> cache =
      make_reference(choice.policy, capacity_bytes, trace->ids.size());
  if (!cache) cache = std::make_unique<Stack>(stack_of(choice, *trace, capacity_bytes), *trace);
  // The hot set of the generated loads has ids 1 to 1000.
  print(choice, capacity_bytes, replay(*trace, *cache, 1001));
  return 0;
}

}  // namespace
}  // namespace cairn::cachesim

int main(int argc, char** argv) {
  cairn::cachesim::Choice choice;
  CLI::App app("Replays a trace through a cache policy");
  app.add_option("trace", choice.trace, "csv, csv.zst or gen:mix|scan|noscan|scan4")->required();
  app.add_option("--policy", choice.policy, "lru, sieve, s3fifo, gdsf; ram, byte, two-tier")
      ->check(CLI::IsMember({"lru", "sieve", "s3fifo", "gdsf", "ram", "byte", "two-tier"}));
  app.add_option("--fraction", choice.fraction, "Capacity as a share of the footprint");
  app.add_option("--capacity", choice.capacity_bytes, "Capacity in bytes instead");
  app.add_option("--memory-fraction", choice.memory_fraction, "RAM of two-tier");
  app.add_option("--memory", choice.memory_bytes, "RAM of two-tier in bytes instead");
  app.add_option("--window", choice.stack.window_share, "Of the RAM tier");
  app.add_option("--large", choice.stack.large_share, "Larger objects are window-only");
  app.add_option("--chance", choice.stack.chance, "Of first misses, 0 to 0.30");
  app.add_flag("--fill", choice.stack.fill, "First misses go to a disk that has room");
  app.add_option("--budget", choice.budget, "Writes, as a share of the requested bytes");
  app.add_option("--reinserted", choice.stack.reinserted_share, "Of a region; 0: by the budget");
  app.add_option("--horizon", choice.stack.ghost_horizon,
                 "Of the ghost, in capacities of the disk");
  app.add_option("--draws", choice.stack.draws_seed, "Seed of the chance");
  app.add_option("--gap", choice.stack.gap_seconds, "Reference gap: requests, or seconds");
  app.add_flag("--trace-time", choice.stack.trace_time, "Time as the trace gives it, in seconds");
  app.add_option("--region", choice.stack.region_objects, "In largest objects, at least");
  app.add_option("--seed", choice.seed, "Of a generated trace; 0: the published one");
  app.add_option("--divisor", choice.divisor, "Shrinks a generated trace");
  app.add_option("--csv", choice.csv, "Writes a generated trace there as well");
  CLI11_PARSE(app, argc, argv);
  return cairn::cachesim::run(choice);
}
