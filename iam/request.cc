#include "iam/request.h"

#include <algorithm>

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

RequestKeys::Known& RequestKeys::look_up_text(std::string_view key, uint8_t number) const {
  const auto found = std::ranges::find(
      known_, key, [](const auto& known) { return std::string_view(known->key); });
  const auto place = static_cast<size_t>(found - known_.begin());
  if (found == known_.end()) {
    auto known = std::make_unique<Known>();
    known->key = key;
    known->is_present = fetch_own(key, known->values) || fetch(key, known->values);
    known_.push_back(std::move(known));
  }
  if (number != 0 && place < UINT8_MAX) places_[number] = static_cast<uint8_t>(place + 1);
  return *known_[place];
}

void RequestKeys::parse_addresses(Known& known) {
  for (const std::string& value : known.values) known.addresses.push_back(parse_ip_network(value));
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
