// What things cost in the simulated fleet: measured on one core of this project's servers
// (bench/README.md and docs/scale.md name the runs), and the hardware that is assumed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace cairn::sim {

// Seconds and bytes a second. Sending and receiving of a network interface do not disturb each
// other.
struct Costs {
  // CPU seconds on one core.
  double request_s = 10e-6;            // A signed GET without its body.
  double memory_s_per_byte = 0.12e-9;  // Sent to a client or a peer out of the RAM tier.
  double disk_s_per_byte = 0.10e-9;    // Read by O_DIRECT, verified, decrypted; not sent.
  double home_s_per_byte = 0.30e-9;    // Fetched, verified, decrypted; not sent.
  double peer_s_per_byte = 0.14e-9;    // Received from a peer and kept; not sent.
  double ask_s = 4e-6;                 // A question of a peer, at either end.

  double round_trip_s = 100e-6;  // Between two nodes.
  double disk_latency_s = 90e-6;
  double home_latency_s = 5e-3;
  double disk_bytes_per_s = 6e9;
  double network_bytes_per_s = 25e9;  // 200 Gbit/s each way.
  double home_bytes_per_s = 40e9;     // Of the home, all nodes together.
  double etcd_questions_per_s = 15'000;
  double etcd_latency_s = 300e-6;
};

struct NodeShape {
  size_t cores = 32;
  uint64_t memory_bytes = 256 * GiB;
  uint64_t disk_bytes = 8 * TiB;
};

}  // namespace cairn::sim
