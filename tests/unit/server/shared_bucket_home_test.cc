// What DIR/HOME says of a bucket that servers share: accepted as it is written, refused otherwise.
#include "server/shared_bucket_home.h"

#include <gtest/gtest.h>

namespace cairn::server {
namespace {

const std::string kStore = "00112233445566778899aabbccddeeff";
const std::string kNode = "ffeeddccbbaa99887766554433221100";

TEST(SharedBucketHome, TheFileNamesStoreAndNode) {
  const auto ids = parse_shared_bucket_file("s3-shared " + kStore + " " + kNode + "\n");
  ASSERT_TRUE(ids.has_value());
  ASSERT_TRUE(ids->has_value());
  EXPECT_EQ((*ids)->store[1], 0x11);
  EXPECT_EQ((*ids)->node[0], 0xff);
}

TEST(SharedBucketHome, FilesOfOtherHomesAreNotOurs) {
  for (const std::string& text : {"s3 " + kStore + "\n", "rados " + kStore + " " + kNode + "\n",
                                  std::string(), std::string("s3-share")}) {
    const auto ids = parse_shared_bucket_file(text);
    ASSERT_TRUE(ids.has_value()) << text;
    EXPECT_FALSE(ids->has_value()) << text;
  }
}

TEST(SharedBucketHome, ADamagedFileIsRefused) {
  for (const std::string& tail :
       {kStore + "\n", kStore + " " + kNode, kStore + "," + kNode + "\n",
        kStore + " " + kNode + "0\n", kStore + " " + kNode.substr(1) + "g\n"}) {
    const auto ids = parse_shared_bucket_file("s3-shared " + tail);
    ASSERT_FALSE(ids.has_value()) << tail;
    EXPECT_EQ(ids.error().code, Code::kCorruption);
  }
}

}  // namespace
}  // namespace cairn::server
