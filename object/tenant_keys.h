// The wrapped tenant keys as rows of the catalog: loaded at start, added before first use,
// rewrapped when the root key changes.
#pragma once

#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "crypto/key_ring.h"
#include "io/task.h"

namespace cairn::object {

// Unwraps every key row into `keys`. kPermissionDenied when the root key is not the right one.
io::Task<Result<size_t>> load_tenant_keys(catalog::Catalog& catalog, crypto::KeyRing& keys);

// Makes version 1 of a tenant's keys when it has none. Durable before it returns. kUnavailable
// kTenantKeyRace when another process stored one at the same moment: then `keys` holds one that
// nobody else has, and is not to be used any more.
inline constexpr std::string_view kTenantKeyRace = "another server made the same tenant's keys";
io::Task<Status> ensure_tenant_keys(catalog::Catalog& catalog, crypto::KeyRing& keys,
                                    crypto::TenantId tenant, Random& random);

// A new key version for what is written from now on; older data stays readable.
io::Task<Status> add_tenant_key_version(catalog::Catalog& catalog, crypto::KeyRing& keys,
                                        crypto::TenantId tenant, Random& random);

// Wraps every tenant key and KMS key under `new_root`, in one commit. The caller then replaces the
// root key and opens the store again with it.
io::Task<Result<size_t>> rewrap_tenant_keys(catalog::Catalog& catalog, const crypto::KeyRing& keys,
                                            const crypto::SecretKey& new_root);

}  // namespace cairn::object
