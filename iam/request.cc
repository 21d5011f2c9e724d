#include "iam/request.h"

#include "iam/account.h"
#include "iam/text.h"
#include "iam/values.h"

namespace cairn::iam {
namespace {

constexpr std::string_view kTagPrefix = "aws:principaltag/";

std::string_view type_name(PrincipalKind kind) {
  switch (kind) {
    case PrincipalKind::kRoot: return "Account";
    case PrincipalKind::kUser: return "User";
    case PrincipalKind::kRoleSession: return "AssumedRole";
    case PrincipalKind::kFederated: return "FederatedUser";
  }
  return "";
}

}  // namespace

RequestKeys::~RequestKeys() = default;

RequestKeys::Known& RequestKeys::look_up(std::string_view key) const {
  for (const std::unique_ptr<Known>& known : known_) {
    if (known->key == key) return *known;
  }
  auto known = std::make_unique<Known>();
  known->key = key;
  known->is_present = fetch_own(key, known->values) || fetch(key, known->values);
  known_.push_back(std::move(known));
  return *known_.back();
}

const std::vector<std::string>* RequestKeys::find(std::string_view key) const {
  const Known& known = look_up(key);
  return known.is_present ? &known.values : nullptr;
}

const std::vector<std::optional<IpNetwork>>* RequestKeys::find_addresses(
    std::string_view key) const {
  Known& known = look_up(key);
  if (!known.is_present) return nullptr;
  if (known.addresses.empty()) {
    for (const std::string& value : known.values) {
      known.addresses.push_back(parse_ip_network(value));
    }
  }
  return &known.addresses;
}

// Keys that every request has, whatever door it came through.
bool RequestKeys::fetch_own(std::string_view key, std::vector<std::string>& values) const {
  if (key == "aws:currenttime") {
    values.push_back(format_policy_date(now_));
  } else if (key == "aws:epochtime") {
    values.push_back(std::to_string(now_.unix_ms / 1000));
  } else if (key == "aws:principaltype") {
    values.emplace_back(principal_ == nullptr ? "Anonymous" : type_name(principal_->kind));
  } else if (key == "aws:userid") {
    values.push_back(principal_ == nullptr ? "anonymous" : principal_->id);
  } else if (principal_ == nullptr) {
    return false;
  } else if (key == "aws:username" && principal_->kind == PrincipalKind::kUser) {
    values.push_back(principal_->name);
  } else if (key == "aws:principalarn") {
    values.push_back(principal_->arn);
  } else if (key == "aws:principalaccount") {
    values.push_back(account_number(principal_->account));
  } else if (key.starts_with(kTagPrefix)) {
    // Names of a principal's tags have no case.
    for (const auto& [name, value] : principal_->tags) {
      if (equal_folded(name, key.substr(kTagPrefix.size()))) values.push_back(value);
    }
    return !values.empty();
  } else {
    return false;
  }
  return true;
}

}  // namespace cairn::iam
