#include "iam/account.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/encoding.h"
#include "crypto/digest.h"

namespace cairn::iam {
namespace {

std::string arn(std::string_view service, crypto::TenantId account, std::string_view rest) {
  std::string out = "arn:aws:";
  out.append(service).append("::").append(account_number(account)).append(":").append(rest);
  return out;
}

std::string named(std::string_view kind, std::string_view path, std::string_view name) {
  std::string out(kind);
  out.append(path.empty() ? "/" : path).append(name);
  return out;
}

}  // namespace

std::string account_number(crypto::TenantId account) {
  std::string digits = std::to_string(account.value);
  if (digits.size() < kAccountDigits) digits.insert(0, kAccountDigits - digits.size(), '0');
  return digits;
}

std::optional<crypto::TenantId> parse_account_number(std::string_view text) {
  if (text.size() != kAccountDigits) return std::nullopt;
  uint64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(digit - '0');
  }
  return crypto::TenantId{value};
}

std::string canonical_id(crypto::TenantId account) {
  const std::string seed = "cairn tenant " + std::to_string(account.value);
  return to_hex(crypto::sha256(as_bytes(seed)));
}

std::string account_display_name(crypto::TenantId account) {
  return account == crypto::kRootTenant ? "root" : std::to_string(account.value);
}

std::string root_arn(crypto::TenantId account) {
  return arn("iam", account, "root");
}

std::string user_arn(crypto::TenantId account, std::string_view path, std::string_view name) {
  return arn("iam", account, named("user", path, name));
}

std::string role_arn(crypto::TenantId account, std::string_view path, std::string_view name) {
  return arn("iam", account, named("role", path, name));
}

std::string assumed_role_arn(crypto::TenantId account, std::string_view role,
                             std::string_view session) {
  return arn("sts", account, "assumed-role/" + std::string(role) + "/" + std::string(session));
}

}  // namespace cairn::iam
