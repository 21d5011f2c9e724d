// The accounts of the store of identities, as the S3 door asks for them. One per core, used on its
// reactor.
#pragma once

#include "iam/store.h"
#include "s3/accounts.h"

namespace cairn::server {

class AccountDirectory final : public s3::Accounts {
 public:
  // `store` outlives it.
  explicit AccountDirectory(const iam::Store& store) : store_(store) {}

  std::optional<crypto::TenantId> find(std::string_view canonical_id) const override;
  bool names_nobody(std::string_view arn) const override;

 private:
  const iam::Store& store_;
};

}  // namespace cairn::server
