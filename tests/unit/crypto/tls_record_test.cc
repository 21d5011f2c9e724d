// Properties: records have the bytes of RFC 8448 section 3; what was sealed opens, in order, into
// what it was, over changes of the key; anything else does not open.
#include "crypto/tls_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/encoding.h"

namespace cairn::crypto {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}
Sha256Value secret_of(std::string_view text) {
  Sha256Value secret{};
  std::ranges::copy(hex(text), secret.begin());
  return secret;
}
// client_application_traffic_secret_0 of RFC 8448.
constexpr std::string_view kClientSecret =
    "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";

class TlsRecordTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!RecordProtection::works()) GTEST_SKIP() << "no library for this processor";
  }
  static Bytes seal(RecordProtection& by, BytesView plain, RecordType type = RecordType::kData) {
    Bytes record(plain.size() + kRecordOverheadBytes);
    const std::array<BytesView, 3> pieces{plain.first(plain.size() / 3), BytesView(),
                                          plain.subspan(plain.size() / 3)};
    by.seal(type, pieces, record);
    return record;
  }
  static Bytes plain_of(size_t size) {
    Bytes plain(size);
    for (size_t i = 0; i < size; ++i) plain[i] = static_cast<uint8_t>(i * 7 + size);
    return plain;
  }
};

TEST_F(TlsRecordTest, RecordsAreThoseOfTheRfc) {
  Bytes plain(50);
  for (size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<uint8_t>(i);
  const Bytes expected = hex(
      "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a2044"
      "1e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4");
  RecordProtection client(secret_of(kClientSecret));
  EXPECT_EQ(seal(client, plain), expected);
  const Bytes farewell{1, 0};
  EXPECT_EQ(seal(client, farewell, RecordType::kAlert),
            hex("1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"));
}

TEST_F(TlsRecordTest, WhatWasSealedOpensOverChangesOfTheKey) {
  RecordProtection sender(secret_of(kClientSecret));
  RecordProtection receiver(secret_of(kClientSecret));
  for (const size_t size : {0UL, 1UL, 15UL, 16UL, 17UL, 5000UL, kRecordPlainBytesMax}) {
    const Bytes plain = plain_of(size);
    const Bytes record = seal(sender, plain);
    EXPECT_EQ(RecordProtection::record_bytes(record), record.size());
    Bytes into(size);
    const auto opened = receiver.open(record, into);
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(opened->type, RecordType::kData);
    EXPECT_EQ(opened->size_bytes, size);
    EXPECT_EQ(into, plain);
    sender.update();
    receiver.update();
    EXPECT_EQ(sender.records_count(), 0U);
  }
}

TEST_F(TlsRecordTest, ZerosBehindTheTypeArePadding) {
  RecordProtection sender(secret_of(kClientSecret));
  RecordProtection receiver(secret_of(kClientSecret));
  // As data, its type and padding; the type that seal() writes is then the last of the padding.
  Bytes padded = plain_of(100);
  padded.push_back(static_cast<uint8_t>(RecordType::kData));
  padded.resize(300, 0);
  const Bytes record = seal(sender, padded, static_cast<RecordType>(0));
  Bytes into(padded.size());
  const auto opened = receiver.open(record, into);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->size_bytes, 100U);
  const Bytes nothing(40);
  EXPECT_FALSE(receiver.open(seal(sender, nothing, static_cast<RecordType>(0)), into));
}

TEST_F(TlsRecordTest, WhatIsDamagedOrOutOfOrderDoesNotOpen) {
  const Bytes plain = plain_of(1000);
  Bytes into(2000);
  for (const size_t at : {0UL, 1UL, 4UL, 5UL, 500UL, 1004UL, 1005UL, 1020UL}) {
    RecordProtection sender(secret_of(kClientSecret));
    RecordProtection receiver(secret_of(kClientSecret));
    Bytes record = seal(sender, plain);
    record[at] ^= 1;
    EXPECT_FALSE(receiver.open(record, into)) << at;
  }
  RecordProtection sender(secret_of(kClientSecret));
  RecordProtection receiver(secret_of(kClientSecret));
  const Bytes first = seal(sender, plain);
  const Bytes second = seal(sender, plain);
  EXPECT_NE(first, second);
  EXPECT_FALSE(receiver.open(second, into));
  EXPECT_TRUE(std::ranges::all_of(BytesView(into).first(1000), [](uint8_t b) { return b == 0; }));
}

TEST_F(TlsRecordTest, HeadersThatNoRecordHasAreRefused) {
  EXPECT_FALSE(RecordProtection::record_bytes(hex("1503030013")));
  EXPECT_FALSE(RecordProtection::record_bytes(hex("1702030013")));
  EXPECT_FALSE(RecordProtection::record_bytes(hex("1703030010")));
  EXPECT_FALSE(RecordProtection::record_bytes(hex("1703034101")));
  EXPECT_EQ(RecordProtection::record_bytes(hex("1703034100")), kRecordBytesMax);
}

}  // namespace
}  // namespace cairn::crypto
