// Counters of the requests of one core: by route and status, bytes, latency.
//
// Thread rule: record() on the owning core only; read() on any thread. Relaxed atomics with one
// writer: no lock and no shared cache line on the data path.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "s3/observer.h"

namespace cairn::server {

// Statuses that are told apart; anything else counts as the last one, 0.
inline constexpr std::array<uint16_t, 26> kCountedStatuses = {
    200, 204, 206, 301, 304, 307, 400, 403, 404, 405, 408, 409, 411,
    412, 413, 414, 416, 417, 431, 500, 501, 503, 505, 507, 1,   0};
inline constexpr uint16_t kAbortedStatus = 1;  // The reply was cut: what came after does not count.
static_assert(kCountedStatuses.back() == 0);

// Bucket i holds latencies up to kLatencyFirst << i; the last one holds the rest.
inline constexpr Duration kLatencyFirst = microseconds(16);
inline constexpr size_t kLatencyBuckets = 24;

// What one route did, all since the start.
struct RouteReading {
  std::array<uint64_t, kCountedStatuses.size()> by_status{};
  std::array<uint64_t, kLatencyBuckets> by_latency{};
  uint64_t latency_sum_ns = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t instant_count = 0;  // Answered without their bodies, of so many bytes.
  uint64_t instant_bytes = 0;
  uint64_t requests() const;
  void add(const RouteReading& other);
};

class RequestMetrics {
 public:
  // One row per route and one, the last, for requests without a route.
  explicit RequestMetrics(size_t routes_count) : rows_(routes_count + 1) {}

  void record(const s3::RequestRecord& record);
  // Adds this core's numbers to `into`, which has routes_count + 1 rows.
  void read(std::span<RouteReading> into) const;
  // Of all routes.
  uint64_t requests_count() const { return requests_count_.load(std::memory_order_relaxed); }

 private:
  using Counter = std::atomic<uint64_t>;
  struct Row {
    std::array<Counter, kCountedStatuses.size()> by_status{};
    std::array<Counter, kLatencyBuckets> by_latency{};
    Counter latency_sum_ns{0};
    Counter bytes_in{0};
    Counter bytes_out{0};
    Counter instant_count{0};
    Counter instant_bytes{0};
  };
  Counter requests_count_{0};
  std::vector<Row> rows_;
};

// Index of the latency bucket of `duration`.
size_t latency_bucket(Duration duration);

}  // namespace cairn::server
