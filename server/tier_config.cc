#include "server/tier_config.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <utility>

#include "server/config.h"

namespace cairn::server {
namespace {

Error refused(std::string_view entry, const std::string& why) {
  return {Code::kInvalidArgument, "tier \"" + std::string(entry) + "\": " + why};
}

Result<TierConfig> parse_tier(std::string_view entry) {
  const size_t colon = entry.find(':');
  const size_t last = entry.rfind(':');
  const std::string_view kind = entry.substr(0, colon);
  if ((kind != "ram" && kind != "disk") || colon == std::string_view::npos) {
    return std::unexpected(refused(entry, "expected ram:SIZE or disk:DIRECTORY:SIZE"));
  }
  const Result<uint64_t> size = parse_size(entry.substr(last + 1));
  if (!size) return std::unexpected(refused(entry, size.error().message));
  TierConfig tier;
  tier.size_bytes = *size;
  if (kind == "ram") {
    if (colon != last) return std::unexpected(refused(entry, "expected ram:SIZE"));
    if (*size < kRamTierBytesMin) return std::unexpected(refused(entry, "needs at least 16MiB"));
    return tier;
  }
  tier.kind = TierConfig::Kind::kDisk;
  if (colon == last || last == colon + 1) {
    return std::unexpected(refused(entry, "expected disk:DIRECTORY:SIZE"));
  }
  if (*size < kDiskTierBytesMin) return std::unexpected(refused(entry, "needs at least 256MiB"));
  tier.path = entry.substr(colon + 1, last - colon - 1);
  return tier;
}

}  // namespace

Result<std::vector<TierConfig>> parse_tiers(std::string_view list) {
  std::vector<TierConfig> tiers;
  if (list == "none") return tiers;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    Result<TierConfig> tier = parse_tier(list.substr(0, comma));
    if (!tier) return std::unexpected(tier.error());
    if (tier->kind == TierConfig::Kind::kRam && !tiers.empty()) {
      return std::unexpected(refused(list.substr(0, comma), "only the first tier can be of RAM"));
    }
    tiers.push_back(std::move(*tier));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  if (tiers.empty()) return fail(Code::kInvalidArgument, "expected tiers, or none");
  return tiers;
}

std::vector<TierConfig> default_tiers() {
  struct sysinfo info{};
  if (sysinfo(&info) != 0) return {};
  const uint64_t eighth_bytes = uint64_t{info.totalram} * info.mem_unit / 8;
  TierConfig ram;
  ram.size_bytes = std::max(round_down(eighth_bytes, 16 * MiB), kRamTierBytesMin);
  return {ram};
}

}  // namespace cairn::server
