// Globs and the order of --include and --exclude. Method: examples from fnmatch's and aws-cli's
// documentation, and random patterns against a plain recursive matcher.
#include "cli/filters.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace cairn::cli {
namespace {

TEST(Filters, GlobsMatchAsFnmatchSays) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("*.txt", "a/b.txt"));
  EXPECT_FALSE(glob_matches("*.txt", "a.txt2"));
  EXPECT_TRUE(glob_matches("a?c", "abc"));
  EXPECT_FALSE(glob_matches("a?c", "ac"));
  EXPECT_TRUE(glob_matches("[a-c]x", "bx"));
  EXPECT_FALSE(glob_matches("[!a-c]x", "bx"));
  EXPECT_TRUE(glob_matches("[]]", "]"));
  EXPECT_TRUE(glob_matches("[a-]", "-"));
  EXPECT_TRUE(glob_matches("*a*b*", "xxaxxbxx"));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_TRUE(glob_matches("", ""));
}

// The definition, in exponential time.
bool matches_by_definition(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return matches_by_definition(pattern.substr(1), text) ||
           (!text.empty() && matches_by_definition(pattern, text.substr(1)));
  }
  if (text.empty() || (pattern[0] != '?' && pattern[0] != text[0])) return false;
  return matches_by_definition(pattern.substr(1), text.substr(1));
}

TEST(Filters, AgreesWithTheDefinitionOnRandomPatterns) {
  SeededRandom random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string pattern;
    std::string text;
    for (uint64_t i = random.below(8); i > 0; --i) pattern += "ab*?"[random.below(4)];
    for (uint64_t i = random.below(10); i > 0; --i) text += "ab"[random.below(2)];
    ASSERT_EQ(glob_matches(pattern, text), matches_by_definition(pattern, text))
        << "\"" << pattern << "\" \"" << text << "\"";
  }
}

TEST(Filters, ManyStarsStayFast) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  EXPECT_FALSE(glob_matches(pattern + "b", std::string(20000, 'a')));
}

TEST(Filters, TheLastThatMatchesDecides) {
  Filters filters;
  EXPECT_TRUE(filters.accept("x"));
  ASSERT_TRUE(filters.add(false, "*"));
  ASSERT_TRUE(filters.add(true, "*.bin"));
  ASSERT_TRUE(filters.add(false, "tmp/*"));
  EXPECT_TRUE(filters.accept("a/model.bin"));
  EXPECT_FALSE(filters.accept("tmp/model.bin"));
  EXPECT_FALSE(filters.accept("readme"));
}

TEST(Filters, RefusesWhatCannotBeMeant) {
  Filters filters;
  EXPECT_FALSE(filters.add(true, ""));
  EXPECT_FALSE(filters.add(true, "[abc"));
  EXPECT_FALSE(filters.add(true, std::string(5000, 'a')));
}

}  // namespace
}  // namespace cairn::cli
