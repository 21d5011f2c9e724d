// Tenants themselves: operations over a Draft; failures as in errors.h.
#pragma once

#include <string>
#include <string_view>

#include "iam/draft.h"
#include "iam/errors.h"

namespace cairn::iam {

// The number is random and has 12 digits. Its encryption keys are the caller's business
// (object/tenant_keys.h) and must exist before the account does.
TenantId make_tenant_id(const Directory& directory, Random& random);
Result<Tenant> create_tenant(Draft& draft, TenantId id, std::string name, bool isolated);
// By name or by account number.
Result<TenantId> find_tenant(const Directory& directory, std::string_view text);
// With its users, keys and policies. That it holds no buckets is the caller's business. The root
// tenant stays.
Status delete_tenant(Draft& draft, TenantId id);

}  // namespace cairn::iam
