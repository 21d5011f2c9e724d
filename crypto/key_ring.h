// The key hierarchy: root key -> wrapped, versioned tenant keys -> HKDF children enc, id, mac.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>

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

// All tenant keys, unwrapped in memory. Thread rule: any thread (readers share a lock for the
// moment of a lookup; the returned keys are immutable).
class KeyRing {
 public:
  explicit KeyRing(SecretKey root);

  // A new random tenant key, version = highest + 1. Its `id` child is the same for all versions of
  // a tenant, so that dedup survives rotation (the id key is derived from version 1's material).
  // Returns the wrapped form to be stored durably before it is used.
  Result<std::string> create_version(TenantId tenant, Random& random);
  // Adds a wrapped key. kPermissionDenied "the root key does not match this data directory" when it
  // does not unwrap.
  Status add_wrapped(TenantId tenant, uint32_t version, BytesView wrapped);
  // The same key wrapped under another root key (rotation by rewrap).
  Result<std::string> rewrap(TenantId tenant, uint32_t version, const SecretKey& new_root) const;

  std::shared_ptr<const TenantKeys> current(TenantId tenant) const;  // Null when unknown.
  std::shared_ptr<const TenantKeys> version(TenantId tenant, uint32_t version) const;

 private:
  struct Tenant;
  SecretKey root_;
  mutable std::shared_mutex mutex_;
  std::map<uint64_t, std::unique_ptr<Tenant>> tenants_;
};

}  // namespace cairn::crypto
