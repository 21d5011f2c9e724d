#include "storage/placement.h"

#include <gtest/gtest.h>

namespace cairn::storage {
namespace {

Placement placement(std::string name, PlacementId id, std::vector<std::string> classes = {}) {
  return {std::move(name), id, std::move(classes)};
}

std::string refusal(std::vector<Placement> placements) {
  const Result<Placements> made = Placements::create(std::move(placements));
  if (made) return "";
  EXPECT_EQ(made.error().code, Code::kInvalidArgument);
  return made.error().message;
}

TEST(PlacementTest, TheLastByteOfAnIdNamesThePlacement) {
  ChunkId id;
  for (size_t at = 0; at < id.bytes.size(); ++at) id.bytes[at] = static_cast<uint8_t>(at + 1);
  const ChunkId moved = with_placement(id, 7);
  EXPECT_EQ(placement_of(id), 32);
  EXPECT_EQ(placement_of(moved), 7);
  EXPECT_TRUE(std::equal(id.bytes.begin(), id.bytes.end() - 1, moved.bytes.begin()));
  EXPECT_EQ(with_placement(moved, 32), id);
}

TEST(PlacementTest, WithoutConfigurationEverythingIsInTheDefaultPlacement) {
  const Placements placements;
  ASSERT_EQ(placements.all().size(), 1U);
  EXPECT_EQ(placements.all()[0].id, kDefaultPlacement);
  EXPECT_EQ(placements.for_class("STANDARD"), kDefaultPlacement);
  EXPECT_EQ(placements.for_class(""), kDefaultPlacement);
  EXPECT_EQ(placements.for_class("GLACIER_IR"), std::nullopt);
}

TEST(PlacementTest, AStorageClassNamesItsPlacement) {
  const Result<Placements> placements = Placements::create(
      {placement("standard", 0), placement("cold", 3, {"STANDARD_IA", "GLACIER_IR"})});
  ASSERT_TRUE(placements.has_value()) << placements.error().message;
  EXPECT_EQ(placements->for_class("STANDARD"), 0);
  EXPECT_EQ(placements->for_class("STANDARD_IA"), 3);
  EXPECT_EQ(placements->for_class("GLACIER_IR"), 3);
  EXPECT_EQ(placements->for_class("ONEZONE_IA"), std::nullopt);
  EXPECT_EQ(placements->find("cold")->id, 3);
  EXPECT_EQ(placements->find(PlacementId{3})->name, "cold");
  EXPECT_EQ(placements->find(PlacementId{1}), nullptr);
  EXPECT_EQ(placements->find("hot"), nullptr);
}

TEST(PlacementTest, WhatCannotBeToldApartIsRefused) {
  EXPECT_NE(refusal({}), "");
  EXPECT_NE(refusal({placement("cold", 1)}), "") << "no default";
  EXPECT_NE(refusal({placement("a", 0), placement("a", 1)}).find("twice"), std::string::npos);
  EXPECT_NE(refusal({placement("a", 0), placement("b", 0)}).find("the id 0"), std::string::npos);
  EXPECT_NE(refusal({placement("a", 0), placement("b", 1, {"STANDARD"})}).find("STANDARD"),
            std::string::npos);
  EXPECT_NE(refusal({placement("a", 0, {"GLACIER"}), placement("b", 1, {"GLACIER"})})
                .find("one placement only"),
            std::string::npos);
  EXPECT_NE(refusal({placement("a", 0, {"glacier"})}), "");
  EXPECT_NE(refusal({placement("a", 0, {std::string(33, 'A')})}), "");
  for (const char* name : {"", "A", "1a", "-a", "a b", "a/b", "a\n", "../a"}) {
    EXPECT_NE(refusal({placement(name, 0)}), "") << name;
  }
  EXPECT_NE(refusal({placement(std::string(33, 'a'), 0)}), "");
}

}  // namespace
}  // namespace cairn::storage
