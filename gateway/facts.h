// What the upstream says of an object: the answer to a HEAD, as it is kept and told again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/message.h"
#include "transfer/s3_failure.h"
#include "transfer/s3_types.h"

namespace cairn::gateway {

// Immutable. An object that is not there has `absence` alone.
struct ObjectFacts {
  bool exists = true;
  uint64_t size_bytes = 0;
  std::string etag;  // Without quotes.
  WallTime modified;
  std::string version_id;
  // What a reader is told besides ETag, Last-Modified and Content-Type; names in lower case.
  std::string content_type;
  std::vector<transfer::HeaderPair> headers;
  std::vector<transfer::HeaderPair> checksums;  // x-amz-checksum-*, for who asks for them.
  transfer::Failure absence;

  uint64_t memory_bytes() const;
};
using FactsPointer = std::shared_ptr<const ObjectFacts>;

// kUnsupported when the answer lacks what a gateway needs: length, ETag, time of change.
Result<ObjectFacts> facts_of(const http::ReceivedHead& head);

// An ETag without quotes and weak mark.
std::string_view bare_etag(std::string_view etag);

// Whether a header of the upstream's answer is passed on to the client: what speaks of the object,
// not of the connection or of the request.
bool is_told(std::string_view lower_case_name);

}  // namespace cairn::gateway
