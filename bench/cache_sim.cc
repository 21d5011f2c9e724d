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
  double window_share = 0.25;
  double large_share = 1.0 / 64;
  double chance = 0;
  unsigned frequent = 2;
  uint64_t gap_requests = 256;
  double reinserted_share = cache::kReinsertedShareMax;
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

StackOptions stack_of(const Choice& choice, const Trace& trace, uint64_t capacity_bytes) {
  StackOptions options;
  options.chance = choice.chance;
  options.frequent = static_cast<uint8_t>(choice.frequent);
  options.gap_requests = choice.gap_requests;
  options.reinserted_share = choice.reinserted_share;
  options.window_share = choice.window_share;
  options.large_share = choice.large_share;
  if (choice.policy == "ram") {
    options.memory_bytes = capacity_bytes;
  } else if (choice.policy == "byte") {
    // A tenth in memory as a window, the rest on the disk.
    options.memory_bytes = capacity_bytes / 10;
    options.disk_bytes = capacity_bytes - options.memory_bytes;
    options.window_share = 1;
    options.large_share = 1;
  } else {
    options.memory_bytes = choice.memory_bytes > 0
                               ? choice.memory_bytes
                               : static_cast<uint64_t>(static_cast<double>(trace.footprint_bytes) *
                                                       choice.memory_fraction);
    options.disk_bytes = capacity_bytes;
  }
  return options;
}

int run(const Choice& choice) {
  const Result<Trace> trace = trace_of(choice);
  if (!trace) {
    std::fprintf(stderr, "cache_sim: %s\n", trace.error().message.c_str());
    return 1;
  }
  const uint64_t capacity_bytes =
      choice.capacity_bytes > 0
          ? choice.capacity_bytes
          : static_cast<uint64_t>(static_cast<double>(trace->footprint_bytes) * choice.fraction);
  std::unique_ptr<Simulated> cache =
      make_reference(choice.policy, capacity_bytes, trace->ids.size());
  if (!cache) cache = std::make_unique<Stack>(stack_of(choice, *trace, capacity_bytes), *trace);
  const Outcome outcome = replay(*trace, *cache, 1001);
  std::printf(
      "%-28s %-8s %14llu  miss %.4f  byte-miss %.4f  ram %.4f  any %.4f  admitted %.4f  "
      "reinserted %.4f  hot %.5f\n",
      choice.trace.substr(choice.trace.rfind('/') + 1).c_str(), choice.policy.c_str(),
      static_cast<unsigned long long>(capacity_bytes), outcome.miss_ratio(),
      outcome.byte_miss_ratio(), outcome.memory_hits / outcome.requests, 1 - outcome.miss_ratio(),
      outcome.admitted_bytes / outcome.requested_bytes,
      outcome.reinserted_bytes / outcome.requested_bytes,
      outcome.hot_requests > 0 ? outcome.hot_hits / outcome.hot_requests : 0.0);
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
  app.add_option("--window", choice.window_share, "Share of the window");
  app.add_option("--large", choice.large_share, "Share above which an object is window-only");
  app.add_option("--chance", choice.chance, "Of first misses, 0 to 0.30");
  app.add_option("--frequent", choice.frequent, "Counted references that admit");
  app.add_option("--gap", choice.gap_requests, "Reference gap in requests");
  app.add_option("--reinserted", choice.reinserted_share, "Share of a region written again");
  app.add_option("--seed", choice.seed, "Of a generated trace; 0: the published one");
  app.add_option("--divisor", choice.divisor, "Shrinks a generated trace");
  app.add_option("--csv", choice.csv, "Writes a generated trace there as well");
  CLI11_PARSE(app, argc, argv);
  return cairn::cachesim::run(choice);
}
