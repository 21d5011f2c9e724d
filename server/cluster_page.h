// What the metrics page says of the cluster.
#pragma once

#include <string>

#include "server/cluster.h"

namespace cairn::server {

void append_cluster_metrics(std::string& page, const ClusterReading& reading);

}  // namespace cairn::server
