// VersioningConfiguration (S3.md 2.3), RequestPaymentConfiguration and AccelerateConfiguration
// (2.4): documents of one choice. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "object/types.h"
#include "s3/errors.h"

namespace cairn::s3 {

// kEnabled or kSuspended. No Status: IllegalVersioningConfigurationException; another Status:
// MalformedXML; MfaDelete Enabled: NotImplemented.
S3Result<object::Versioning> parse_versioning(std::string_view body);
// Of a bucket that was never versioned: an empty root.
std::string write_versioning(object::Versioning versioning);

enum class Payer : uint8_t { kBucketOwner, kRequester };
S3Result<Payer> parse_request_payment(std::string_view body);
std::string write_request_payment(Payer payer);

// Transfer acceleration moves no byte differently here; the choice is kept and told.
enum class Acceleration : uint8_t { kEnabled, kSuspended };
S3Result<Acceleration> parse_accelerate(std::string_view body);
std::string write_accelerate(Acceleration acceleration);

}  // namespace cairn::s3
