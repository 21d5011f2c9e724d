// The catalog on etcd on the metrics page.
#pragma once

#include "catalog/etcd/metrics.h"
#include "server/metrics_text.h"

namespace cairn::server {

// `of` may be null: nothing is written.
void render_etcd(MetricsOut out, const catalog::EtcdMetrics* of);

}  // namespace cairn::server
