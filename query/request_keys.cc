#include "query/request_keys.h"

namespace cairn::query {
namespace {

// Keys whose value is a parameter as it was sent.
struct ParamKey {
  std::string_view key;
  std::string_view param;
};
constexpr ParamKey kParamKeys[] = {
    {"iam:policyarn", "PolicyArn"},
    {"iam:permissionsboundary", "PermissionsBoundary"},
    {"sts:externalid", "ExternalId"},
    {"sts:rolesessionname", "RoleSessionName"},
    {"sts:durationseconds", "DurationSeconds"},
};
constexpr std::string_view kRequestTag = "aws:requesttag/";

// As policies keep keys: in lower case up to the first '/', as written after it.
std::string kept_key(std::string_view key) {
  const size_t slash = std::min(key.find('/'), key.size());
  return iam::lower_name(key.substr(0, slash)).append(key.substr(slash));
}

}  // namespace

void QueryKeys::add(std::string_view key, std::vector<std::string> values) {
  added_.insert_or_assign(kept_key(key), std::move(values));
}

bool QueryKeys::fetch(std::string_view key, std::vector<std::string>& values) const {
  const auto found = added_.find(key);
  if (found != added_.end()) {
    values = found->second;
    return true;
  }
  if (key == "aws:sourceip") {
    values.push_back(call_.source_ip);
    return !call_.source_ip.empty();
  }
  if (key == "aws:useragent") {
    values.push_back(call_.user_agent);
    return !call_.user_agent.empty();
  }
  if (key == "aws:securetransport") {
    values.emplace_back(call_.is_encrypted ? "true" : "false");
    return true;
  }
  for (const ParamKey& one : kParamKeys) {
    if (key != one.key) continue;
    const std::optional<std::string_view> value = call_.params.find(one.param);
    if (value) values.emplace_back(*value);
    return value.has_value();
  }
  if (key.starts_with(kRequestTag)) {
    const auto tags = call_.params.tags("Tags");
    const auto tag = tags.find(std::string(key.substr(kRequestTag.size())));
    if (tag == tags.end()) return false;
    values.push_back(tag->second);
    return true;
  }
  if (key == "aws:tagkeys") {
    for (const auto& [name, value] : call_.params.tags("Tags")) values.push_back(name);
    return !values.empty();
  }
  return false;
}

}  // namespace cairn::query
