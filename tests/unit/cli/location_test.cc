// What an argument names. Method: examples, keys kept byte for byte.
#include "cli/location.h"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

TEST(Location, KeysAreTakenAsTheyAre) {
  const Location location = parse_location("s3://models/a//b/../%20 ü?x#y").value();
  EXPECT_TRUE(location.is_s3());
  EXPECT_EQ(location.bucket, "models");
  EXPECT_EQ(location.key, "a//b/../%20 ü?x#y");
  EXPECT_EQ(location.text(), "s3://models/a//b/../%20 ü?x#y");
}

TEST(Location, BucketsAndTheServiceAreNamedToo) {
  EXPECT_EQ(parse_location("s3://").value().bucket, "");
  EXPECT_EQ(parse_location("s3://b").value().key, "");
  EXPECT_EQ(parse_location("s3://b/").value().text(), "s3://b");
  EXPECT_FALSE(parse_bucket_location("s3://"));
  EXPECT_FALSE(parse_object_location("s3://b/"));
  EXPECT_FALSE(parse_object_location("file"));
  EXPECT_FALSE(parse_location("s3:///key"));
  EXPECT_FALSE(parse_location("s3://a b/key"));
  EXPECT_FALSE(parse_location("s3://b/" + std::string(1025, 'k')));
}

TEST(Location, PathsAndStreams) {
  EXPECT_TRUE(parse_location("-").value().is_stream());
  EXPECT_EQ(parse_location("./-").value().path, "./-");
  EXPECT_TRUE(parse_location("dir/with:colon").value().is_local());
  EXPECT_FALSE(parse_location(""));
  EXPECT_FALSE(parse_location("S3://b/k"));
  EXPECT_FALSE(parse_location("https://host/k"));
}

TEST(Location, JoinsAPrefixAndAName) {
  EXPECT_EQ(joined_key("", "a"), "a");
  EXPECT_EQ(joined_key("p", "a"), "p/a");
  EXPECT_EQ(joined_key("p/", "a"), "p/a");
}

}  // namespace
}  // namespace cairn::cli
