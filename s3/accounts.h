// What the S3 door has to know of the accounts there are, beside its callers.
#pragma once

#include <optional>
#include <string_view>

#include "crypto/key_ring.h"

namespace cairn::s3 {

// One per door; used on its reactor.
class Accounts {
 public:
  virtual ~Accounts() = default;
  // The account of a canonical id; nullopt when there is none.
  virtual std::optional<crypto::TenantId> find(std::string_view canonical_id) const = 0;
  // Whether the ARN of a user or a role is of an account that is here and has none of that name.
  virtual bool names_nobody(std::string_view arn) const = 0;
};

}  // namespace cairn::s3
