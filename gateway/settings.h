// What a gateway bucket stands for: a bucket of another S3 server, how to ask for it, and how long
// to believe its answers. Kept as a document of the bucket's configuration (docs/format.md).
//
// The secret key is sealed under the tenant's keys and bound to the endpoint and the access key: a
// document that was altered does not send it elsewhere. It is never given back.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/key_ring.h"
#include "gateway/limits.h"
#include "transfer/s3_endpoint.h"

namespace cairn::gateway {

struct Settings {
  std::string endpoint;  // "http[s]://host[:port]"; empty = Amazon's of the region.
  std::string region = "us-east-1";
  std::string bucket;
  std::string prefix;  // Before every key; may be empty.
  transfer::Addressing addressing = transfer::Addressing::kAutomatic;
  std::string ca_path;  // PEM bundle for https; empty = the system's.
  Duration ttl = kTtlDefault;
  // What is older than the TTL is served so long while the upstream is down; zero = not at all.
  Duration stale_if_error = {};
  bool read_only = false;
  std::string access_key;  // Empty = unsigned requests.
  std::string sealed_secret;
};

// kInvalidArgument says what is wrong, for whoever wrote the document or gave the values.
Result<Settings> parse_settings(std::string_view document);
Status check_settings(const Settings& settings);
std::string write_settings(const Settings& settings);

std::string_view addressing_name(transfer::Addressing addressing);
Result<transfer::Addressing> parse_addressing(std::string_view name);

// Fills sealed_secret. The endpoint and the access key must stand.
Status seal_secret(Settings& settings, const crypto::TenantKeys& keys, std::string_view secret,
                   Random& random);
// kCorruption when it is not the one of these settings.
Result<std::string> open_secret(const Settings& settings, const crypto::KeyRing& keys,
                                crypto::TenantId tenant);

}  // namespace cairn::gateway
