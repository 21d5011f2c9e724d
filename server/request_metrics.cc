#include "server/request_metrics.h"

#include <algorithm>
#include <bit>

namespace cairn::server {
namespace {

// One writer: a load and a store, no locked instruction.
void add(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

size_t status_index(uint16_t status) {
  const auto* found = std::ranges::find(kCountedStatuses, status);
  return found == kCountedStatuses.end() ? kCountedStatuses.size() - 1
                                         : static_cast<size_t>(found - kCountedStatuses.begin());
}

}  // namespace

size_t latency_bucket(Duration duration) {
  if (duration <= kLatencyFirst) return 0;
  const auto ratio = static_cast<uint64_t>((duration.nanoseconds - 1) / kLatencyFirst.nanoseconds);
  return std::min<size_t>(static_cast<size_t>(std::bit_width(ratio)), kLatencyBuckets - 1);
}

uint64_t RouteReading::requests() const {
  uint64_t total = 0;
  for (const uint64_t count : by_status) total += count;
  return total;
}

void RouteReading::add(const RouteReading& other) {
  for (size_t i = 0; i < by_status.size(); ++i) by_status[i] += other.by_status[i];
  for (size_t i = 0; i < by_latency.size(); ++i) by_latency[i] += other.by_latency[i];
  latency_sum_ns += other.latency_sum_ns;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  instant_count += other.instant_count;
  instant_bytes += other.instant_bytes;
}

void RequestMetrics::record(const s3::RequestRecord& record) {
  Row& row = rows_[std::min(record.route_index, rows_.size() - 1)];
  add(row.by_status[status_index(record.aborted ? kAbortedStatus : record.status)], 1);
  add(row.by_latency[latency_bucket(record.duration)], 1);
  add(row.latency_sum_ns, static_cast<uint64_t>(std::max<int64_t>(0, record.duration.nanoseconds)));
  add(row.bytes_in, record.bytes_in);
  add(row.bytes_out, record.bytes_out);
  if (record.instant_bytes > 0) {
    add(row.instant_count, 1);
    add(row.instant_bytes, record.instant_bytes);
  }
  add(requests_count_, 1);
}

void RequestMetrics::read(std::span<RouteReading> into) const {
  for (size_t i = 0; i < rows_.size() && i < into.size(); ++i) {
    const Row& row = rows_[i];
    RouteReading reading;
    for (size_t k = 0; k < row.by_status.size(); ++k) reading.by_status[k] = row.by_status[k];
    for (size_t k = 0; k < row.by_latency.size(); ++k) reading.by_latency[k] = row.by_latency[k];
    reading.latency_sum_ns = row.latency_sum_ns;
    reading.bytes_in = row.bytes_in;
    reading.bytes_out = row.bytes_out;
    reading.instant_count = row.instant_count;
    reading.instant_bytes = row.instant_bytes;
    into[i].add(reading);
  }
}

}  // namespace cairn::server
