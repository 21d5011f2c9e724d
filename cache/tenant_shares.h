// Bytes that tenants have in a tier, beside the shares they are entitled to. Slots are handed out
// by the owner; slot 0 is everybody without a share. Externally synchronised.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "base/assert.h"
#include "cache/limits.h"

namespace cairn::cache {

// The root tenant, 1, has no share of its own. Slots are fewer than tenants may be: those who have
// the same one share it.
constexpr uint16_t tenant_slot(uint64_t tenant) {
  return tenant <= 1 ? 0 : static_cast<uint16_t>(1 + (tenant - 2) % (kTenantSlotsMax - 1));
}

class TenantShares {
 public:
  static constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

  TenantShares() { share_bytes_.fill(kUnlimited); }

  void set_share(uint16_t tenant, uint64_t share_bytes) {
    ASSERT(tenant > 0 && tenant < kTenantSlotsMax);
    over_count_ -= over(tenant) ? 1 : 0;
    share_bytes_[tenant] = share_bytes;
    over_count_ += over(tenant) ? 1 : 0;
  }
  void add(uint16_t tenant, uint64_t bytes) {
    over_count_ -= over(tenant) ? 1 : 0;
    used_bytes_[tenant] += bytes;
    over_count_ += over(tenant) ? 1 : 0;
  }
  void remove(uint16_t tenant, uint64_t bytes) {
    ASSERT(used_bytes_[tenant] >= bytes);
    over_count_ -= over(tenant) ? 1 : 0;
    used_bytes_[tenant] -= bytes;
    over_count_ += over(tenant) ? 1 : 0;
  }

  uint64_t used_bytes(uint16_t tenant) const { return used_bytes_[tenant]; }
  bool over(uint16_t tenant) const { return used_bytes_[tenant] > share_bytes_[tenant]; }
  bool any_over() const { return over_count_ > 0; }
  // The tenant with the most bytes over its share; 0 when nobody is over.
  uint16_t most_over() const {
    uint16_t found = 0;
    uint64_t most = 0;
    for (uint16_t tenant = 1; any_over() && tenant < kTenantSlotsMax; ++tenant) {
      if (!over(tenant) || used_bytes_[tenant] - share_bytes_[tenant] <= most) continue;
      most = used_bytes_[tenant] - share_bytes_[tenant];
      found = tenant;
    }
    return found;
  }

 private:
  std::array<uint64_t, kTenantSlotsMax> used_bytes_{};
  std::array<uint64_t, kTenantSlotsMax> share_bytes_{};
  size_t over_count_ = 0;
};

}  // namespace cairn::cache
