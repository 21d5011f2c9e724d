#include "iam/principal_match.h"

#include <algorithm>

#include "iam/account.h"

namespace cairn::iam {
namespace {

constexpr size_t kCanonicalIdSize = 64;

std::unexpected<Error> invalid() {
  return fail(Code::kInvalidArgument, "Invalid principal in policy");
}

bool is_canonical_id(std::string_view text) {
  return text.size() == kCanonicalIdSize &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Takes "arn:aws:SERVICE::" off the front.
bool take_prefix(std::string_view& text, std::string_view service) {
  constexpr std::string_view kStart = "arn:aws:";
  if (!text.starts_with(kStart)) return false;
  std::string_view rest = text.substr(kStart.size());
  if (!rest.starts_with(service) || !rest.substr(service.size()).starts_with("::")) return false;
  text = rest.substr(service.size() + 2);
  return true;
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return !text.empty() && std::ranges::find(list, text) != list.end();
}

}  // namespace

Status PrincipalMatcher::add_aws(const std::string& value) {
  if (value == "*") {
    is_everybody_ = true;
    return {};
  }
  if (const auto account = parse_account_number(value)) {
    accounts_.push_back(*account);
    return {};
  }
  std::string_view rest = value;
  const bool is_iam = take_prefix(rest, "iam");
  if (!is_iam && !take_prefix(rest, "sts")) return invalid();
  // Ceph's form, which names the owner of an account where AWS names the account.
  constexpr std::string_view kCephUser = ":user/";
  if (is_iam && rest.starts_with(kCephUser)) {
    rest.remove_prefix(kCephUser.size());
    if (!is_canonical_id(rest)) return invalid();
    canonical_ids_.emplace_back(rest);
    return {};
  }
  const auto account = parse_account_number(rest.substr(0, kAccountDigits));
  if (!account || !rest.substr(kAccountDigits).starts_with(':')) return invalid();
  const std::string_view name = rest.substr(kAccountDigits + 1);
  if (is_iam && name == "root") {
    accounts_.push_back(*account);
    return {};
  }
  const bool is_known = is_iam ? name.starts_with("user/") || name.starts_with("role/")
                               : name.starts_with("assumed-role/");
  // No wildcards: a part of a name names nobody.
  if (!is_known || name.back() == '/' || name.find_first_of("*?") != std::string_view::npos) {
    return invalid();
  }
  arns_.push_back(value);
  return {};
}

Result<PrincipalMatcher> PrincipalMatcher::compile(const std::vector<PrincipalText>& texts) {
  PrincipalMatcher matcher;
  for (const PrincipalText& text : texts) {
    if (text.kind == "*") {
      matcher.is_everybody_ = true;
    } else if (text.kind == "AWS") {
      const Status added = matcher.add_aws(text.value);
      if (!added) return std::unexpected(added.error());
    } else if (text.kind == "CanonicalUser") {
      if (!is_canonical_id(text.value)) return invalid();
      matcher.canonical_ids_.push_back(text.value);
    } else if (text.kind == "Federated") {
      if (text.value.find('*') != std::string::npos) return invalid();
      matcher.providers_.push_back(text.value);
    } else if (text.value.find('*') != std::string::npos ||
               text.value.find('.') == std::string::npos) {
      return invalid();  // A service, which never calls here, has a name like a host.
    }
  }
  return matcher;
}

PrincipalMatcher::Match PrincipalMatcher::match(const Principal* caller) const {
  if (caller != nullptr && caller->kind == PrincipalKind::kFederated) {
    return contains(providers_, caller->arn) || contains(providers_, caller->name) ? Match::kYes
                                                                                   : Match::kNo;
  }
  if (is_everybody_) return Match::kYes;
  if (caller == nullptr) return Match::kNo;
  if (contains(arns_, caller->arn) || contains(arns_, caller->session_arn)) return Match::kYes;
  const bool names_account = std::ranges::find(accounts_, caller->account) != accounts_.end() ||
                             contains(canonical_ids_, caller->canonical_id);
  if (!names_account) return Match::kNo;
  return caller->kind == PrincipalKind::kRoot ? Match::kYes : Match::kAccount;
}

}  // namespace cairn::iam
