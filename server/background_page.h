// The part of the page /metrics about what the server does beside requests: audit, events,
// lifecycle, quotas.
#pragma once

#include <optional>
#include <string>

#include "server/audit_log.h"
#include "server/bucket_logs.h"
#include "server/clock_watch.h"
#include "server/event_delivery.h"
#include "server/lifecycle_walk.h"
#include "server/sync_worker.h"

namespace cairn::server {

struct EventsReading {
  uint64_t depth = 0;
  uint64_t added = 0;
  uint64_t dropped = 0;
};

struct BackgroundReading {
  AuditLog::Counters audit;
  EventsReading events;
  DeliveryCounters delivery;
  LifecycleCounters lifecycle;
  BucketLogs::Counters bucket_logs;
  std::vector<SyncReading> sync;
  bool usage_counted = false;
  std::optional<ClockReading> clock;  // Unset where the catalog is this server's alone.
};

void append_background_metrics(std::string& page, const BackgroundReading& reading);

}  // namespace cairn::server
