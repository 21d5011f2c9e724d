// The named keys of SSE-KMS, in memory: what AWS KMS calls customer managed keys, held by this
// server. Who stores them: object/kms_keys.h.
//
// A key has versions; new data is sealed under the current one, older ones open what they sealed.
// Disabling a key stops both. Keys belong to a tenant and are found by id or alias.
// Thread rule: any thread (a shared lock for the moment of a look-up; the keys are immutable).
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/key_ring.h"
#include "crypto/sse_keys.h"

namespace cairn::crypto {

inline constexpr std::string_view kKmsAliasPrefix = "alias/";
inline constexpr std::string_view kKmsDefaultAlias = "alias/aws/s3";
inline constexpr size_t kKmsNameBytesMax = 256;  // Of an id or an alias, as in AWS KMS.
inline constexpr size_t kKmsAliasesMax = 50;     // Of one key.
inline constexpr size_t kKmsVersionsMax = 1000;  // Of one key.

// Immutable once it is in the ring.
struct KmsKey {
  TenantId tenant;
  std::string id;                    // A UUID, or the name it was created with.
  std::vector<std::string> aliases;  // With the prefix.
  bool enabled = true;
  WallTime created;
  uint32_t current = 1;
  std::map<uint32_t, std::shared_ptr<const SecretKey>> versions;
};
using KmsKeyPointer = std::shared_ptr<const KmsKey>;

// Letters, digits and `/_-.:`, at most kKmsNameBytesMax, never empty.
bool is_kms_name(std::string_view name);

// The key of data sealed under `version` of `key` with an encryption context. Null when the key has
// no such version.
SseKeyPointer make_kms_sse_key(const KmsKey& key, uint32_t version, std::string_view context);

class KmsRing {
 public:
  // Adds a key or takes the place of the one with its id.
  void put(KmsKeyPointer key);
  void erase(TenantId tenant, std::string_view id);
  // By id, or by alias when the name has the prefix. Null when unknown.
  KmsKeyPointer find(TenantId tenant, std::string_view name) const;
  // By id.
  std::vector<KmsKeyPointer> list(TenantId tenant) const;

 private:
  using Keys = std::map<std::string, KmsKeyPointer, std::less<>>;
  mutable std::shared_mutex mutex_;
  std::map<uint64_t, Keys> tenants_;
};

}  // namespace cairn::crypto
