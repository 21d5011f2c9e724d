#include "native/pool.h"

#include <algorithm>

#include "iam/account.h"

namespace cairn::native {

Result<Pool> Pool::parse(std::span<const std::string> accounts) {
  Pool pool;
  if (accounts.size() > kMembersMax) {
    return fail(Code::kInvalidArgument,
                "a pool has at most " + std::to_string(kMembersMax) + " accounts");
  }
  for (const std::string& account : accounts) {
    const std::optional<crypto::TenantId> tenant = iam::parse_account_number(account);
    if (!tenant) {
      return fail(Code::kInvalidArgument,
                  "'" + account + "' is no account number: it has 12 digits");
    }
    pool.members_.push_back(*tenant);
  }
  return pool;
}

std::span<const crypto::TenantId> Pool::lenders(crypto::TenantId borrower) const {
  if (std::ranges::find(members_, borrower) == members_.end()) return {};
  return members_;
}

}  // namespace cairn::native
