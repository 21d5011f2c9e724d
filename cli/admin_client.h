// Asks the admin listener of a running server. Blocking; the address and the token come from
// DIR/admin.token, so whoever may read the data directory may command the server.
#pragma once

#include <functional>
#include <string>
#include <string_view>

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

// The same, with every whole line of the answer as soon as it is there; false ends the command.
Result<AdminReply> ask_admin_lines(const std::string& data, const std::string& method,
                                   const std::string& name,
                                   const std::function<bool(std::string_view)>& on_line);

// A name or value of such a form.
std::string url_encoded(std::string_view text);

}  // namespace cairn::cli
