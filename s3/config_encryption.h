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
  std::string kms_key_id;   // As it was given; empty = the server's default key.
  bool bucket_key = false;  // Kept and told; keys here need no call over a network.
};

// MalformedXML, InvalidArgument; NotImplemented for aws:kms:dsse and for blocking SSE-C.
S3Result<EncryptionConfig> parse_encryption(std::string_view body);
std::string write_encryption(const EncryptionConfig& config);

}  // namespace cairn::s3
