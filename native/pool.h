// Tenants whose operator lets them share content: who of them may know, against a proof of
// possession, what another one has. Nobody is in a pool unless the configuration says so.
// Immutable once made.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/key_ring.h"

namespace cairn::native {

class Pool {
 public:
  static constexpr size_t kMembersMax = 64;  // A miss looks the chunk up for each.

  Pool() = default;
  // Account numbers of 12 digits. kInvalidArgument for anything else, and for too many.
  static Result<Pool> parse(std::span<const std::string> accounts);

  // The tenants whose content may be lent to `borrower`, itself among them; empty when it is not a
  // member.
  std::span<const crypto::TenantId> lenders(crypto::TenantId borrower) const;

 private:
  std::vector<crypto::TenantId> members_;
};

}  // namespace cairn::native
