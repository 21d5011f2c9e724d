// What the door tells about every finished request: for metrics and the access log.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace cairn::s3 {

// Valid during the call only. Never holds a secret or a signature: `target` is the raw request
// target with the values of credential parameters replaced by "-".
struct RequestRecord {
  std::string_view remote;
  std::string_view method;
  std::string_view target;
  std::string_view route;  // Name of the route, or "none".
  size_t route_index = 0;  // Into routes(); routes().size() = none.
  std::string_view request_id;
  std::string_view access_key;  // Empty when the caller is not known.
  uint16_t status = 0;
  bool aborted = false;    // The connection was reset after the head was sent.
  uint64_t bytes_in = 0;   // Of the body, as sent by the client.
  uint64_t bytes_out = 0;  // Of the body.
  Duration duration;
};

// Called on the core that served the request.
class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  // Whether `remote` and `target` are to be filled: they cost memory and time per request.
  virtual bool wants_text() const = 0;
  virtual void on_finished(const RequestRecord& record) = 0;
};

}  // namespace cairn::s3
