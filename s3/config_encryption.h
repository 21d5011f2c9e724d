// ServerSideEncryptionConfiguration (S3.md 2.3): how objects of a bucket are encrypted when their
// write does not say. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "s3/errors.h"

namespace cairn::s3 {

enum class DefaultEncryption : uint8_t { kAes256, kKms };

struct EncryptionConfig {
  DefaultEncryption algorithm = DefaultEncryption::kAes256;
  std::string kms_key_id;             // As it was given; empty = the server's default key.
  bool bucket_key = false;            // Kept and told; keys here need no call over a network.
  bool blocks_customer_keys = false;  // Writes with SSE-C are refused.
  bool tells_blocked = false;         // The document said what is blocked, be it nothing.
};

// MalformedXML, InvalidArgument; NotImplemented for aws:kms:dsse.
S3Result<EncryptionConfig> parse_encryption(std::string_view body);
std::string write_encryption(const EncryptionConfig& config);

}  // namespace cairn::s3
