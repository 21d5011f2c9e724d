#include "server/tier_config.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cache/disk_limits.h"
#include "server/config.h"

namespace cairn::server {
namespace {

constexpr std::string_view kPerSecond = "/s";
constexpr std::string_view kDiskForm = "expected disk:DIRECTORY:SIZE";

Error refused(std::string_view entry, const std::string& why) {
  return {Code::kInvalidArgument, "tier \"" + std::string(entry) + "\": " + why};
}

Status apply_option(TierConfig& tier, std::string_view option) {
  const size_t equals = option.find('=');
  const std::string_view name = option.substr(0, equals);
  std::string_view value = option.substr(equals + 1);
  const bool of_disks = name == "write-budget" || name == "first-miss";
  if (of_disks && tier.kind == TierConfig::Kind::kRam) {
    return fail(Code::kInvalidArgument, std::string(name) + " is of tiers on disk");
  }
  if (name == "write-budget" && value.ends_with(kPerSecond)) {
    value.remove_suffix(kPerSecond.size());
    const Result<uint64_t> rate = parse_size(value);
    if (!rate || *rate == 0) return fail(Code::kInvalidArgument, "expected a rate, as in 80MiB/s");
    tier.write_bytes_per_second = *rate;
    return {};
  }
  if (name == "tenant-share" && value.ends_with('%')) {
    value.remove_suffix(1);
    const Result<uint64_t> percent = parse_size(value);
    if (!percent || *percent == 0 || *percent > 100) {
      return fail(Code::kInvalidArgument, "expected 1% to 100%");
    }
    tier.tenant_share_percent = static_cast<unsigned>(*percent);
    return {};
  }
  if (name == "first-miss" && value.ends_with('%')) {
    value.remove_suffix(1);
    const Result<uint64_t> percent = parse_size(value);
    if (!percent || *percent > 100) return fail(Code::kInvalidArgument, "expected 0% to 100%");
    tier.first_miss_percent = static_cast<unsigned>(*percent);
    return {};
  }
  return fail(Code::kInvalidArgument,
              "options are write-budget=RATE/s, first-miss=PERCENT% and tenant-share=PERCENT%, "
              "not " +
                  std::string(option));
}

// Cuts off and returns what stands behind the last colon; nullopt when there is none.
std::optional<std::string_view> take_last_field(std::string_view& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view field = text.substr(colon + 1);
  text = text.substr(0, colon);
  return field;
}

Result<TierConfig> parse_disk(std::string_view entry, std::string_view rest) {
  TierConfig tier{.kind = TierConfig::Kind::kDisk, .path = {}};
  std::optional<std::string_view> field = take_last_field(rest);
  for (; field && field->find('=') != std::string_view::npos; field = take_last_field(rest)) {
    const Status applied = apply_option(tier, *field);
    if (!applied) return std::unexpected(refused(entry, applied.error().message));
  }
  if (!field || rest.empty()) return std::unexpected(refused(entry, std::string(kDiskForm)));
  const Result<uint64_t> size = parse_size(*field);
  if (!size) return std::unexpected(refused(entry, size.error().message));
  if (*size < cache::kDiskTierBytesMin || *size > cache::kDiskTierBytesMax) {
    return std::unexpected(refused(entry, "needs 64MiB to 8TiB: name several for more"));
  }
  tier.size_bytes = *size;
  tier.path = rest;
  return tier;
}

Result<TierConfig> parse_tier(std::string_view entry) {
  constexpr std::string_view kRam = "ram:";
  constexpr std::string_view kDisk = "disk:";
  if (entry.starts_with(kDisk)) return parse_disk(entry, entry.substr(kDisk.size()));
  if (!entry.starts_with(kRam)) {
    return std::unexpected(refused(entry, "expected ram:SIZE or disk:DIRECTORY:SIZE"));
  }
  TierConfig tier;
  std::string_view rest = entry.substr(kRam.size());
  while (rest.find(':') != std::string_view::npos) {
    const Status applied = apply_option(tier, *take_last_field(rest));
    if (!applied) return std::unexpected(refused(entry, applied.error().message));
  }
  const Result<uint64_t> size = parse_size(rest);
  if (!size) return std::unexpected(refused(entry, size.error().message));
  if (*size < kRamTierBytesMin) return std::unexpected(refused(entry, "needs at least 16MiB"));
  tier.size_bytes = *size;
  return tier;
}

bool has_directory(const std::vector<TierConfig>& tiers, const TierConfig& of) {
  return of.kind == TierConfig::Kind::kDisk &&
         std::ranges::find(tiers, of.path, &TierConfig::path) != tiers.end();
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
    if (has_directory(tiers, *tier)) {
      return std::unexpected(
          refused(list.substr(0, comma), "give each disk tier a directory of its own"));
    }
    if (tiers.size() == kTiersMax) return fail(Code::kInvalidArgument, "at most 16 tiers");
    tiers.push_back(std::move(*tier));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  if (tiers.empty()) return fail(Code::kInvalidArgument, "expected tiers, or none");
  return tiers;
}

std::optional<uint64_t> tenant_share_bytes(const TierConfig& tier) {
  if (tier.tenant_share_percent >= 100) return std::nullopt;
  // Not in one product, which a large size would overflow.
  return tier.size_bytes / 100 * tier.tenant_share_percent +
         tier.size_bytes % 100 * tier.tenant_share_percent / 100;
}

std::vector<TierConfig> default_tiers() {
  struct sysinfo info{};
  if (sysinfo(&info) != 0) return {};
  const uint64_t eighth_bytes = uint64_t{info.totalram} * info.mem_unit / 8;
  TierConfig ram;
  ram.size_bytes =
      std::clamp(round_down(eighth_bytes, 16 * MiB), kRamTierBytesMin, kDefaultRamTierBytesMax);
  return {ram};
}

}  // namespace cairn::server
