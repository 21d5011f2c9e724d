// Digests against published values, against OpenSSL, and against themselves for any split; CRCs by
// every way this processor has; joined CRCs against the CRC of the whole.
#include "crypto/digest.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <string>

#include "base/encoding.h"
#include "base/random.h"
#include "crypto/crc64.h"
#include "crypto/hmac.h"

namespace cairn::crypto {
namespace {

constexpr DigestKind kAllKinds[] = {
    DigestKind::kMd5,     DigestKind::kSha1,    DigestKind::kSha256,    DigestKind::kSha512,
    DigestKind::kCrc32,   DigestKind::kCrc32c,  DigestKind::kCrc64Nvme, DigestKind::kXxh64,
    DigestKind::kXxh3_64, DigestKind::kXxh3_128};

std::string hex_of(DigestKind kind, std::string_view text) {
  return to_hex(digest_of(kind, as_bytes(text)).view());
}

Bytes random_bytes(Random& random, size_t size_bytes) {
  Bytes bytes(size_bytes);
  random.fill(bytes);
  return bytes;
}

Bytes openssl_digest(const EVP_MD* algorithm, BytesView bytes) {
  Bytes value(EVP_MAX_MD_SIZE);
  unsigned size_bytes = 0;
  EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), value.data(), &size_bytes, algorithm, nullptr),
            1);
  value.resize(size_bytes);
  return value;
}

TEST(Digest, GivesThePublishedValues) {
  // RFC 1321, FIPS 180-4 examples, the CRC catalogue's check values, xxHash's own test output.
  EXPECT_EQ(hex_of(DigestKind::kMd5, ""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex_of(DigestKind::kMd5, "message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(hex_of(DigestKind::kSha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex_of(DigestKind::kSha256, ""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex_of(DigestKind::kSha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_of(DigestKind::kSha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex_of(DigestKind::kSha512, "abc"),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(hex_of(DigestKind::kCrc32, "123456789"), "cbf43926");
  EXPECT_EQ(hex_of(DigestKind::kCrc32c, "123456789"), "e3069283");
  EXPECT_EQ(hex_of(DigestKind::kCrc64Nvme, "123456789"), "ae8b14860a799888");
  EXPECT_EQ(hex_of(DigestKind::kXxh64, ""), "ef46db3751d8e999");
  EXPECT_EQ(hex_of(DigestKind::kXxh3_64, ""), "2d06800538d394c2");
  EXPECT_EQ(hex_of(DigestKind::kXxh3_128, ""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(to_base64(digest_of(DigestKind::kCrc64Nvme, as_bytes("123456789")).view()),
            "rosUhgp5mIg=");
}

TEST(Digest, IsTheSameForEverySplit) {
  SeededRandom random(1);
  for (const DigestKind kind : kAllKinds) {
    for (int round = 0; round < 40; ++round) {
      const Bytes data = random_bytes(random, random.below(3000));
      const std::unique_ptr<Digest> digest = Digest::create(kind);
      EXPECT_EQ(digest->kind(), kind);
      for (BytesView rest = data; !rest.empty();) {
        const size_t part = 1 + random.below(rest.size());
        digest->update(rest.first(part));
        rest = rest.subspan(part);
      }
      const DigestValue value = digest->finish();
      EXPECT_EQ(value, digest_of(kind, data));
      EXPECT_EQ(value.view().size(), digest_size(kind));
    }
  }
}

TEST(Digest, AgreesWithOpenSslAtEveryLengthAroundTheBlocks) {
  SeededRandom random(2);
  const Bytes data = random_bytes(random, 600);
  for (size_t size = 0; size <= data.size(); ++size) {
    const BytesView message(data.data(), size);
    EXPECT_EQ(to_hex(digest_of(DigestKind::kSha256, message).view()),
              to_hex(openssl_digest(EVP_sha256(), message)));
    EXPECT_EQ(to_hex(digest_of(DigestKind::kMd5, message).view()),
              to_hex(openssl_digest(EVP_md5(), message)));
  }
}

TEST(Crc64, IsTheSameByEveryKernel) {
  SeededRandom random(3);
  const Bytes data = random_bytes(random, 5000);
  const auto portable = crc64_kernels().back();
  for (const Crc64Kernel& kernel : crc64_kernels()) {
    for (size_t size = 0; size <= data.size(); size += 1 + size / 64) {
      const BytesView message = BytesView(data).subspan(random.below(data.size() - size + 1), size);
      const uint64_t start = random.next_u64();
      EXPECT_EQ(kernel.update(start, message), portable.update(start, message))
          << kernel.name << " " << size;
    }
  }
}

TEST(Crc, OfTwoPartsJoinsToTheCrcOfTheWhole) {
  SeededRandom random(4);
  for (const DigestKind kind : {DigestKind::kCrc32, DigestKind::kCrc32c, DigestKind::kCrc64Nvme}) {
    for (int round = 0; round < 100; ++round) {
      const Bytes data = random_bytes(random, random.below(5000));
      const size_t cut = random.below(data.size() + 1);
      const BytesView second = BytesView(data).subspan(cut);
      const DigestValue joined = combine_crc(kind, digest_of(kind, BytesView(data).first(cut)),
                                             digest_of(kind, second), second.size());
      EXPECT_EQ(joined, digest_of(kind, data)) << cut << " of " << data.size();
    }
  }
}

TEST(Crc, JoinsAcrossLengthsThatDoNotFitMemory) {
  // Moving by n bytes twice is moving by 2n bytes, up to the largest length there is.
  const DigestValue first = digest_of(DigestKind::kCrc32, as_bytes("first"));
  const DigestValue nothing(Bytes(4));
  const auto moved = [&](const DigestValue& value, uint64_t size_bytes) {
    return combine_crc(DigestKind::kCrc32, value, nothing, size_bytes);
  };
  constexpr uint64_t kHalf = uint64_t{1} << 63;
  EXPECT_EQ(moved(moved(first, kHalf), kHalf - 1), moved(first, kHalf + (kHalf - 1)));
  EXPECT_NE(moved(first, kHalf), first);
}

TEST(Hmac, GivesTheValuesOfRfc4231And2202) {
  const Bytes repeated_0b(20, 0x0b);
  const Bytes repeated_aa(131, 0xaa);
  EXPECT_EQ(to_hex(hmac_sha256(repeated_0b, as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(repeated_aa, as_bytes("Test Using Larger Than Block-Size Key - "
                                                     "Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(to_hex(hmac_sha1(repeated_0b, as_bytes("Hi There"))),
            "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(to_hex(hmac_sha1({}, {})), "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
  EXPECT_EQ(to_hex(hmac_sha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hkdf, GivesTheValuesOfRfc5869) {
  const Bytes key(22, 0x0b);
  const Bytes salt = *from_hex("000102030405060708090a0b0c");
  const Bytes info = *from_hex("f0f1f2f3f4f5f6f7f8f9");
  Bytes out(42);
  hkdf_sha256(key, salt, info, out);
  EXPECT_EQ(to_hex(out),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  hkdf_sha256(key, {}, {}, out);
  EXPECT_EQ(to_hex(out),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(EqualSecret, ComparesSizeAndEveryByte) {
  EXPECT_TRUE(equal_secret(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_secret(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_secret(as_bytes("abc"), as_bytes("ab")));
  EXPECT_TRUE(equal_secret({}, {}));
}

}  // namespace
}  // namespace cairn::crypto
