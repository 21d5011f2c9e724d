// The part of the page /metrics about gateway buckets.
#pragma once

#include <string>

#include "gateway/gateway.h"

namespace cairn::server {

void append_gateway_metrics(std::string& page, const gateway::GatewayReading& reading);

}  // namespace cairn::server
