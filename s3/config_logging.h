// BucketLoggingStatus (S3.md 2.4): where the access log of a bucket is delivered. Pure functions;
// that the target exists and has the same owner is checked by the handler.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "s3/errors.h"

namespace cairn::s3 {

// How the keys of log objects are made.
enum class LogKeyFormat : uint8_t {
  kSimple,                // <prefix>YYYY-MM-DD-hh-mm-ss-<unique>
  kPartitionedEventTime,  // <prefix><account>/<region>/<bucket>/YYYY/MM/DD/YYYY-... of the events
  kPartitionedDeliveryTime,  // The same, of the delivery.
};

struct LoggingTarget {
  std::string bucket;
  std::string prefix;
  LogKeyFormat key_format = LogKeyFormat::kSimple;
  bool has_key_format = false;  // Was given, so it is given back.
};

// nullopt: logging is off. MalformedXML; NotImplemented for TargetGrants, which buckets with
// enforced ownership do not take.
S3Result<std::optional<LoggingTarget>> parse_logging(std::string_view body);
std::string write_logging(const std::optional<LoggingTarget>& target);

}  // namespace cairn::s3
