// Whose chunk it is, as the chunk's id tells: a store that keeps the tenants' chunks apart
// (storage/rados) needs no look-up to know where one is.
//
// An id is a keyed hash whose last byte is the placement's (storage/placement.h). In ids of chunks
// of all tenants but the root tenant the nine bytes before it are a mark and the tenant's number,
// which leaves 22 bytes (176 bits) of the hash. Ids of the root tenant, and those from before there
// were tenants in ids, have none. One such id in 2^32 has the mark by chance: it is kept apart with
// the chunks of some tenant, and found there. Layout: docs/format.md.
// Thread rule: pure functions.
#pragma once

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "crypto/sealing.h"

namespace cairn::crypto {

inline constexpr std::array<uint8_t, 4> kTenantMark = {'t', 'n', 'n', 't'};
inline constexpr size_t kTenantMarkAt = 22;
inline constexpr size_t kTenantNumberAt = kTenantMarkAt + kTenantMark.size();
inline constexpr size_t kTenantNumberBytes = 5;  // An account number has 12 digits, less than 2^40.
inline constexpr uint64_t kTenantNumberMax = (uint64_t{1} << (8 * kTenantNumberBytes)) - 1;
static_assert(kTenantNumberAt + kTenantNumberBytes + 1 == sizeof(ChunkId::bytes));

// A number that does not fit is left out, as the root tenant's is.
inline ChunkId with_tenant(ChunkId id, TenantId tenant) {
  if (tenant == kRootTenant || tenant.value > kTenantNumberMax) return id;
  std::ranges::copy(kTenantMark, id.bytes.begin() + kTenantMarkAt);
  std::array<uint8_t, sizeof(uint64_t)> number{};
  store_be(number.data(), tenant.value);
  std::copy_n(number.end() - kTenantNumberBytes, kTenantNumberBytes,
              id.bytes.begin() + kTenantNumberAt);
  return id;
}

// kRootTenant where the id does not tell.
inline TenantId tenant_of(const ChunkId& id) {
  if (!std::equal(kTenantMark.begin(), kTenantMark.end(), id.bytes.begin() + kTenantMarkAt)) {
    return kRootTenant;
  }
  TenantId tenant;
  for (size_t i = 0; i < kTenantNumberBytes; ++i) {
    tenant.value = tenant.value << 8 | id.bytes[kTenantNumberAt + i];
  }
  return tenant;
}

}  // namespace cairn::crypto
