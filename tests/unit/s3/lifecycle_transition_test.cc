// Properties: transitions are taken only in the order of S3's waterfall, and go back as they came;
// a version is moved down to the lowest class that is due, never up, never when it is small, and
// never twice. Method: tables of documents and of decisions.
#include <gtest/gtest.h>

#include "base/dates.h"
#include "config_case.h"
#include "s3/lifecycle_rules.h"

namespace cairn::s3 {
namespace {

std::string transition(std::string_view when, std::string_view storage_class) {
  return "<Transition>" + std::string(when) + "<StorageClass>" + std::string(storage_class) +
         "</StorageClass></Transition>";
}
std::string days(int count, std::string_view storage_class) {
  return transition("<Days>" + std::to_string(count) + "</Days>", storage_class);
}
std::string date(std::string_view day, std::string_view storage_class) {
  return transition("<Date>" + std::string(day) + "T00:00:00.000Z</Date>", storage_class);
}
std::string noncurrent(int count, std::string_view storage_class, std::string_view newer = {}) {
  return "<NoncurrentVersionTransition><NoncurrentDays>" + std::to_string(count) +
         "</NoncurrentDays>" + std::string(newer) + "<StorageClass>" + std::string(storage_class) +
         "</StorageClass></NoncurrentVersionTransition>";
}
std::string rule(const std::string& actions, const std::string& filter = "<Filter></Filter>",
                 const std::string& id = "r") {
  return "<Rule><ID>" + id + "</ID>" + filter + "<Status>Enabled</Status>" + actions + "</Rule>";
}
std::string document(const std::string& rules) {
  return with_namespace("LifecycleConfiguration", rules);
}
WallTime at(std::string_view text) {
  return *parse_iso8601(text);
}

TEST(LifecycleTransitions, TheWaterfallIsTheOrderOfARule) {
  struct Row {
    std::string actions;
    std::string error;  // Empty = taken.
  };
  const std::string expires = "<Expiration><Days>60</Days></Expiration>";
  const Row rows[] = {
      {days(30, "STANDARD_IA") + days(60, "GLACIER") + days(365, "DEEP_ARCHIVE"), ""},
      {days(60, "GLACIER") + days(30, "STANDARD_IA"), ""},  // Order in the text does not count.
      {days(0, "INTELLIGENT_TIERING") + days(1, "GLACIER_IR") + days(2, "GLACIER"), ""},
      {days(30, "ONEZONE_IA") + days(60, "GLACIER_IR"), ""},
      {date("2030-01-01", "GLACIER") + date("2030-01-02", "DEEP_ARCHIVE"), ""},
      {noncurrent(30, "STANDARD_IA") + noncurrent(60, "GLACIER"), ""},
      {days(30, "STANDARD_IA") + days(59, "GLACIER"), "InvalidArgument"},
      {days(30, "GLACIER") + days(60, "STANDARD_IA"), "InvalidArgument"},
      {days(30, "GLACIER") + days(30, "DEEP_ARCHIVE"), "InvalidArgument"},
      {days(1, "GLACIER") + days(2, "GLACIER"), "InvalidRequest"},
      {date("2030-01-02", "GLACIER") + date("2030-01-01", "DEEP_ARCHIVE"), "InvalidArgument"},
      {days(1, "GLACIER") + date("2030-01-01", "DEEP_ARCHIVE"), "InvalidRequest"},
      {date("2030-01-01", "GLACIER") + expires, "InvalidRequest"},
      {noncurrent(60, "STANDARD_IA") + noncurrent(30, "GLACIER"), "InvalidArgument"},
      {noncurrent(1, "GLACIER") + noncurrent(2, "GLACIER"), "InvalidRequest"},
      {days(29, "ONEZONE_IA"), "InvalidArgument"},
      {noncurrent(29, "STANDARD_IA"), "InvalidArgument"},
      {days(1, "REDUCED_REDUNDANCY"), "MalformedXML"},
      {days(1, "EXPRESS_ONEZONE"), "MalformedXML"},
      {days(1, "glacier"), "MalformedXML"},
      // Classes of the operator's own stand before the archive.
      {days(30, "STANDARD_IA") + days(60, "COLD_HDD") + days(90, "GLACIER"), ""},
      {days(60, "COLD_HDD") + days(59, "GLACIER"), "InvalidArgument"},
      {days(60, "COLD_HDD") + days(90, "COLD_TAPE"), "InvalidRequest"},
  };
  for (const Row& row : rows) {
    const std::string text = document(rule(row.actions));
    const auto parsed = parse_lifecycle(text);
    if (row.error.empty()) {
      ASSERT_TRUE(parsed) << text << parsed.error().text();
      EXPECT_EQ(write_lifecycle(*parsed), text);
    } else {
      ASSERT_FALSE(parsed) << text;
      EXPECT_EQ(code_info(parsed.error().code).name, row.error) << text;
    }
  }
}

class Decisions : public testing::Test {
 protected:
  void rules(const std::string& text) {
    auto parsed = parse_lifecycle(document(text));
    ASSERT_TRUE(parsed) << parsed.error().text();
    rules_ = std::move(*parsed);
  }
  // The class that the version goes to, or "-".
  std::string decide(std::string_view now,
                     TransitionMinimum minimum = TransitionMinimum::kAllClasses) {
    const TransitionDecision decision =
        decide_transition(rules_, version_, at(now), kLifecycleDayMs, minimum);
    return decision.rule == nullptr ? "-" : std::string(decision.storage_class);
  }
  Decisions() {
    version_.key = "k";
    version_.size_bytes = kTransitionBytesMin;
    version_.modified = at("2026-01-01T12:00:00Z");
  }
  LifecycleRules rules_;
  LifecycleVersion version_;
};

TEST_F(Decisions, AClassOfTheOperatorsOwnIsEnteredFromAboveAndLeftForTheArchive) {
  rules(rule(days(1, "COLD_HDD") + days(10, "GLACIER")));
  EXPECT_EQ(decide("2026-01-04T00:00:00Z"), "COLD_HDD");
  version_.storage_class = "GLACIER_IR";
  EXPECT_EQ(decide("2026-01-04T00:00:00Z"), "COLD_HDD");
  for (const std::string_view stays : {"COLD_HDD", "COLD_TAPE", "GLACIER", "DEEP_ARCHIVE"}) {
    version_.storage_class = stays;
    EXPECT_EQ(decide("2026-01-04T00:00:00Z"), "-") << stays;
  }
  version_.storage_class = "COLD_TAPE";
  EXPECT_EQ(decide("2026-01-20T00:00:00Z"), "GLACIER");
}

TEST_F(Decisions, TheLowestClassThatIsDueWinsAndNothingGoesUp) {
  rules(rule(days(30, "STANDARD_IA") + days(90, "GLACIER")) +
        rule(days(40, "GLACIER_IR"), "<Filter></Filter>", "s"));
  EXPECT_EQ(decide("2026-01-31T23:59:59Z"), "-");
  EXPECT_EQ(decide("2026-02-01T00:00:00Z"), "STANDARD_IA");
  EXPECT_EQ(decide("2026-02-11T00:00:00Z"), "GLACIER_IR");
  EXPECT_EQ(decide("2027-01-01T00:00:00Z"), "GLACIER");
  version_.storage_class = "STANDARD_IA";
  EXPECT_EQ(decide("2026-02-01T00:00:00Z"), "-");
  EXPECT_EQ(decide("2026-02-11T00:00:00Z"), "GLACIER_IR");
  for (const char* lower : {"GLACIER", "DEEP_ARCHIVE", "EXPRESS_ONEZONE"}) {
    version_.storage_class = lower;
    EXPECT_EQ(decide("2027-01-01T00:00:00Z"), "-") << lower;
  }
  version_.storage_class = "REDUCED_REDUNDANCY";
  EXPECT_EQ(decide("2026-02-01T00:00:00Z"), "STANDARD_IA");
  version_.is_delete_marker = true;
  EXPECT_EQ(decide("2027-01-01T00:00:00Z"), "-");
}

TEST_F(Decisions, SmallVersionsStayUnlessAFilterSpeaksOfSizes) {
  rules(rule(days(0, "GLACIER_IR")) + rule(days(0, "GLACIER"), "<Filter></Filter>", "s"));
  version_.size_bytes = kTransitionBytesMin - 1;
  constexpr std::string_view kLater = "2026-02-01T00:00:00Z";
  EXPECT_EQ(decide(kLater), "-");
  EXPECT_EQ(decide(kLater, TransitionMinimum::kVariesByClass), "GLACIER");
  EXPECT_EQ(decide(kLater, TransitionMinimum::kNone), "GLACIER");
  rules(rule(days(0, "GLACIER_IR"),
             "<Filter><ObjectSizeGreaterThan>1000</ObjectSizeGreaterThan></Filter>"));
  EXPECT_EQ(decide(kLater), "GLACIER_IR");
  version_.size_bytes = 1000;
  EXPECT_EQ(decide(kLater, TransitionMinimum::kNone), "-");
  const std::string varies(kMinimumVaries);
  const std::string all(kMinimumAllClasses);
  EXPECT_EQ(transition_minimum(nullptr, kLifecycleDayMs), TransitionMinimum::kAllClasses);
  EXPECT_EQ(transition_minimum(nullptr, 1000), TransitionMinimum::kNone);
  EXPECT_EQ(transition_minimum(&varies, 1000), TransitionMinimum::kVariesByClass);
  EXPECT_EQ(transition_minimum(&all, 1000), TransitionMinimum::kAllClasses);
}

TEST_F(Decisions, NoncurrentVersionsCountFromTheirSuccessor) {
  rules(rule(noncurrent(10, "GLACIER", "<NewerNoncurrentVersions>2</NewerNoncurrentVersions>")));
  version_.is_latest = false;
  version_.noncurrent_since = at("2026-03-01T00:00:00Z");
  version_.newer_noncurrent_count = 2;
  EXPECT_EQ(decide("2026-03-10T23:59:59Z"), "-");
  EXPECT_EQ(decide("2026-03-11T00:00:00Z"), "GLACIER");
  version_.newer_noncurrent_count = 1;
  EXPECT_EQ(decide("2027-03-11T00:00:00Z"), "-");
  version_.is_latest = true;
  EXPECT_EQ(decide("2027-03-11T00:00:00Z"), "-");
}

TEST_F(Decisions, DatesAreDates) {
  rules(rule(date("2026-05-01", "GLACIER")));
  EXPECT_EQ(decide("2026-04-30T23:59:59Z"), "-");
  EXPECT_EQ(decide("2026-05-01T00:00:00Z"), "GLACIER");
}

}  // namespace
}  // namespace cairn::s3
