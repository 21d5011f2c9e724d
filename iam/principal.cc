#include "iam/principal.h"

#include "iam/account.h"

namespace cairn::iam {

std::shared_ptr<const Principal> make_root_principal(crypto::TenantId account) {
  auto root = std::make_shared<Principal>();
  root->account = account;
  root->kind = PrincipalKind::kRoot;
  root->name = account_display_name(account);
  root->id = account_number(account);
  root->arn = root_arn(account);
  root->canonical_id = canonical_id(account);
  return root;
}

}  // namespace cairn::iam
