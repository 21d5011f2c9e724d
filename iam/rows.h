// The rows of accounts in the catalog (docs/format.md, "Accounts"): keys, and values sealed under
// the root tenant's keys and bound to the key of their row (RELIABILITY.md S34), so that neither a
// secret nor a name can be read from the disk, and no row can be moved to another key.
// Pure functions; any thread. The only files of iam/ that see protobuf are records.cc and
// session_token.cc.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "crypto/key_ring.h"
#include "iam/model.h"

namespace cairn::iam::rows {

inline constexpr size_t kRecordBytesMax = 1 << 20;

// iam/<kind>/<tenant 8><name>; access keys are iam/k/<access key>.
std::string all();  // Prefix.
std::string tenant(TenantId tenant);
std::string key_of(const Tenant& value);
std::string key_of(TenantId tenant, const User& value);
std::string key_of(TenantId tenant, const Group& value);
std::string key_of(TenantId tenant, const Role& value);
std::string key_of(TenantId tenant, const ManagedPolicy& value);
std::string key_of(TenantId tenant, const OidcProvider& value);
std::string key_of(const AccessKey& value);

enum class Kind : char {
  kTenant = 'a',
  kUser = 'u',
  kGroup = 'g',
  kRole = 'r',
  kPolicy = 'p',
  kProvider = 'o',
  kAccessKey = 'k',
};
// Kind and, but for access keys, the tenant. kCorruption when the key is none of ours.
struct Parsed {
  Kind kind = Kind::kTenant;
  TenantId tenant;
};
Result<Parsed> parse(std::string_view row_key);

// Plain records.
std::string encode(const Tenant& value);
std::string encode(const User& value);
std::string encode(const Group& value);
std::string encode(const Role& value);
std::string encode(const ManagedPolicy& value);
std::string encode(const OidcProvider& value);
std::string encode(const AccessKey& value);
// kCorruption when the bytes are not such a record.
Status decode(BytesView record, Tenant& out);
Status decode(BytesView record, User& out);
Status decode(BytesView record, Group& out);
Status decode(BytesView record, Role& out);
Status decode(BytesView record, ManagedPolicy& out);
Status decode(BytesView record, OidcProvider& out);
Status decode(BytesView record, AccessKey& out);

// A record as a row's value and back.
Result<std::string> seal(const crypto::KeyRing& keys, std::string_view row_key,
                         std::string_view record, Random& random);
Result<Bytes> open(const crypto::KeyRing& keys, std::string_view row_key, std::string_view value);

}  // namespace cairn::iam::rows
