#include "server/request_metrics.h"

#include <gtest/gtest.h>

#include "s3/routes.h"
#include "server/metrics_page.h"

namespace cairn::server {
namespace {

TEST(RequestMetrics, LatencyBucketsHoldWhatTheirBoundsSay) {
  EXPECT_EQ(latency_bucket({0}), 0U);
  EXPECT_EQ(latency_bucket({-5}), 0U);
  for (size_t i = 0; i + 1 < kLatencyBuckets; ++i) {
    const Duration bound{kLatencyFirst.nanoseconds << i};
    EXPECT_EQ(latency_bucket(bound), i);
    EXPECT_EQ(latency_bucket({bound.nanoseconds + 1}), i + 1);
  }
  EXPECT_EQ(latency_bucket(seconds(1'000'000)), kLatencyBuckets - 1);
}

s3::RequestRecord record_of(size_t route, uint16_t status) {
  s3::RequestRecord record;
  record.route_index = route;
  record.status = status;
  record.bytes_in = 3;
  record.bytes_out = 4;
  record.duration = microseconds(20);
  return record;
}

TEST(RequestMetrics, CountsByRouteAndStatusOverAllCores) {
  RequestMetrics one(2);
  RequestMetrics two(2);
  one.record(record_of(0, 200));
  one.record(record_of(1, 404));
  two.record(record_of(0, 200));
  two.record(record_of(0, 499));
  two.record(record_of(77, 400));
  s3::RequestRecord cut = record_of(0, 200);
  cut.aborted = true;
  two.record(cut);
  std::vector<RouteReading> rows(3);
  one.read(rows);
  two.read(rows);
  EXPECT_EQ(rows[0].requests(), 4U);
  EXPECT_EQ(rows[0].by_status[0], 2U);                            // 200
  EXPECT_EQ(rows[0].by_status.back(), 1U);                        // 499 has no column of its own.
  EXPECT_EQ(rows[0].by_status[kCountedStatuses.size() - 2], 1U);  // Aborted.
  EXPECT_EQ(rows[0].by_latency[1], 4U);
  EXPECT_EQ(rows[0].bytes_in, 12U);
  EXPECT_EQ(rows[0].latency_sum_ns, 80'000U);
  EXPECT_EQ(rows[1].requests(), 1U);
  EXPECT_EQ(rows[2].requests(), 1U);  // Without a route.
}

TEST(MetricsPage, HistogramIsCumulativeAndEndsInInf) {
  MetricsReading reading;
  reading.routes.resize(s3::routes().size() + 1);
  reading.cores.resize(2);
  reading.cores[1].cpu_ns = 1'500'000'000;
  RouteReading& row = reading.routes[0];
  row.by_status[0] = 3;
  row.by_latency[0] = 1;
  row.by_latency[2] = 1;
  row.by_latency[kLatencyBuckets - 1] = 1;
  const std::string page = render_metrics(reading);
  const auto has = [&](std::string_view line) { return page.find(line) != std::string::npos; };
  EXPECT_TRUE(has("cairn_requests_total{route=\"ListBuckets\",status=\"200\"} 3\n"));
  EXPECT_TRUE(has("cairn_request_seconds_bucket{route=\"ListBuckets\",le=\"0.000016\"} 1\n"));
  EXPECT_TRUE(has("cairn_request_seconds_bucket{route=\"ListBuckets\",le=\"0.000064\"} 2\n"));
  EXPECT_TRUE(has("cairn_request_seconds_bucket{route=\"ListBuckets\",le=\"+Inf\"} 3\n"));
  EXPECT_TRUE(has("cairn_request_seconds_count{route=\"ListBuckets\"} 3\n"));
  EXPECT_TRUE(has("cairn_core_cpu_seconds_total{core=\"1\"} 1.5\n"));
}

}  // namespace
}  // namespace cairn::server
