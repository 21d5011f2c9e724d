// fleet_sim: a fleet of 10 to 1,000 nodes in virtual time (bench/sim/). Prints one line of figures.
//
//     fleet_sim rollout --nodes 1000
//     fleet_sim zipf --nodes 100 --rate 300000 --strong --relays 16
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/units.h"
#include "bench/sim/workload.h"

namespace {

using namespace cairn;  // NOLINT: a program of one file.

void print(const std::string& scenario, const sim::FleetOptions& options,
           const sim::Outcome& outcome) {
  const sim::FleetCounts& counts = outcome.counts;
  const auto share = [&](sim::Source source) {
    return 100.0 * static_cast<double>(counts.reads[static_cast<size_t>(source)]) /
           static_cast<double>(outcome.reads);
  };
  std::printf("%s, %zu nodes: %.0f reads/s, %.1f GB/s; p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms\n",
              scenario.c_str(), options.nodes,
              static_cast<double>(outcome.reads) / outcome.length_s,
              static_cast<double>(outcome.bytes) / outcome.length_s * 1e-9, outcome.p50_s * 1e3,
              outcome.p99_s * 1e3, outcome.p999_s * 1e3);
  std::printf(
      "  from: own memory %.1f %%, a peer %.1f %%, own disk %.1f %%, home %.1f %% of reads\n",
      share(sim::Source::kMemory), share(sim::Source::kPeer), share(sim::Source::kDisk),
      share(sim::Source::kHome));
  std::printf("  home: %.1f GB, each chunk at most %llu times, %.0f %% busy\n",
              static_cast<double>(counts.home_bytes) * 1e-9,
              static_cast<unsigned long long>(counts.home_reads_most), counts.home_share * 100);
  std::printf("  CPU %.0f %% mean, %.0f %% most; network out %.0f %% mean, %.0f %% most\n",
              counts.cpu_share_mean * 100, counts.cpu_share_most * 100,
              counts.sent_share_mean * 100, counts.sent_share_most * 100);
  if (options.strong_reads) {
    std::printf("  etcd: %.0f questions/s\n",
                static_cast<double>(counts.questions) / outcome.length_s);
  }
  if (outcome.last_done_s > 0) {
    std::printf("  first node has it after %.1f s, last after %.1f s\n", outcome.first_done_s,
                outcome.last_done_s);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A fleet in virtual time");
  app.require_subcommand(1);
  sim::FleetOptions options;
  sim::Rollout rollout;
  sim::ZipfLoad load;
  double shrink = 64, network_gbit = 200, home_gb = 40;
  bool no_copies = false;
  CLI::App* const first = app.add_subcommand("rollout", "All nodes read one model at once");
  CLI::App* const second = app.add_subcommand("zipf", "Objects by popularity");
  for (CLI::App* const command : {first, second}) {
    command->add_option("--nodes", options.nodes)->check(CLI::Range(1, 4096));
    command->add_option("--cores", options.shape.cores);
    command->add_option("--network-gbit", network_gbit, "Of a node, each way");
    command->add_option("--home-gb", home_gb, "GB/s of the home, all nodes together");
    command->add_flag("--no-copies", no_copies, "Hot chunks stay on their first owner");
  }
  first->add_option("--model-gb", [&](const CLI::results_t& values) {
    rollout.model_bytes = static_cast<uint64_t>(std::stod(values.at(0)) * 1e9);
    return true;
  });
  first->add_option("--depth", rollout.depth, "Chunks under way at each node");
  second->add_option("--rate", load.reads_per_s, "Reads a second, all nodes together");
  second->add_option("--reads", load.reads);
  second->add_option("--objects", load.objects);
  second->add_option("--exponent", load.exponent);
  second->add_option("--shrink", shrink, "Caches are smaller by this: so should be the objects");
  second->add_flag("--strong", options.strong_reads, "Every read asks for the revision");
  second->add_option("--relays", options.relays, "Nodes that ask etcd for all");
  CLI11_PARSE(app, argc, argv);
  options.costs.network_bytes_per_s = network_gbit / 8 * 1e9;
  options.costs.home_bytes_per_s = home_gb * 1e9;
  options.hot_copies = !no_copies;
  if (first->parsed()) {
    options.clients_outside = false;
    sim::Fleet fleet(options);
    print("rollout", options, sim::run_rollout(fleet, rollout));
  } else {
    options.shape.memory_bytes =
        static_cast<uint64_t>(static_cast<double>(options.shape.memory_bytes) / shrink);
    options.shape.disk_bytes =
        static_cast<uint64_t>(static_cast<double>(options.shape.disk_bytes) / shrink);
    sim::Fleet fleet(options);
    print("zipf", options, sim::run_zipf(fleet, load));
  }
  return 0;
}
