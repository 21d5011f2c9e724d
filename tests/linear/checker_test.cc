// The checker is checked: hand-made histories, legal and illegal, and random ones that a register
// really produced, then damaged.
// Notation: `w1 0-9` write 1, `d 0-9` delete, `r1 0-9` read 1, `r0` read "absent", `c1` create 1,
// `x1>2` replace 1 by 2; `!` behind the value: refused; `?` and an open end: outcome unknown.
#include "tests/linear/checker.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/random.h"

namespace cairn::linear {
namespace {

Operation parse_operation(const std::string& what, const std::string& when) {
  Operation operation;
  using Kind = Operation::Kind;
  const std::string kinds = "rwcx";
  const size_t kind = kinds.find(what[0]);
  operation.kind = what[0] == 'd' ? Kind::kWrite : static_cast<Kind>(kind);
  std::istringstream rest(what.substr(1));
  if (what[0] == 'x') {
    rest >> operation.expected;
    rest.ignore(1, '>');
  }
  if (what[0] != 'd') rest >> operation.value;
  if (what.back() == '!') operation.outcome = Operation::Outcome::kRefused;
  if (what.back() == '?') operation.outcome = Operation::Outcome::kUnknown;
  const size_t dash = when.find('-');
  operation.start = std::stoll(when.substr(0, dash));
  if (dash + 1 < when.size()) operation.end = std::stoll(when.substr(dash + 1));
  return operation;
}

History parse(const std::string& text) {
  std::istringstream in(text);
  History history;
  for (std::string what, when; in >> what >> when;) {
    history.push_back(parse_operation(what, when));
  }
  return history;
}

TEST(Checker, AcceptsWhatARegisterMayDo) {
  const char* const legal[] = {
      "",
      "r0 0-1",
      "w1 0-9 r1 10-11",
      "w1 0-9 r0 1-2",           // Not yet.
      "w1 0-9 r1 1-2",           // Already.
      "w1 0-9 w2 0-9 r1 10-11",  // Either may come last.
      "w1 0-9 w2 0-9 r2 10-11",
      "w1 0-9 d 10-19 r0 20-21",
      "w1? 0- r0 5-6 r1 10-11",  // An unknown write may come late,
      "w1? 0- r0 5-6 r0 10-11",  // or never.
      "w1 0-1 w2? 2- r1 3-4 r2 5-6 r2 7-8",
      "c1 0-1 c2! 2-3 r1 4-5",
      "c1 0-9 c2! 0-9 r1 10-11",
      "c1? 0- c2! 5-6 r1 7-8",  // Refused, so the unknown one had happened.
      "w1 0-1 x1>2 2-3 r2 4-5",
      "w1 0-1 x1>2 2-9 x1>3! 2-9 r2 10-11",
      "w1 0-1 x1>2? 2- x1>3! 5-6 r2 7-8",
      "d? 0- w1 1-2 r0 3-4",  // A late delete.
      "w1 0-5 r1 3-9 w2 4-12 r2 10-11",
      "w1 0-20 r1 1-2 r1 3-4 w2 5-6 r2 7-8",
  };
  for (const char* text : legal) EXPECT_EQ(check(parse(text)), Verdict::kLegal) << text;
}

TEST(Checker, RefusesIllegalHistories) {
  const char* const illegal[] = {
      "r1 0-1",                           // From nowhere.
      "w1 0-1 r0 2-3",                    // A lost write.
      "w1 0-1 w2 2-3 r1 4-5",             // A stale read.
      "w1 0-1 w2 2-9 r2 3-4 r1 5-6",      // New, then old.
      "w1 0-9 w2 0-9 r1 10-11 r2 12-13",  // The order changed afterwards.
      "w1 0-9 w2 0-9 r1 10-11 r2 10-11 r1 12-13 r2 14-15",
      "w1 0-1 d 2-3 r1 4-5",         // A deleted value.
      "w1 0-1 d 2-9 r0 3-4 r1 5-6",  // It came back.
      "d 0-1 r1 2-3",
      "w1 5-9 r1 0-4",  // Before it was written.
      "w1? 5- r1 0-4",
      "w1? 0- r1 1-2 r0 3-4",         // An unknown write undone.
      "w1? 0- w2 1-2 r1 3-4 r2 5-6",  // It happens once.
      "w1 0-1 w2? 2- r2 3-4 r1 5-6",
      "c1 0-1 c2 2-3",  // Two winners.
      "c1 0-9 c2 0-9",
      "c1! 0-1",        // Refused for nothing.
      "w1 0-1 c2 2-3",  // Created over something.
      "c1 0-1 d 2-3 c2! 4-5",
      "c1? 5- c2! 0-4",
      "w1 0-1 x1>2 2-9 x1>3 2-9",  // A lost update.
      "w1 0-1 x1>2! 2-3",
      "w1 0-1 x2>3 2-3",
      "w1 0-1 x1>2 2-3 r1 4-5",
      "w1 0-1 x1>2! 2-3 r2 4-5",  // Refused and yet done.
      "w1 0-1 w2 2-3 x1>3 4-5",
  };
  EXPECT_GE(std::size(illegal), 20U);
  for (const char* text : illegal) EXPECT_EQ(check(parse(text)), Verdict::kIllegal) << text;
}

TEST(Checker, SaysSoWhenASearchIsTooHard) {
  History history;
  for (uint64_t i = 1; i <= 24; ++i) {
    history.push_back({.kind = Operation::Kind::kWrite, .value = i, .start = 0, .end = 100});
  }
  history.push_back({.kind = Operation::Kind::kRead, .value = 99, .start = 0, .end = 100});
  EXPECT_EQ(check(history, 10'000), Verdict::kTooHard);
}

TEST(Checker, SeesVersionsThatGoBackOrHaveTwoValues) {
  History history = parse("w1 0-1 r1 2-3 r1 4-5");
  history[0].version = history[1].version = history[2].version = 7;
  EXPECT_FALSE(find_version_offence(history).has_value());
  history[2].version = 6;
  EXPECT_TRUE(find_version_offence(history).has_value());
  history[2].version = 7;
  history[2].value = 2;
  EXPECT_TRUE(find_version_offence(history).has_value());
}

// Operations take effect at a moment of their own between start and end, so the history is legal;
// a read that answers the value of two changes ago, with time between, makes it illegal.
TEST(Checker, TellsRandomHistoriesFromDamagedOnes) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    SeededRandom random(seed);
    History history;
    std::vector<uint64_t> values{kAbsent};
    for (int64_t moment = 100; moment < 100 * 120; moment += 100) {
      Operation operation;
      operation.start = moment - static_cast<int64_t>(random.below(300));
      operation.end = moment + static_cast<int64_t>(random.below(300));
      if (random.below(2) == 0) {
        operation.kind = Operation::Kind::kWrite;
        operation.value = random.below(5) == 0 ? kAbsent : static_cast<uint64_t>(moment);
        values.push_back(operation.value);
      } else {
        operation.value = values.back();
      }
      if (operation.kind == Operation::Kind::kWrite && random.below(10) == 0) {
        operation.outcome = Operation::Outcome::kUnknown;
        operation.end = kNoEnd;
      }
      history.push_back(operation);
    }
    ASSERT_EQ(check(history), Verdict::kLegal) << to_text(history);
    history.push_back({.kind = Operation::Kind::kWrite, .value = 1, .start = 13000, .end = 13001});
    history.push_back({.kind = Operation::Kind::kWrite, .value = 2, .start = 13002, .end = 13003});
    history.push_back({.kind = Operation::Kind::kRead, .value = 1, .start = 13004, .end = 13005});
    ASSERT_EQ(check(history), Verdict::kIllegal) << to_text(history);
  }
}

}  // namespace
}  // namespace cairn::linear
