// AES-256-GCM: published vectors on every engine, the same bytes from all engines for any size, and
// nothing left of the data when a tag does not verify.
#include "crypto/aead.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/encoding.h"
#include "base/random.h"

namespace cairn::crypto {
namespace {

struct Vector {
  const char* key;
  const char* nonce;
  const char* aad;
  const char* plaintext;
  const char* ciphertext;
  const char* tag;
};

// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13 to 16.
constexpr const char* kKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
constexpr const char* kZeroKey = "0000000000000000000000000000000000000000000000000000000000000000";
constexpr Vector kVectors[] = {
    {kZeroKey, "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {kZeroKey, "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {kKey, "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {kKey, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"}};

AeadNonce nonce_of(const char* hex) {
  const Bytes bytes = *from_hex(hex);
  AeadNonce nonce;
  std::ranges::copy(bytes, nonce.begin());
  return nonce;
}

TEST(Aead, GivesThePublishedValuesOnEveryEngine) {
  for (const AeadEngine& engine : aead_engines()) {
    for (const Vector& vector : kVectors) {
      SCOPED_TRACE(std::string(engine.name) + " " + vector.tag);
      const auto cipher = engine.create(*from_hex(vector.key));
      const Bytes aad = *from_hex(vector.aad);
      Bytes data = *from_hex(vector.plaintext);
      std::array<uint8_t, kAeadTagBytes> tag;
      ASSERT_TRUE(cipher->seal(nonce_of(vector.nonce), aad, data, tag));
      EXPECT_EQ(to_hex(data), vector.ciphertext);
      EXPECT_EQ(to_hex(tag), vector.tag);
      ASSERT_TRUE(cipher->open(nonce_of(vector.nonce), aad, data, tag));
      EXPECT_EQ(to_hex(data), vector.plaintext);
    }
  }
}

size_t any_size(Random& random) {
  switch (random.below(3)) {
    case 0: return random.below(600);
    case 1: return 16 * random.below(64);
    default: return 65536 - 300 + random.below(600);
  }
}

TEST(Aead, EveryEngineGivesTheSameBytes) {
  SeededRandom random(11);
  for (int round = 0; round < 400; ++round) {
    Bytes key(kAeadKeyBytes);
    random.fill(key);
    AeadNonce nonce;
    random.fill(nonce);
    Bytes aad(random.below(100));
    random.fill(aad);
    Bytes plaintext(any_size(random));
    random.fill(plaintext);

    Bytes expected = plaintext;
    std::array<uint8_t, kAeadTagBytes> expected_tag;
    ASSERT_TRUE(aead_engines().back().create(key)->seal(nonce, aad, expected, expected_tag));
    for (const AeadEngine& engine : aead_engines()) {
      SCOPED_TRACE(std::string(engine.name) + " " + std::to_string(plaintext.size()));
      const auto cipher = engine.create(key);
      Bytes data = plaintext;
      std::array<uint8_t, kAeadTagBytes> tag;
      ASSERT_TRUE(cipher->seal(nonce, aad, data, tag));
      ASSERT_EQ(tag, expected_tag);
      ASSERT_TRUE(data == expected);
      ASSERT_TRUE(cipher->open(nonce, aad, data, tag));
      ASSERT_TRUE(data == plaintext);
    }
  }
}

TEST(Aead, LeavesOnlyZeroesWhenTheTagDoesNotVerify) {
  SeededRandom random(12);
  Bytes key(kAeadKeyBytes);
  random.fill(key);
  const Bytes aad(10, 1);
  for (const AeadEngine& engine : aead_engines()) {
    for (const size_t size : {1UL, 16UL, 1000UL, 65536UL}) {
      SCOPED_TRACE(std::string(engine.name) + " " + std::to_string(size));
      const auto cipher = engine.create(key);
      Bytes data(size, 0x42);
      AeadNonce nonce{};
      std::array<uint8_t, kAeadTagBytes> tag;
      ASSERT_TRUE(cipher->seal(nonce, aad, data, tag));
      const Bytes sealed = data;
      for (int damage = 0; damage < 4; ++damage) {
        data = sealed;
        AeadNonce wrong_nonce = nonce;
        Bytes wrong_aad = aad;
        auto wrong_tag = tag;
        if (damage == 0) data[random.below(size)] ^= 0x80;
        if (damage == 1) wrong_tag[random.below(tag.size())] ^= 1;
        if (damage == 2) wrong_aad.back() ^= 1;
        if (damage == 3) wrong_nonce[11] ^= 1;
        EXPECT_FALSE(cipher->open(wrong_nonce, wrong_aad, data, wrong_tag));
        EXPECT_TRUE(std::ranges::all_of(data, [](uint8_t byte) { return byte == 0; }));
      }
      data = sealed;
      EXPECT_TRUE(cipher->open(nonce, aad, data, tag));
    }
  }
}

}  // namespace
}  // namespace cairn::crypto
