// Property: a look-up counts each chunk once, and says what to do when there are more than it
// remembers.
#include "server/cluster_lookup.h"

#include <gtest/gtest.h>

namespace cairn::server {
namespace {

storage::ChunkId chunk(uint8_t number) {
  storage::ChunkId id{};
  id.bytes[0] = number;
  return id;
}

TEST(ChunksMet, AreCountedOnceAndBounded) {
  ChunksMet met(2);
  EXPECT_TRUE(met.add(chunk(1)).value());
  EXPECT_TRUE(met.add(chunk(2)).value());
  EXPECT_FALSE(met.add(chunk(1)).value());
  const Result<bool> third = met.add(chunk(3));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::kInvalidArgument);
  EXPECT_NE(third.error().message.find("more than 2 chunks"), std::string::npos);
  EXPECT_NE(third.error().message.find("longer prefix"), std::string::npos);
  EXPECT_FALSE(met.add(chunk(2)).value()) << "what it knows is no news";
  EXPECT_EQ(met.size(), 2U);
}

}  // namespace
}  // namespace cairn::server
