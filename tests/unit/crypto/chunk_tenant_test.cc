// Whose chunk it is, as its id tells: what goes in comes out, the root tenant's ids stay as they
// were, and the bytes are those of docs/format.md.
#include "crypto/chunk_tenant.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace cairn::crypto {
namespace {

ChunkId plain_id() {
  ChunkId id;
  for (size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<uint8_t>(i);
  return id;
}

TEST(ChunkTenantTest, TheIdTellsTheTenant) {
  for (const uint64_t number : {uint64_t{0}, uint64_t{2}, uint64_t{255}, uint64_t{256},
                                uint64_t{999'999'999'999}, kTenantNumberMax}) {
    EXPECT_EQ(tenant_of(with_tenant(plain_id(), TenantId{number})), TenantId{number});
  }
}

TEST(ChunkTenantTest, TheBytesAreThoseOfTheFormat) {
  const std::string hex = with_tenant(plain_id(), TenantId{0x0102030405}).to_hex();
  EXPECT_EQ(hex,
            "000102030405060708090a0b0c0d0e0f101112131415"
            "746e6e74"
            "0102030405"
            "1f");
}

TEST(ChunkTenantTest, TheRootTenantsIdsStayAsTheyAre) {
  EXPECT_EQ(with_tenant(plain_id(), kRootTenant), plain_id());
  EXPECT_EQ(tenant_of(plain_id()), kRootTenant);
  EXPECT_EQ(with_tenant(plain_id(), TenantId{kTenantNumberMax + 1}), plain_id());
}

TEST(ChunkTenantTest, IdsOfContentHaveTheirTenant) {
  KeyRing ring(SecretKey::generate(system_random()));
  const TenantId other{123'456'789'012};
  for (const TenantId tenant : {kRootTenant, other}) {
    ASSERT_TRUE(ring.create_version(tenant, system_random()).has_value());
    const ChunkId id = make_chunk_id(*ring.current(tenant), sha256(as_bytes("content")));
    EXPECT_EQ(tenant_of(id), tenant);
    EXPECT_NE(id, make_chunk_id(*ring.current(tenant), sha256(as_bytes("other"))));
  }
}

}  // namespace
}  // namespace cairn::crypto
