// The part of the page /metrics about what the server does beside requests: audit, events,
// lifecycle, quotas.
#pragma once

#include <string>

#include "server/audit_log.h"

namespace cairn::server {

struct BackgroundReading {
  AuditLog::Counters audit;
};

void append_background_metrics(std::string& page, const BackgroundReading& reading);

}  // namespace cairn::server
