// Checks the audit log of a data directory that no server runs on.
#pragma once

#include <string>

#include "base/result.h"
#include "server/config.h"

namespace cairn::server {

// The report of verify_audit() as JSON. Opens the catalog and the keys, and changes nothing in the
// log. kUnavailable when a server holds the directory. Blocking.
Result<std::string> verify_audit_offline(const Config& config);

}  // namespace cairn::server
