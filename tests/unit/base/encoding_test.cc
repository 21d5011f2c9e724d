// Property: encodings follow RFC 4648's vectors, round-trip, and refuse everything that is not the
// one canonical text of some bytes.
#include "base/encoding.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace cairn {
namespace {

TEST(Encoding, Base64FollowsTheVectorsOfRfc4648) {
  EXPECT_EQ(to_base64(as_bytes("")), "");
  EXPECT_EQ(to_base64(as_bytes("f")), "Zg==");
  EXPECT_EQ(to_base64(as_bytes("fo")), "Zm8=");
  EXPECT_EQ(to_base64(as_bytes("foo")), "Zm9v");
  EXPECT_EQ(to_base64(as_bytes("foobar")), "Zm9vYmFy");
}

TEST(Encoding, RandomBytesRoundTrip) {
  SeededRandom random(7);
  for (size_t size = 0; size < 70; ++size) {
    Bytes bytes(size);
    random.fill(bytes);
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    EXPECT_EQ(from_hex(to_hex(bytes)), bytes);
  }
}

TEST(Encoding, MalformedTextIsRefused) {
  for (const char* text :
       {"Z", "Zg=", "Zg", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm-_"}) {
    EXPECT_FALSE(from_base64(text).has_value()) << text;
  }
  for (const char* text : {"0", "0g", "0x", " 00"}) {
    EXPECT_FALSE(from_hex(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace cairn
