// The named keys of SSE-KMS as rows of the catalog, beside their copies in the key ring
// (crypto/kms_ring.h): made, changed, loaded at start, rewrapped when the root key changes.
//
// A row is signed with the tenant's mac key, and every version's secret is wrapped by the root key.
// Every change also rewrites the row of the root tenant's first key, on which a rotation of the
// root key depends: the two never miss each other, so no key is left wrapped by a root that is
// gone.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "crypto/kms_ring.h"
#include "io/task.h"
#include "object/context.h"

namespace cairn::object {

inline constexpr size_t kKmsKeysMax = 10000;  // Of one tenant.

// Durable before it returns; the key as it is now, null after kDelete. kAlreadyExists when the id
// or an alias is taken; kNotFound; kInvalidArgument for a name that is none; kFailedPrecondition
// when a key that is enabled is to be deleted: what was sealed under a deleted key is lost.
io::Task<Result<crypto::KmsKeyPointer>> change_kms_key(Context& context, KmsCommand command);

// Makes the key `alias/aws/s3` when the tenant has none.
io::Task<Status> ensure_default_kms_key(Context& context, TenantId tenant);

// Makes the ring's keys those of the catalog. The tenant keys are loaded already.
io::Task<Result<size_t>> load_kms_keys(catalog::Catalog& catalog, crypto::KeyRing& keys);

// Adds every key, wrapped under `new_root`, to `batch`; fails where load_kms_keys() would.
io::Task<Status> add_rewrapped_kms_keys(catalog::Catalog& catalog, const crypto::KeyRing& keys,
                                        const crypto::SecretKey& new_root, catalog::Batch& batch);

}  // namespace cairn::object
