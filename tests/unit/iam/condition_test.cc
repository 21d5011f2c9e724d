// Property: each operator, alone, negated, with IfExists and with the set quantifiers, answers as
// the IAM User Guide says. Method: a table per rule; the random comparison is in tests/property.
#include "iam/condition.h"

#include <gtest/gtest.h>

#include "test_keys.h"

namespace cairn::iam {
namespace {

using Values = std::vector<std::string>;

bool holds(const char* name, const Values& wanted, const Values& given, bool is_deny = false) {
  const auto condition = Condition::compile(name, "s3:prefix", wanted, true);
  EXPECT_TRUE(condition) << name;
  TableKeys::Table table;
  if (!given.empty()) table["s3:prefix"] = given;
  return condition->holds(TableKeys(std::move(table)), is_deny);
}

struct Row {
  const char* name;
  Values wanted;
  const char* given;
  bool expected;
};

TEST(Condition, EveryOperatorOnOneValue) {
  const std::vector<Row> rows = {
      {"StringEquals", {"a", "b"}, "b", true},
      {"StringEquals", {"a*"}, "ab", false},
      {"StringEquals", {"A"}, "a", false},
      {"StringNotEquals", {"a", "b"}, "b", false},
      {"StringNotEquals", {"a", "b"}, "c", true},
      {"StringEqualsIgnoreCase", {"AbC"}, "aBc", true},
      {"StringNotEqualsIgnoreCase", {"AbC"}, "aBc", false},
      {"StringLike", {"a*c", "?x"}, "abbc", true},
      {"StringLike", {"?x"}, "x", false},
      {"StringLike", {"${*}"}, "*", true},
      {"StringLike", {"${*}"}, "a", false},
      {"StringLike", {"?"}, "\xC3\xA9", true},
      {"StringNotLike", {"a*"}, "abc", false},
      {"NumericEquals", {"10"}, "10.0", true},
      {"NumericNotEquals", {"10"}, "11", true},
      {"NumericLessThan", {"10"}, "9.5", true},
      {"NumericLessThan", {"10"}, "10", false},
      {"NumericLessThanEquals", {"10"}, "10", true},
      {"NumericGreaterThan", {"10"}, "10", false},
      {"NumericGreaterThanEquals", {"10"}, "10", true},
      {"NumericEquals", {"10"}, "ten", false},
      {"DateEquals", {"2026-01-02T03:04:05Z"}, "1767323045", true},
      {"DateNotEquals", {"2026-01-02"}, "2026-01-02T00:00:00Z", false},
      {"DateLessThan", {"2026-01-02"}, "2026-01-01T23:59:59Z", true},
      {"DateLessThanEquals", {"2026-01-02"}, "2026-01-02", true},
      {"DateGreaterThan", {"2026-01-02"}, "2026-01-02", false},
      {"DateGreaterThanEquals", {"2026-01-02"}, "2026-01-02", true},
      {"Bool", {"true"}, "True", true},
      {"Bool", {"true"}, "false", false},
      {"BinaryEquals", {"YWJj"}, "YWJj", true},
      {"BinaryEquals", {"YWJj"}, "YWJk", false},
      {"IpAddress", {"10.0.0.0/8", "::1"}, "10.2.3.4", true},
      {"NotIpAddress", {"10.0.0.0/8"}, "10.2.3.4", false},
      {"NotIpAddress", {"10.0.0.0/8"}, "11.2.3.4", true},
      {"ArnLike", {"arn:aws:iam::*:user/b*"}, "arn:aws:iam::1:user/bob", true},
      {"ArnEquals", {"arn:aws:iam::1:user/*"}, "arn:aws:iam::1:user/bob", true},
      {"ArnNotLike", {"arn:aws:iam::1:*"}, "arn:aws:iam::2:user/bob", true},
      {"ArnNotEquals", {"arn:aws:iam::2:*"}, "arn:aws:iam::2:user/bob", false},
      {"Null", {"true"}, "x", false},
      {"Null", {"false"}, "x", true},
      {"stringequals", {"a"}, "a", true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(holds(row.name, row.wanted, {row.given}), row.expected)
        << row.name << " " << row.wanted[0] << " " << row.given;
  }
}

TEST(Condition, AnAbsentKeyFailsWhatAsksForAValueAndPassesWhatExcludesOne) {
  EXPECT_FALSE(holds("StringEquals", {"a"}, {}));
  EXPECT_TRUE(holds("StringNotEquals", {"a"}, {}));
  EXPECT_TRUE(holds("NotIpAddress", {"10.0.0.0/8"}, {}));
  EXPECT_TRUE(holds("NumericNotEquals", {"1"}, {}));
  EXPECT_TRUE(holds("StringEqualsIfExists", {"a"}, {}));
  EXPECT_FALSE(holds("StringEqualsIfExists", {"a"}, {"b"}));
  EXPECT_TRUE(holds("ForAllValues:StringEquals", {"a"}, {}));
  EXPECT_FALSE(holds("ForAnyValue:StringEquals", {"a"}, {}));
  EXPECT_FALSE(holds("ForAnyValue:StringNotEquals", {"a"}, {}));
  EXPECT_TRUE(holds("Null", {"true"}, {}));
}

TEST(Condition, SetsOfValues) {
  EXPECT_TRUE(holds("ForAllValues:StringEquals", {"a", "b"}, {"a", "b", "a"}));
  EXPECT_FALSE(holds("ForAllValues:StringEquals", {"a", "b"}, {"a", "c"}));
  EXPECT_TRUE(holds("ForAnyValue:StringEquals", {"a"}, {"x", "a"}));
  EXPECT_FALSE(holds("ForAnyValue:StringEquals", {"a"}, {"x", "y"}));
  EXPECT_TRUE(holds("ForAnyValue:StringNotEquals", {"a"}, {"a", "b"}));
  EXPECT_FALSE(holds("ForAnyValue:StringNotEquals", {"a"}, {"a"}));
  EXPECT_FALSE(holds("ForAllValues:StringNotEquals", {"a"}, {"a", "b"}));
  EXPECT_TRUE(holds("ForAllValues:StringNotEquals", {"a"}, {"b", "c"}));
}

TEST(Condition, AVariableWithoutAValueNeverAllows) {
  EXPECT_FALSE(holds("StringEquals", {"${aws:username}"}, {"bob"}));
  EXPECT_FALSE(holds("StringNotEquals", {"${aws:username}"}, {"bob"}));
  EXPECT_TRUE(holds("StringNotEquals", {"${aws:username}"}, {"bob"}, /*is_deny=*/true));
  EXPECT_TRUE(holds("StringEquals", {"${aws:username, 'bob'}"}, {"bob"}));
  EXPECT_TRUE(holds("StringEquals", {"${s3:prefix}"}, {"bob"}));
}

TEST(Condition, RefusesWhatItCannotCompare) {
  const auto message = [](const char* name, const char* value) {
    const auto condition = Condition::compile(name, "s3:prefix", {value}, true);
    return condition ? std::string() : condition.error().message;
  };
  EXPECT_EQ(message("StringMatches", "a"), "Invalid Condition type : StringMatches");
  EXPECT_EQ(message("NullIfExists", "true"), "Invalid Condition type : NullIfExists");
  EXPECT_EQ(message("ForSomeValues:StringEquals", "a"),
            "Invalid Condition type : ForSomeValues:StringEquals");
  EXPECT_EQ(message("IpAddress", "10.0.0.0/40"), "Invalid IP address in Conditions");
  for (const char* name : {"NumericEquals", "DateLessThan", "Bool", "Null", "BinaryEquals"}) {
    EXPECT_EQ(message(name, "no!"), "Invalid value in Conditions") << name;
  }
  EXPECT_EQ(message("ArnLike", "arn:aws:*:user/bob"), "Invalid value in Conditions");
  EXPECT_FALSE(message("StringLike", "${aws:username").empty());
}

TEST(Condition, KeysAreReadOnce) {
  const auto one = Condition::compile("StringEquals", "S3:Prefix", {"a"}, true);
  const TableKeys keys({{"s3:prefix", {"a"}}});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(one->holds(keys, false));
  EXPECT_EQ(keys.fetches(), 1U);
}

}  // namespace
}  // namespace cairn::iam
