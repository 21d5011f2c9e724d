// Wrapping of secrets by the root key; bytes in docs/format.md, "Wrapped tenant key" and "Wrapped
// named key".
// Internal to crypto/.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/key_ring.h"

namespace cairn::crypto {

// What a wrapped key is bound to besides the root key.
struct WrapBinding {
  TenantId tenant;
  uint32_t version = 0;
};
struct TenantSecretsView {
  const SecretKey& version_secret;
  const SecretKey& id_secret;
};
struct TenantSecretsOut {
  SecretKey& version_secret;
  SecretKey& id_secret;
};

Result<std::string> wrap_tenant_secrets(const SecretKey& root, const WrapBinding& binding,
                                        const TenantSecretsView& secrets, Random& random);
// kPermissionDenied when another root key wrapped it, kCorruption when it is damaged or bound to
// another tenant or version; then `out` is untouched.
Status unwrap_tenant_secrets(const SecretKey& root, const WrapBinding& binding, BytesView wrapped,
                             const TenantSecretsOut& out);

// A secret of another kind: `binding` says whole what it is. Same errors.
Result<std::string> wrap_named_secret(const SecretKey& root, std::string_view binding,
                                      const SecretKey& secret, Random& random);
Result<SecretKey> unwrap_named_secret(const SecretKey& root, std::string_view binding,
                                      BytesView wrapped);
// Whether `root` wrapped it, by its root check alone; either form.
bool is_wrapped_by(const SecretKey& root, BytesView wrapped);

}  // namespace cairn::crypto
