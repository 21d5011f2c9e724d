// What --home rados:... and DIR/HOME may say.
#include "server/rados_home.h"

#include <gtest/gtest.h>

namespace cairn::server {
namespace {

TEST(RadosHome, APlaceIsAPoolAndPerhapsANamespace) {
  const Result<RadosHomePlace> pool = parse_rados_home("rados:chunks");
  ASSERT_TRUE(pool.has_value());
  EXPECT_EQ(pool->pool, "chunks");
  EXPECT_EQ(pool->name_space, "cairn");
  const Result<RadosHomePlace> both = parse_rados_home("rados:.cairn-ec/site_a.1");
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(both->pool, ".cairn-ec");
  EXPECT_EQ(both->name_space, "site_a.1");
  const std::string long_name(200, 'a');
  for (const std::string& bad :
       {std::string("rados:"), std::string("rados:/a"), std::string("rados:a/"),
        std::string("rados:a/b/c"), std::string("rados:a b"), std::string("s3:bucket"),
        "rados:" + long_name}) {
    EXPECT_EQ(parse_rados_home(bad).error().code, Code::kInvalidArgument) << bad;
  }
}

TEST(RadosHome, TheFileNamesStoreAndNode) {
  const std::string ids = std::string(30, '0') + "ab " + std::string(30, '0') + "cd";
  const auto known = parse_rados_home_file("rados " + ids + "\n");
  ASSERT_TRUE(known.has_value());
  ASSERT_TRUE(known->has_value());
  EXPECT_EQ((*known)->store.back(), 0xab);
  EXPECT_EQ((*known)->node.back(), 0xcd);
  const auto bucket = parse_rados_home_file("s3 " + std::string(32, '0') + "\n");
  ASSERT_TRUE(bucket.has_value());
  EXPECT_FALSE(bucket->has_value());
  for (const std::string& bad : {"rados " + ids, "rados " + ids + "0\n", std::string("rados \n"),
                                 "rados " + std::string(65, 'x') + "\n"}) {
    EXPECT_EQ(parse_rados_home_file(bad).error().code, Code::kCorruption) << bad;
  }
}

}  // namespace
}  // namespace cairn::server
