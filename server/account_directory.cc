#include "server/account_directory.h"

namespace cairn::server {

std::optional<crypto::TenantId> AccountDirectory::find(std::string_view canonical_id) const {
  const std::shared_ptr<const iam::Directory> directory = store_.directory();
  const iam::Account* const account = directory->account_of_canonical_id(canonical_id);
  if (account == nullptr) return std::nullopt;
  return account->tenant->id;
}

bool AccountDirectory::names_nobody(std::string_view arn) const {
  return iam::names_nobody(*store_.directory(), arn);
}

}  // namespace cairn::server
