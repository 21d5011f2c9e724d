// Tables of homes and placements, and the book that keeps what a data directory has.
#include <gtest/gtest.h>

#include "server/config.h"
#include "server/placement_book.h"

namespace cairn::server {
namespace {

constexpr std::string_view kTwoPlacements = R"(
data = "/d"
[[home]]
name = "aws"
kind = "s3"
bucket = "chunks"
prefix = "site-a"
endpoint = "https://s3.example"
credentials = "/keys"
[[home]]
name = "local"
kind = "volume"
[[home]]
name = "fast"
kind = "volume"
path = "/nvme"
[[placement]]
name = "standard"
homes = ["aws", "local"]
ack = "all"
[[placement]]
name = "cold"
storage-class = ["STANDARD_IA", "GLACIER_IR"]
homes = ["local"]
staging = "fast"
)";

Result<NamedHomesConfig> parsed(std::string_view text) {
  Config config;
  const Status applied = apply_toml(config, text, "test.toml");
  if (!applied) return std::unexpected(applied.error());
  const Status checked = check_named_homes(config.named_homes);
  if (!checked) return std::unexpected(checked.error());
  return config.named_homes;
}

std::string refusal(std::string_view text) {
  const Result<NamedHomesConfig> config = parsed(text);
  return config ? "" : config.error().message;
}

std::string replaced(std::string_view what, std::string_view by) {
  std::string text(kTwoPlacements);
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  text.replace(at, what.size(), by);
  return text;
}

TEST(HomesConfigTest, TablesBecomeHomesAndPlacements) {
  const Result<NamedHomesConfig> config = parsed(kTwoPlacements);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  ASSERT_EQ(config->homes.size(), 3U);
  EXPECT_EQ(config->homes[0].bucket, "chunks");
  EXPECT_EQ(config->homes[0].prefix, "site-a/");
  EXPECT_EQ(config->homes[0].kind, HomeConfig::Kind::kS3);
  EXPECT_EQ(config->homes[1].path, "");
  EXPECT_EQ(config->homes[2].path, "/nvme");
  ASSERT_EQ(config->placements.size(), 2U);
  EXPECT_EQ(config->placements[0].acknowledge, storage::Acknowledge::kAll);
  EXPECT_EQ(config->placements[1].staging, "fast");
  EXPECT_EQ(config->placements[1].acknowledge, storage::Acknowledge::kOne);
  EXPECT_EQ(default_placement(*config).name, "standard");
}

TEST(HomesConfigTest, WhatIsWrongIsNamed) {
  const auto contains = [](const std::string& message, std::string_view part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  contains(refusal(replaced("kind = \"s3\"", "kind = \"tape\"")), "[[home]] \"aws\": kind");
  contains(refusal(replaced("bucket = \"chunks\"\n", "")), "needs a bucket");
  contains(refusal(replaced("credentials = \"/keys\"\n", "")), "needs credentials");
  contains(refusal(replaced("endpoint =", "end =")), "no such key");
  contains(refusal(replaced("path = \"/nvme\"", "")), "same place");
  contains(refusal(replaced("name = \"fast\"", "name = \"local\"")), "twice");
  contains(refusal(replaced("[\"aws\", \"local\"]", "[\"aws\", \"gcs\"]")), "no [[home]] named");
  contains(refusal(replaced("[\"aws\", \"local\"]", "[\"aws\", \"aws\"]")), "twice");
  contains(refusal(replaced("[\"aws\", \"local\"]", "[]")), "1 to 8 homes");
  contains(refusal(replaced("staging = \"fast\"", "staging = \"local\"")), "stage in another one");
  contains(refusal(replaced("staging = \"fast\"", "staging = \"aws\"")), "kind = \"volume\"");
  contains(refusal(replaced("staging = \"fast\"", "staging = \"gone\"")), "not configured");
  contains(refusal(replaced("ack = \"all\"", "ack = \"most\"")), "\"one\" or \"all\"");
  contains(refusal(replaced("\"GLACIER_IR\"", "\"STANDARD\"")), "STANDARD");
  contains(refusal(replaced("storage-class = [\"STANDARD_IA\", \"GLACIER_IR\"]\n", "")),
           "is the default");
  contains(refusal(replaced("name = \"standard\"", "name = \"Standard\"")), "a name is");
  contains(refusal("[[placement]]\nname = \"standard\"\nhomes = [\"a\"]\n"), "no [[home]] named");
  contains(refusal("[[home]]\nname = \"a\"\nkind = \"volume\"\n"), "is the default");
  contains(refusal("[[home]]\nname = 3\n"), "string");
}

TEST(HomesConfigTest, TheShortFormStaysAndDoesNotMix) {
  Config config;
  ASSERT_TRUE(apply_toml(config, "home = \"s3:chunks/a\"\n", "test.toml").has_value());
  EXPECT_EQ(config.home, "s3:chunks/a");
  EXPECT_FALSE(config.named_homes.is_set());
}

class PlacementBookTest : public testing::Test {
 protected:
  NamedHomesConfig config_ = parsed(kTwoPlacements).value();
  SeededRandom random_{1};
  PlacementBook settled() {
    PlacementBook book;
    EXPECT_TRUE(book.settle(config_, random_).has_value());
    return book;
  }
  std::string refusal_of(PlacementBook book) {
    const Status done = book.settle(config_, random_);
    if (!done) EXPECT_EQ(done.error().code, Code::kFailedPrecondition);
    return done ? "" : done.error().message;
  }
};

TEST_F(PlacementBookTest, TextIsReadBack) {
  PlacementBook book = settled();
  book.find_home("local")->state = PlacementBook::State::kMade;
  book.find_home("fast")->state = PlacementBook::State::kEmpty;
  book.find_placement("standard")->primary = "local";
  book.find_placement("standard")->drained = {"aws"};
  const Result<PlacementBook> again = PlacementBook::parse(book.text());
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, book);
}

TEST_F(PlacementBookTest, EveryChangedByteIsDamage) {
  const std::string text = settled().text();
  for (size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(PlacementBook::parse(changed).has_value()) << at;
    EXPECT_FALSE(PlacementBook::parse(text.substr(0, at)).has_value()) << at;
  }
}

TEST_F(PlacementBookTest, NumbersAreGivenOnceAndStay) {
  PlacementBook book = settled();
  EXPECT_EQ(book.find_placement("standard")->id, storage::kDefaultPlacement);
  EXPECT_EQ(book.find_placement("cold")->id, 1);
  EXPECT_NE(book.find_home("aws")->id, storage::RandomId{});
  const PlacementBook before = book;
  PlacementConfig frozen = config_.placements[1];
  frozen.name = "frozen";
  frozen.storage_classes = {"DEEP_ARCHIVE"};
  config_.placements.insert(config_.placements.begin(), frozen);
  EXPECT_EQ(refusal_of(book), "");
  ASSERT_TRUE(book.settle(config_, random_).has_value());
  EXPECT_EQ(book.find_placement("frozen")->id, 2);
  EXPECT_EQ(book.find_placement("cold")->id, 1);
  EXPECT_EQ(book.find_home("aws")->id, PlacementBook(before).find_home("aws")->id);
}

TEST_F(PlacementBookTest, WhatHasChunksMayNotVanish) {
  PlacementBook book = settled();
  book.find_home("fast")->state = PlacementBook::State::kMade;
  config_.homes.pop_back();
  config_.placements[1].staging.clear();
  EXPECT_NE(refusal_of(book).find("\"fast\" may hold chunks"), std::string::npos);
  book.find_home("fast")->state = PlacementBook::State::kEmpty;
  EXPECT_EQ(refusal_of(book), "");
  config_.placements.pop_back();
  EXPECT_NE(refusal_of(book).find("\"cold\" may have chunks"), std::string::npos);
}

TEST_F(PlacementBookTest, AChoiceFollowsTheHomesByName) {
  PlacementBook book = settled();
  book.find_placement("standard")->primary = "local";
  book.find_placement("standard")->drained = {"aws"};
  const storage::PlacementRoute::Choice choice = book.choice_for("standard", {"x", "aws", "local"});
  EXPECT_EQ(choice.primary, 2);
  EXPECT_EQ(choice.drained, 2);
  config_.placements[0].homes = {"aws"};
  ASSERT_TRUE(book.settle(config_, random_).has_value());
  EXPECT_EQ(book.find_placement("standard")->primary, "aws") << "the other one is gone";
  EXPECT_TRUE(book.find_placement("standard")->drained.empty());
}

}  // namespace
}  // namespace cairn::server
