// Keys of what is sealed under a key of its own besides the tenant's: SSE-KMS and SSE-C.
//
// enc and id of a tenant key version are derived anew with the given key, so that the bytes open
// only with both, and equal bodies under different keys have different chunk ids (deduplication
// works inside one key and tells nothing across keys). mac stays the tenant's: rows and manifests
// are verified, collected and scrubbed without the given key. Formats: docs/format.md, "Keys of
// SSE-KMS and SSE-C". HKDF's salt takes the tenant's key and its input the other one: each of the
// two alone keeps the result secret (HMAC as a dual PRF, Bellare 2006).
// Thread rule: any thread.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "crypto/key_ring.h"

namespace cairn::crypto {

// Bound into the derivation; numbers are stored.
enum class SseKind : uint8_t {
  kTenant = 0,    // The tenant's own keys (SSE-S3).
  kKms = 1,       // And a named key of the key ring.
  kCustomer = 2,  // And a key that every request brings.
};

// The key beside the tenant's.
struct SseKey {
  SseKind kind = SseKind::kCustomer;  // Never kTenant.
  SecretKey secret;
  std::string binding;  // KMS: key id, version and encryption context; SSE-C: empty.
};
using SseKeyPointer = std::shared_ptr<const SseKey>;  // Null: the tenant's keys alone.

// Whether both open the same bytes.
bool same_sse_key(const SseKeyPointer& a, const SseKeyPointer& b);

// The keys that `key` makes of one version of the tenant's.
std::shared_ptr<const TenantKeys> derive_sse_keys(const TenantKeys& tenant, const SseKey& key);

// What is stored of a customer's key: a random salt, and a value that only this key gives. It is
// made with the tenant's id key, so without the key ring not even a weak key can be guessed.
inline constexpr size_t kSseCommitmentBytes = 48;
Bytes commit_to_sse_key(const TenantKeys& tenant, const SseKey& key, Random& random);
// Compares in constant time.
bool sse_key_matches(const TenantKeys& tenant, const SseKey& key, BytesView commitment);

// The keys that may have sealed something: all versions of a tenant's, under at most one SSE key.
// `ring` outlives it.
class SealKeys {
 public:
  SealKeys(const KeyRing& ring, TenantId tenant, SseKeyPointer key = nullptr)
      : ring_(&ring), tenant_(tenant), key_(std::move(key)) {}
  TenantId tenant() const { return tenant_; }
  // Null when unknown.
  std::shared_ptr<const TenantKeys> version(uint32_t version) const;

 private:
  const KeyRing* ring_;
  TenantId tenant_;
  SseKeyPointer key_;
};

}  // namespace cairn::crypto
