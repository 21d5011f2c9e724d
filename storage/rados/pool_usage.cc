#include "storage/rados/pool_usage.h"

#include <nlohmann/json.hpp>

namespace cairn::storage {
namespace {

uint64_t number(const nlohmann::json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_number_unsigned() ? at->get<uint64_t>() : 0;
}

}  // namespace

Result<PoolUsage> parse_pool_usage(std::string_view text, std::string_view pool) {
  if (text.size() > kPoolUsageTextBytesMax) {
    return fail(Code::kCorruption, "the monitors' answer about pools is too long");
  }
  const nlohmann::json answer = nlohmann::json::parse(text, nullptr, false);
  const auto pools = answer.is_object() ? answer.find("pools") : answer.end();
  if (!answer.is_object() || pools == answer.end() || !pools->is_array()) {
    return fail(Code::kCorruption, "the monitors' answer about pools is not understood");
  }
  for (const nlohmann::json& each : *pools) {
    if (!each.is_object()) continue;
    const auto name = each.find("name");
    const auto stats = each.find("stats");
    if (name == each.end() || stats == each.end() || !name->is_string() || !stats->is_object()) {
      continue;
    }
    if (name->get_ref<const std::string&>() != pool) continue;
    return PoolUsage{number(*stats, "stored"), number(*stats, "max_avail")};
  }
  return fail(Code::kNotFound, "the monitors do not know the pool " + std::string(pool));
}

}  // namespace cairn::storage
