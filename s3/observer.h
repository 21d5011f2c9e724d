// What the door tells about every finished request: for metrics, logs and the audit.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "http/message.h"
#include "object/types.h"
#include "s3/auth.h"

namespace cairn::s3 {

// Valid during the call only. Never holds a secret or a signature: `target` is the raw request
// target with the values of credential parameters replaced by "-".
struct RequestRecord {
  std::string_view remote;
  std::string_view method;
  std::string_view target;
  std::string_view route;  // Name of the route, or "none".
  size_t route_index = 0;  // Into routes(), and behind them a guest's; beyond both = none.
  std::string_view request_id;
  std::string_view access_key;  // Empty when the caller is not known.
  std::string_view principal;   // The caller's ARN.
  // Decoded; empty where the request names none. `version_id` is the one that was asked for.
  std::string_view bucket;
  std::string_view key;
  std::string_view version_id;
  // Of a request on many keys: a JSON array, one object per key with "key", "version", "error".
  std::string_view detail;
  std::string_view action;      // Of the route, "s3:PutObject".
  std::string_view error_code;  // "NoSuchKey"; empty when the request succeeded.
  bool may_change = false;      // The method is none of those that only read.
  uint16_t status = 0;
  bool aborted = false;    // The connection was reset after the head was sent.
  uint64_t bytes_in = 0;   // Of the body, as sent by the client.
  uint64_t bytes_out = 0;  // Of the body.
  // Of a body that was known and not sent (instant_upload.h); 0 = it was not.
  uint64_t instant_bytes = 0;
  Duration duration;
  const http::RequestHead* head = nullptr;          // Null when none could be parsed.
  const object::BucketInfo* bucket_info = nullptr;  // Null when no bucket was found.
  std::string_view host_id;                         // x-amz-id-2
  AuthKind auth = AuthKind::kAnonymous;
};

// Called on the core that served the request.
class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  // Whether `remote` and `target` are to be filled: they cost memory and time per request. Asked
  // when all else of `record` is known.
  virtual bool wants_text(const RequestRecord& record) const = 0;
  // False while a request should not begin, because what would be told about it has no room.
  virtual bool has_room() const { return true; }
  virtual void on_finished(const RequestRecord& record) = 0;
};

}  // namespace cairn::s3
