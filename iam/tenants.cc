#include "iam/tenants.h"

#include "iam/account.h"

namespace cairn::iam {
namespace {

constexpr uint64_t kNumberLeast = 100'000'000'000;
constexpr uint64_t kNumbersCount = 900'000'000'000;

}  // namespace

TenantId make_tenant_id(const Directory& directory, Random& random) {
  for (;;) {
    const TenantId id{kNumberLeast + random.below(kNumbersCount)};
    if (directory.account(id) == nullptr) return id;
  }
}

Result<Tenant> create_tenant(Draft& draft, TenantId id, std::string name, bool isolated) {
  const Status checked = check_name(name, "tenantName", kNameBytesMax);
  if (!checked) return std::unexpected(checked.error());
  if (parse_account_number(name)) {
    return fail(Code::kInvalidArgument, "A tenant's name must not look like an account number.");
  }
  if (draft.directory().account_named(name) != nullptr) return exists_already("Tenant", name);
  if (draft.directory().account(id) != nullptr) return exists_already("Tenant", account_number(id));
  if (draft.directory().accounts().size() >= kTenantsMax) return over_limit("Tenants", kTenantsMax);
  Tenant tenant;
  tenant.id = id;
  tenant.name = std::move(name);
  tenant.created = draft.now();
  tenant.isolated = isolated;
  draft.put(tenant);
  return tenant;
}

Result<TenantId> find_tenant(const Directory& directory, std::string_view text) {
  const std::optional<TenantId> number = parse_account_number(text);
  const Account* found = number ? directory.account(*number) : directory.account_named(text);
  if (found == nullptr) return no_such("tenant", text);
  return found->tenant->id;
}

Status delete_tenant(Draft& draft, TenantId id) {
  if (id == crypto::kRootTenant) {
    return fail(Code::kPermissionDenied, "The root tenant cannot be removed.");
  }
  const Result<const Account*> account = draft.account(id);
  if (!account) return std::unexpected(account.error());
  draft.remove_account(id);
  return {};
}

}  // namespace cairn::iam
