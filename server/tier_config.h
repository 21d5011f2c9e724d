// Which cache tiers stand in front of the chunk store, as settings say it.
//
// `--tier ram:8GiB,disk:/nvme/cache:1TiB:write-budget=80MiB/s` and, in the TOML file,
//   [[tier]]
//   kind = "ram"
//   size = "8GiB"
//   [[tier]]
//   kind = "disk"
//   path = "/nvme/cache"
//   size = "1TiB"
//   write-budget = "80MiB/s"
// name the nearest one first. `none` is no tier at all. Thread rule: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace cairn::server {

struct TierConfig {
  enum class Kind : uint8_t { kRam, kDisk };
  Kind kind = Kind::kRam;
  uint64_t size_bytes = 0;
  std::string path;                     // A directory; of a disk tier, like the rest.
  uint64_t write_bytes_per_second = 0;  // `write-budget`; 0: the disk may take everything.
  unsigned first_miss_percent = 15;     // `first-miss`: of what is read for the first time.
  // `tenant-share`: what a tenant besides the root one may have when others want room.
  unsigned tenant_share_percent = 100;
  friend bool operator==(const TierConfig&, const TierConfig&) = default;
};

inline constexpr uint64_t kRamTierBytesMin = 16 * MiB;
inline constexpr size_t kTiersMax = 16;

// None: tenants have no shares of their own.
std::optional<uint64_t> tenant_share_bytes(const TierConfig& tier);

// kInvalidArgument names the entry that is wrong. At most one RAM tier, and it is the first; each
// disk tier has a directory of its own.
Result<std::vector<TierConfig>> parse_tiers(std::string_view list);

// Where nothing was said: a RAM tier for small hot objects, at most an eighth of the memory. Memory
// is dear when it is first touched (2 CPU s/GB on a virtual machine that gives idle pages back to
// its host, bench/README.md), so that more of it has to be asked for.
inline constexpr uint64_t kDefaultRamTierBytesMax = 256 * MiB;
std::vector<TierConfig> default_tiers();

}  // namespace cairn::server
