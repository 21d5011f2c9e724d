// Asks the admin listener of a running server. Blocking; the address and the token come from
// DIR/admin.token, so whoever may read the data directory may command the server.
#pragma once

#include <string>

#include "base/result.h"

namespace cairn::cli {

struct AdminReply {
  int status = 0;
  std::string body;
};

// `method` /admin/v1/`name` with a form as its body of the server that holds `data`. kUnavailable
// when none runs.
Result<AdminReply> ask_admin(const std::string& data, const std::string& method,
                             const std::string& name, const std::string& body = {});

}  // namespace cairn::cli
