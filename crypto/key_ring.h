// The key hierarchy: root key -> wrapped, versioned tenant keys -> HKDF children enc, id, mac.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"

namespace cairn::crypto {

// Dedup domain and owner of keys. 1 is the root tenant.
struct TenantId {
  uint64_t value = 0;
  friend auto operator<=>(TenantId, TenantId) = default;
};
inline constexpr TenantId kRootTenant{1};

// 32 bytes of key material: locked in memory, kept out of core dumps, cleansed when destroyed.
class SecretKey {
 public:
  SecretKey();                          // Zeroes; for assignment.
  explicit SecretKey(BytesView bytes);  // REQUIRES: bytes.size() == 32.
  static SecretKey generate(Random& random);
  SecretKey(SecretKey&&) noexcept;
  SecretKey& operator=(SecretKey&&) noexcept;
  ~SecretKey();
  BytesView view() const;

 private:
  uint8_t* memory_ = nullptr;
};

// Where the root key comes from: `file:PATH` (created 0600 when absent and `create` is set),
// `env:NAME` (64 hex digits; the variable is removed from the environment afterwards) or
// `command:ARGV...` (its standard output, 64 hex digits). The message of an error never holds key
// bytes.
struct RootKeySource {
  std::string spec;
  bool create_file = false;
};
struct RootKey {
  SecretKey key;
  bool created = false;  // The caller prints one plain sentence to back it up.
};
Result<RootKey> load_root_key(const RootKeySource& source, Random& random);

// The keys of one tenant version. Immutable once made; shared.
struct TenantKeys {
  TenantId tenant;
  uint32_t version = 0;
  SecretKey enc;  // Chunk and value keys are derived from it.
  SecretKey id;   // Chunk ids.
  SecretKey mac;  // Manifests.
};

class KmsRing;

// All tenant keys, unwrapped in memory. Thread rule: any thread (readers share a lock for the
// moment of a lookup; the returned keys are immutable).
class KeyRing {
 public:
  explicit KeyRing(SecretKey root);
  ~KeyRing();

  // A new random tenant key, version = highest + 1. Its `id` child is the same for all versions of
  // a tenant, so that dedup survives rotation (every wrapped form carries the tenant's id secret
  // beside the version's own). Returns the wrapped form, to be stored durably before it is used:
  // version 1 is current() at once, since nothing of the tenant is sealed yet; a later version only
  // after activate().
  Result<std::string> create_version(TenantId tenant, Random& random);
  // Makes a stored version the one that new data is sealed with. kNotFound when unknown; an older
  // version than the current one changes nothing.
  Status activate(TenantId tenant, uint32_t version);
  // Adds a wrapped key, active. kPermissionDenied "the root key does not match this data directory"
  // when it was wrapped by another root key, kCorruption when it is damaged or belongs elsewhere.
  Status add_wrapped(TenantId tenant, uint32_t version, BytesView wrapped);
  // The same key wrapped under another root key (rotation by rewrap). This ring keeps its own root.
  Result<std::string> rewrap(TenantId tenant, uint32_t version, const SecretKey& new_root) const;
  // From here on new versions are wrapped under `new_root`: called when every rewrapped form is
  // stored.
  void replace_root(SecretKey new_root);

  // Other secrets under the root key; `binding` says whole what each is. Errors as add_wrapped().
  Result<std::string> wrap_named(std::string_view binding, const SecretKey& secret,
                                 Random& random) const;
  Result<SecretKey> unwrap_named(std::string_view binding, BytesView wrapped) const;
  // Whether this ring's root key wrapped it, by its root check.
  bool wraps(BytesView wrapped) const;
  // The named keys of SSE-KMS.
  KmsRing& kms() const { return *kms_; }

  // All versions of a tenant, ascending.
  std::vector<uint32_t> versions(TenantId tenant) const;
  std::shared_ptr<const TenantKeys> current(TenantId tenant) const;  // Null when unknown.
  std::shared_ptr<const TenantKeys> version(TenantId tenant, uint32_t version) const;

 private:
  struct Tenant;
  struct Secrets;
  Status add(TenantId tenant, uint32_t version, Secrets secrets, bool active);

  SecretKey root_;
  mutable std::shared_mutex mutex_;
  std::map<uint64_t, std::unique_ptr<Tenant>> tenants_;
  const std::unique_ptr<KmsRing> kms_;
};

}  // namespace cairn::crypto
