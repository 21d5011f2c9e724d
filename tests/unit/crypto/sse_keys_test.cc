// Keys of SSE-KMS and SSE-C. Property: what was sealed under one (kind, key, binding) opens under
// exactly that one, whatever else of the key ring is known; ids differ between keys and stay the
// same across versions of a tenant's keys; a commitment tells its key from every other one.
#include "crypto/sse_keys.h"

#include <gtest/gtest.h>

#include <set>

#include "base/encoding.h"
#include "crypto/key_wrap.h"
#include "crypto/kms_ring.h"
#include "crypto/sealing.h"

namespace cairn::crypto {
namespace {

constexpr TenantId kTenant{7};

class SseKeys : public ::testing::Test {
 protected:
  SseKeys() : ring_(SecretKey::generate(random_)) {
    for (const TenantId tenant : {kTenant, TenantId{8}}) {
      EXPECT_TRUE(ring_.create_version(tenant, random_).has_value());
    }
  }

  SseKeyPointer key(SseKind kind, std::string binding = {}) {
    return with_bytes(kind, SecretKey::generate(random_).view(), std::move(binding));
  }
  static SseKeyPointer with_bytes(SseKind kind, BytesView bytes, std::string binding = {}) {
    auto out = std::make_shared<SseKey>();
    out->kind = kind;
    out->secret = SecretKey(bytes);
    out->binding = std::move(binding);
    return out;
  }

  // Keys that differ from `other` in one thing each.
  std::vector<SseKeyPointer> neighbours(const SseKey& other) {
    Bytes flipped(other.secret.view().begin(), other.secret.view().end());
    flipped[random_.below(flipped.size())] ^= static_cast<uint8_t>(1U << random_.below(8));
    const SseKind kind = other.kind == SseKind::kKms ? SseKind::kCustomer : SseKind::kKms;
    return {nullptr, key(other.kind, other.binding), with_bytes(other.kind, flipped, other.binding),
            with_bytes(kind, other.secret.view(), other.binding),
            with_bytes(other.kind, other.secret.view(), other.binding + "x")};
  }

  SeededRandom random_{600};
  KeyRing ring_;
};

TEST_F(SseKeys, AValueOpensUnderItsKeyAndNoOther) {
  for (int round = 0; round < 200; ++round) {
    const SseKeyPointer mine = key(round % 2 == 0 ? SseKind::kKms : SseKind::kCustomer,
                                   round % 3 == 0 ? "" : "{\"a\":\"b\"}");
    Bytes plaintext(random_.below(200));
    random_.fill(plaintext);
    const std::string sealed = *seal_value(*derive_sse_keys(*ring_.current(kTenant), *mine),
                                           "context", random_, plaintext);
    const Result<Bytes> opened =
        open_value(SealKeys(ring_, kTenant, mine), "context", as_bytes(sealed));
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(*opened, plaintext);
    for (const SseKeyPointer& other : neighbours(*mine)) {
      const Result<Bytes> refused =
          open_value(SealKeys(ring_, kTenant, other), "context", as_bytes(sealed));
      EXPECT_EQ(refused.error().code, Code::kCorruption) << "round " << round;
    }
    EXPECT_FALSE(open_value(SealKeys(ring_, TenantId{8}, mine), "context", as_bytes(sealed)));
  }
}

TEST_F(SseKeys, AChunkOpensUnderItsKeyAndNoOther) {
  for (int round = 0; round < 20; ++round) {
    const SseKeyPointer mine = key(SseKind::kCustomer);
    const auto keys = derive_sse_keys(*ring_.current(kTenant), *mine);
    Bytes payload(1 + random_.below(200'000));
    random_.fill(payload);
    const Bytes plaintext = payload;
    ChunkBinding binding;
    binding.tenant = kTenant;
    binding.id = make_chunk_id(*keys, sha256(payload));
    binding.plaintext_bytes = payload.size();
    const Bytes header = *seal_chunk(*keys, binding, random_, payload);
    const Result<ChunkOpener> opener =
        ChunkOpener::create(SealKeys(ring_, kTenant, mine), binding.id, header);
    ASSERT_TRUE(opener.has_value());
    ASSERT_TRUE(opener->open_frames(0, payload).has_value());
    EXPECT_EQ(payload, plaintext);
    for (const SseKeyPointer& other : neighbours(*mine)) {
      EXPECT_EQ(
          ChunkOpener::create(SealKeys(ring_, kTenant, other), binding.id, header).error().code,
          Code::kCorruption);
    }
    EXPECT_TRUE(check_sealed_header(kTenant, binding.id, plaintext.size(), header).has_value());
    EXPECT_FALSE(check_sealed_header(kTenant, binding.id, plaintext.size() + 1, header));
    EXPECT_FALSE(check_sealed_header(TenantId{8}, binding.id, plaintext.size(), header));
    EXPECT_FALSE(check_sealed_header(kTenant, ChunkId{}, plaintext.size(), header));
  }
}

TEST_F(SseKeys, EqualContentHasAnotherChunkIdUnderEveryKeyAndTheSameInEveryVersion) {
  const Sha256Value content = sha256(as_bytes("the same bytes"));
  const SseKeyPointer mine = key(SseKind::kKms, "context");
  std::set<std::string> ids = {make_chunk_id(*ring_.current(kTenant), content).to_hex()};
  for (const SseKeyPointer& one : neighbours(*mine)) {
    if (one == nullptr) continue;
    ids.insert(make_chunk_id(*derive_sse_keys(*ring_.current(kTenant), *one), content).to_hex());
  }
  const std::string first =
      make_chunk_id(*derive_sse_keys(*ring_.current(kTenant), *mine), content).to_hex();
  ids.insert(first);
  EXPECT_EQ(ids.size(), 6U);
  ASSERT_TRUE(ring_.create_version(kTenant, random_).has_value());
  ASSERT_TRUE(ring_.activate(kTenant, 2).has_value());
  const auto newer = derive_sse_keys(*ring_.current(kTenant), *mine);
  EXPECT_EQ(make_chunk_id(*newer, content).to_hex(), first);
  EXPECT_EQ(newer->version, 2U);
  EXPECT_NE(to_hex(newer->enc.view()),
            to_hex(derive_sse_keys(*ring_.version(kTenant, 1), *mine)->enc.view()));
}

TEST_F(SseKeys, RowsStayTheTenants) {
  const auto keys = derive_sse_keys(*ring_.current(kTenant), *key(SseKind::kCustomer));
  EXPECT_TRUE(equal_secret(keys->mac.view(), ring_.current(kTenant)->mac.view()));
}

TEST_F(SseKeys, ACommitmentTellsItsKeyFromEveryOther) {
  std::set<std::string> seen;
  for (int round = 0; round < 100; ++round) {
    const SseKeyPointer mine = key(SseKind::kCustomer);
    const auto tenant = ring_.current(kTenant);
    const Bytes commitment = commit_to_sse_key(*tenant, *mine, random_);
    EXPECT_TRUE(sse_key_matches(*tenant, *mine, commitment));
    seen.insert(to_hex(commitment));
    seen.insert(to_hex(commit_to_sse_key(*tenant, *mine, random_)));
    for (const SseKeyPointer& other : neighbours(*mine)) {
      if (other != nullptr) EXPECT_FALSE(sse_key_matches(*tenant, *other, commitment));
    }
    EXPECT_FALSE(sse_key_matches(*ring_.current(TenantId{8}), *mine, commitment));
    Bytes damaged = commitment;
    damaged[random_.below(damaged.size())] ^= 1;
    EXPECT_FALSE(sse_key_matches(*tenant, *mine, damaged));
    EXPECT_FALSE(sse_key_matches(*tenant, *mine, BytesView(commitment).first(47)));
    EXPECT_EQ(as_text(commitment).find(as_text(mine->secret.view())), std::string_view::npos);
  }
  EXPECT_EQ(seen.size(), 200U);  // Salted: one key never makes the same commitment twice.
}

TEST_F(SseKeys, ACommitmentHoldsInLaterVersionsOfTheTenantsKeys) {
  const SseKeyPointer mine = key(SseKind::kCustomer);
  const Bytes commitment = commit_to_sse_key(*ring_.current(kTenant), *mine, random_);
  ASSERT_TRUE(ring_.create_version(kTenant, random_).has_value());
  EXPECT_TRUE(sse_key_matches(*ring_.version(kTenant, 2), *mine, commitment));
}

TEST_F(SseKeys, ANamedSecretComesBackOnlyUnderItsBindingAndRoot) {
  const SecretKey secret = SecretKey::generate(random_);
  const std::string wrapped = *ring_.wrap_named("kms 7 a 1", secret, random_);
  EXPECT_TRUE(ring_.wraps(as_bytes(wrapped)));
  const Result<SecretKey> back = ring_.unwrap_named("kms 7 a 1", as_bytes(wrapped));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(to_hex(back->view()), to_hex(secret.view()));
  EXPECT_EQ(ring_.unwrap_named("kms 7 a 2", as_bytes(wrapped)).error().code, Code::kCorruption);
  KeyRing other(SecretKey::generate(random_));
  EXPECT_FALSE(other.wraps(as_bytes(wrapped)));
  EXPECT_EQ(other.unwrap_named("kms 7 a 1", as_bytes(wrapped)).error().code,
            Code::kPermissionDenied);
  for (size_t at = 0; at < wrapped.size(); ++at) {
    std::string damaged = wrapped;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(ring_.unwrap_named("kms 7 a 1", as_bytes(damaged))) << at;
  }
  EXPECT_FALSE(ring_.unwrap_named("kms 7 a 1", as_bytes(wrapped).first(71)));
}

KmsKeyPointer kms_key(TenantId tenant, std::string id, std::vector<std::string> aliases) {
  auto out = std::make_shared<KmsKey>();
  out->tenant = tenant;
  out->id = std::move(id);
  out->aliases = std::move(aliases);
  for (uint32_t version = 1; version <= 2; ++version) {
    out->versions.emplace(version, std::make_shared<const SecretKey>(Bytes(32, uint8_t(version))));
  }
  out->current = 2;
  return out;
}

TEST(KmsRing, FindsKeysOfTheTenantByIdAndAlias) {
  KmsRing ring;
  ring.put(kms_key(kTenant, "one", {"alias/first", "alias/uno"}));
  ring.put(kms_key(kTenant, "two", {"alias/second"}));
  EXPECT_EQ(ring.find(kTenant, "one")->id, "one");
  EXPECT_EQ(ring.find(kTenant, "alias/uno")->id, "one");
  EXPECT_EQ(ring.find(kTenant, "alias/second")->id, "two");
  EXPECT_EQ(ring.find(kTenant, "uno"), nullptr);
  EXPECT_EQ(ring.find(TenantId{8}, "one"), nullptr);
  EXPECT_EQ(ring.list(kTenant).size(), 2U);
  ring.erase(kTenant, "one");
  EXPECT_EQ(ring.find(kTenant, "alias/uno"), nullptr);
  ring.erase(TenantId{8}, "two");
  EXPECT_EQ(ring.list(kTenant).size(), 1U);
}

TEST(KmsRing, VersionsAndContextsAreKeysOfTheirOwn) {
  const KmsKeyPointer key = kms_key(kTenant, "one", {});
  EXPECT_TRUE(same_sse_key(make_kms_sse_key(*key, 1, "{}"), make_kms_sse_key(*key, 1, "{}")));
  EXPECT_FALSE(same_sse_key(make_kms_sse_key(*key, 1, "{}"), make_kms_sse_key(*key, 2, "{}")));
  EXPECT_FALSE(same_sse_key(make_kms_sse_key(*key, 1, ""), make_kms_sse_key(*key, 1, "{}")));
  EXPECT_FALSE(same_sse_key(make_kms_sse_key(*key, 1, ""), nullptr));
  EXPECT_TRUE(same_sse_key(nullptr, nullptr));
  EXPECT_EQ(make_kms_sse_key(*key, 3, ""), nullptr);
}

TEST(KmsRing, NamesAreBounded) {
  EXPECT_TRUE(is_kms_name("1234abcd-12ab-34cd-56ef-1234567890ab"));
  EXPECT_TRUE(is_kms_name("alias/aws/s3"));
  EXPECT_FALSE(is_kms_name(""));
  EXPECT_FALSE(is_kms_name("a b"));
  EXPECT_FALSE(is_kms_name(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_kms_name(std::string(257, 'a')));
}

}  // namespace
}  // namespace cairn::crypto
