// Property: a view places chunks on members that have a cache and are not draining, by their
// capacities, and a member that comes or goes moves its share and nothing else.
#include "cluster/membership.h"

#include <gtest/gtest.h>

#include <map>

namespace cairn::cluster {
namespace {

Member member(std::string name, uint64_t capacity_bytes = 0) {
  Member one;
  one.address = name + ":9100";
  one.name = std::move(name);
  one.capacity_bytes = capacity_bytes;
  return one;
}

std::string first_owner(const Membership& view, ChunkKey key) {
  return view.owners().nodes()[view.owners().first(key)].name;
}

TEST(MembershipTest, OwnersAreThoseWithACacheThatDoNotDrain) {
  Member draining = member("b");
  draining.is_draining = true;
  Member without = member("d");
  without.address.clear();
  const Membership view({member("e"), without, member("a"), draining, member("c")});
  ASSERT_EQ(view.members().size(), 5U);
  ASSERT_EQ(view.owners().size(), 3U);
  for (NodeIndex node = 0; node < 3; ++node) {
    EXPECT_EQ(view.member_of(node).name, view.owners().nodes()[node].name);
    EXPECT_EQ(view.index_of(view.member_of(node).name), node);
  }
  EXPECT_EQ(view.index_of("b"), std::nullopt);
  EXPECT_EQ(view.index_of("zz"), std::nullopt);
  ASSERT_NE(view.find("b"), nullptr);
  EXPECT_TRUE(view.find("b")->is_draining);
  EXPECT_EQ(view.find("zz"), nullptr);
}

TEST(MembershipTest, TheOrderInWhichMembersAreToldChangesNothing) {
  const Membership one({member("a", 5), member("b", 7), member("c")});
  const Membership other({member("c"), member("a", 5), member("b", 7)});
  for (ChunkKey key = 0; key < 1000; ++key) {
    EXPECT_EQ(first_owner(one, mix(key, 1)), first_owner(other, mix(key, 1)));
  }
}

TEST(MembershipTest, AShareIsTheCapacitysAndWhoTellsNoneHasTheMean) {
  const Membership view({member("a", 100), member("b", 300), member("c")});
  std::map<std::string, int> counts;
  for (ChunkKey key = 0; key < 60000; ++key) ++counts[first_owner(view, mix(key, 2))];
  EXPECT_NEAR(counts["a"], 10000, 700);
  EXPECT_NEAR(counts["b"], 30000, 700);
  EXPECT_NEAR(counts["c"], 20000, 700);
}

// A node that comes and goes all the time moves the same share to and fro, and no other chunk.
TEST(MembershipTest, AMemberThatFlapsMovesItsShareOnly) {
  const std::vector<Member> all{member("a"), member("b"), member("c"), member("d")};
  std::vector<Member> three = all;
  three.erase(three.begin() + 2);
  const Membership with(all);
  const Membership without(three);
  int moved = 0;
  constexpr int kKeys = 20000;
  for (ChunkKey key = 0; key < kKeys; ++key) {
    const std::string before = first_owner(with, mix(key, 3));
    const std::string after = first_owner(without, mix(key, 3));
    if (before == "c") {
      ++moved;
      continue;
    }
    EXPECT_EQ(before, after);
  }
  EXPECT_NEAR(moved, kKeys / 4, kKeys / 40);
}

TEST(MembershipTest, ASecondOneOfANameIsNotPlaced) {
  const Membership view({member("a"), member("a"), member("b")});
  EXPECT_EQ(view.owners().size(), 2U);
}

TEST(MembershipTest, NamesAreWhatAKeyAndAListingCanShow) {
  EXPECT_TRUE(is_member_name("node-1.rack_2"));
  EXPECT_TRUE(is_member_name(std::string(kMemberNameBytesMax, 'a')));
  for (const std::string& bad :
       {std::string(), std::string("a/b"), std::string("a b"), std::string("\n"),
        std::string(kMemberNameBytesMax + 1, 'a'), std::string("\xC3\xA4")}) {
    EXPECT_FALSE(is_member_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace cairn::cluster
