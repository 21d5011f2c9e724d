// Several homes and the placements over them, as the TOML file says it:
//
//   [[home]]
//   name = "aws"
//   kind = "s3"                    # a bucket elsewhere
//   bucket = "chunks"
//   prefix = "site-a"              # optional, as are endpoint, region and ca
//   credentials = "/etc/cairn/aws" # a file with both keys
//   [[home]]
//   name = "fast"
//   kind = "volume"
//   path = "/mnt/nvme/cairn"       # without it DIR/volume
//   [[placement]]
//   name = "standard"              # the default, as is the one without storage-class
//   homes = ["aws", "gcs"]         # the primary first
//   ack = "one"                    # or "all"
//   [[placement]]
//   name = "cold"
//   storage-class = ["STANDARD_IA", "GLACIER_IR"]
//   homes = ["big"]
//   staging = "fast"
//
// Thread rule: plain values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "storage/placement_route.h"

namespace cairn::server {

struct HomeConfig {
  enum class Kind : uint8_t { kVolume, kS3 };
  std::string name;
  Kind kind = Kind::kVolume;
  std::string path;  // Of a volume; empty = DIR/volume.
  // Of a bucket.
  std::string bucket;
  std::string prefix;  // Empty, or ends in '/'.
  std::string endpoint;
  std::string region = "us-east-1";
  std::string credentials;  // Path of a file.
  std::string ca;           // Path of a PEM bundle; empty = the system's.
};

struct PlacementConfig {
  std::string name;
  std::vector<std::string> storage_classes;
  std::vector<std::string> homes;  // The primary first.
  storage::Acknowledge acknowledge = storage::Acknowledge::kOne;
  std::string staging;  // Empty = none.
};

struct NamedHomesConfig {
  std::vector<HomeConfig> homes;  // Empty: there is one home without a name (home.h).
  std::vector<PlacementConfig> placements;
  bool is_set() const { return !homes.empty() || !placements.empty(); }
};

// Key and values of one table; a string is one value.
using HomeFields = std::vector<std::pair<std::string, std::vector<std::string>>>;

// kInvalidArgument names the table and the key that is wrong.
Result<HomeConfig> parse_home_table(const HomeFields& fields);
Result<PlacementConfig> parse_placement_table(const HomeFields& fields);
// What only the whole can tell: names, references, the default placement.
Status check_named_homes(const NamedHomesConfig& config);
// Which one is the default. REQUIRES: check_named_homes() passed.
const PlacementConfig& default_placement(const NamedHomesConfig& config);

}  // namespace cairn::server
