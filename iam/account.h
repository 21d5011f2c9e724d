// Names of accounts and principals as AWS writes them. A tenant is an account; its number is the
// tenant's number in 12 decimal digits, as account numbers have. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/key_ring.h"

namespace cairn::iam {

inline constexpr size_t kAccountDigits = 12;

// "000000000001" for the root tenant.
std::string account_number(crypto::TenantId account);
// nullopt when `text` is not exactly 12 digits.
std::optional<crypto::TenantId> parse_account_number(std::string_view text);

// The id that owners and ACLs name an account by: 64 hex digits made of the tenant's number, the
// same for all principals of the account.
std::string canonical_id(crypto::TenantId account);
// The name shown beside it.
std::string account_display_name(crypto::TenantId account);

// arn:aws:iam::ACCOUNT:root
std::string root_arn(crypto::TenantId account);
// arn:aws:iam::ACCOUNT:user/path/name. `path` starts and ends with '/'.
std::string user_arn(crypto::TenantId account, std::string_view path, std::string_view name);
// arn:aws:iam::ACCOUNT:role/path/name
std::string role_arn(crypto::TenantId account, std::string_view path, std::string_view name);
// arn:aws:sts::ACCOUNT:assumed-role/role/session
std::string assumed_role_arn(crypto::TenantId account, std::string_view role,
                             std::string_view session);

}  // namespace cairn::iam
