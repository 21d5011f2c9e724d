// The page /metrics: Prometheus text of everything that is counted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/etcd/metrics.h"
#include "catalog/metrics.h"
#include "http/server.h"
#include "server/background_page.h"
#include "server/cluster_page.h"
#include "server/gateway_page.h"
#include "server/home_page.h"
#include "server/request_metrics.h"
#include "server/tier_page.h"
#include "storage/chunk_store.h"
#include "storage/metrics.h"

namespace cairn::server {

// One core's numbers, read on that core.
struct CoreReading {
  http::ServerCounters http;
  uint64_t buffers_used_bytes = 0;
  uint64_t buffers_cap_bytes = 0;
  int64_t cpu_ns = 0;  // Of the reactor's thread.
};

struct MetricsReading {
  std::vector<RouteReading> routes;  // One per route, and one for requests without a route.
  std::vector<CoreReading> cores;
  const catalog::CatalogMetrics* catalog = nullptr;
  const catalog::EtcdMetrics* etcd = nullptr;  // Null without one.
  storage::StoreMetrics store;
  storage::StoreUsage usage;
  TiersReading tiers;
  gateway::GatewayReading gateway;
  std::optional<bool> root_credentials_differ;  // Unset outside a cluster.
  std::optional<ClusterReading> cluster;
  HomesReading homes;
  uint64_t access_log_dropped = 0;
  BackgroundReading background;
  uint64_t gc_passes = 0;
  uint64_t gc_failures = 0;
  bool ready = false;
};

std::string render_metrics(const MetricsReading& reading);

}  // namespace cairn::server
