// The series of site sync on the Prometheus page. Pure function.
#pragma once

#include <string>
#include <vector>

#include "server/sync_worker.h"

namespace cairn::server {

void append_sync_metrics(std::string& page, const std::vector<SyncReading>& readings);

}  // namespace cairn::server
