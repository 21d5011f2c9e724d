// Lifecycle: the document in and out, what it may not say, and what its rules mean for versions.
#include "s3/config_lifecycle.h"

#include "base/dates.h"
#include "config_case.h"
#include "s3/lifecycle_rules.h"

namespace cairn::s3 {
namespace {

std::string lifecycle(std::string_view rules) {
  return with_namespace("LifecycleConfiguration", rules);
}
constexpr std::string_view kDay1 = "<Expiration><Days>1</Days></Expiration>";
constexpr std::string_view kNoFilter = "<Filter></Filter>";

// One rule: what stands before the ID, the filter, and what stands after the status.
std::string rule(std::string_view before, std::string_view filter, std::string_view after = {},
                 std::string_view id = "r") {
  return "<Rule>" + std::string(before) + "<ID>" + std::string(id) + "</ID>" + std::string(filter) +
         "<Status>Enabled</Status>" + std::string(after) + "</Rule>";
}
std::string with_action(std::string_view action) {
  return lifecycle(rule("", kNoFilter, action));
}
std::string with_filter(std::string_view inside) {
  return lifecycle(rule(kDay1, "<Filter>" + std::string(inside) + "</Filter>"));
}

TEST(LifecycleConfig, RoundTrips) {
  const std::string tag = "<Tag><Key>k</Key><Value>v</Value></Tag>";
  const std::string bodies[] = {
      lifecycle(rule(kDay1, kNoFilter)),
      lifecycle(rule(kDay1, "<Prefix>a/</Prefix>")),
      with_filter("<Prefix>a/</Prefix>"),
      with_filter(tag),
      with_filter("<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"),
      with_filter("<And><Prefix>a</Prefix>" + tag +
                  "<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
                  "<ObjectSizeLessThan>9</ObjectSizeLessThan></And>"),
      lifecycle(rule("<Expiration><Date>2026-01-02T00:00:00.000Z</Date></Expiration>", kNoFilter)),
      lifecycle(rule("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
                     "</Expiration>",
                     kNoFilter)),
      with_action("<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>"
                  "<NewerNoncurrentVersions>2</NewerNoncurrentVersions>"
                  "</NoncurrentVersionExpiration>"),
      with_action("<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>"
                  "</AbortIncompleteMultipartUpload>"),
      with_action("<Transition><Days>0</Days><StorageClass>GLACIER</StorageClass></Transition>"
                  "<NoncurrentVersionTransition><NoncurrentDays>30</NoncurrentDays>"
                  "<NewerNoncurrentVersions>4</NewerNoncurrentVersions>"
                  "<StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition>"),
  };
  for (const std::string& body : bodies) {
    const auto rules = parse_lifecycle(body);
    ASSERT_TRUE(rules) << body << rules.error().text();
    EXPECT_EQ(write_lifecycle(*rules), body);
  }
}

TEST(LifecycleConfig, NamesRulesWithoutId) {
  const std::string bare =
      "<Rule><Filter/><Status>Enabled</Status>" + std::string(kDay1) + "</Rule>";
  const auto rules = parse_lifecycle(lifecycle(bare + bare));
  ASSERT_TRUE(rules);
  EXPECT_EQ((*rules)[0].id.size(), 32U);
  EXPECT_NE((*rules)[0].id, (*rules)[1].id);
}

TEST(LifecycleConfig, AnEmptyPrefixBesideAConditionRestrictsNothing) {
  const auto rules =
      parse_lifecycle(with_filter("<Prefix/><ObjectSizeLessThan>9</ObjectSizeLessThan>"));
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->front().size_less_than_bytes, 9);
}

TEST(LifecycleConfig, TakesAThousandFullRules) {
  std::string all;
  for (size_t i = 0; i < kLifecycleRulesMax; ++i) {
    all += rule(kDay1,
                "<Filter><And><Prefix>some/prefix/" + std::to_string(i) +
                    "</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>",
                "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>"
                "</NoncurrentVersionExpiration>",
                std::to_string(i));
  }
  EXPECT_TRUE(parse_lifecycle(lifecycle(all)));
  expect_refused(parse_lifecycle(lifecycle(all + rule(kDay1, kNoFilter, "", "more"))),
                 {{}, "MalformedXML"});
}

TEST(LifecycleConfig, RefusesBadRules) {
  const std::string day1(kDay1);
  const BadDocument rows[] = {
      {lifecycle(""), "MalformedXML"},
      {lifecycle("<Other/>"), "MalformedXML"},
      {lifecycle("<Rule><Filter/>" + day1 + "</Rule>"), "MalformedXML"},
      {lifecycle("<Rule><Filter/><Status>enabled</Status>" + day1 + "</Rule>"), "MalformedXML"},
      {lifecycle("<Rule><Status>Enabled</Status>" + day1 + "</Rule>"), "MalformedXML"},
      {lifecycle("<Rule><Filter/><Prefix/><Status>Enabled</Status>" + day1 + "</Rule>"),
       "MalformedXML"},
      {lifecycle("<Rule><Filter/><Status>Enabled</Status></Rule>"), "InvalidRequest",
       "At least one action"},
      {lifecycle(rule(kDay1, kNoFilter, "", repeated("i", 256))), "InvalidArgument", "255"},
      {lifecycle(rule(kDay1, kNoFilter) + rule(kDay1, kNoFilter)), "InvalidArgument", "unique"},
      {lifecycle(rule(kDay1, kNoFilter, "<Unknown/>")), "MalformedXML"},
      {lifecycle(rule(kDay1, "<Prefix>" + repeated("p", 1025) + "</Prefix>")), "InvalidRequest",
       "1024"},
      {with_filter("<And/>"), "MalformedXML"},
      {with_filter("<Prefix>a</Prefix><ObjectSizeLessThan>9</ObjectSizeLessThan>"), "MalformedXML"},
      {with_filter("<Tag><Key>k</Key></Tag>"), "MalformedXML"},
      {with_filter("<Tag><Key>aws:k</Key><Value/></Tag>"), "InvalidTag"},
      {with_filter("<ObjectSizeLessThan>-1</ObjectSizeLessThan>"), "MalformedXML"},
      {with_filter("<And><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan>"
                   "<ObjectSizeLessThan>9</ObjectSizeLessThan></And>"),
       "InvalidRequest", "ObjectSizeLessThan"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_lifecycle(row.body), row);
}

TEST(LifecycleConfig, RefusesBadActions) {
  const auto expiration = [](std::string_view inside) {
    return with_action("<Expiration>" + std::string(inside) + "</Expiration>");
  };
  const auto noncurrent = [](std::string_view inside) {
    return with_action("<NoncurrentVersionExpiration>" + std::string(inside) +
                       "</NoncurrentVersionExpiration>");
  };
  const auto transition = [](std::string_view inside) {
    return with_action("<Transition>" + std::string(inside) + "</Transition>");
  };
  const std::string tag = "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>";
  const std::string abort =
      "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>"
      "</AbortIncompleteMultipartUpload>";
  const BadDocument rows[] = {
      {expiration(""), "MalformedXML"},
      {expiration("<Days>0</Days>"), "InvalidArgument", "'Days' for Expiration action"},
      {expiration("<Days>-1</Days>"), "InvalidArgument", "positive integer"},
      {expiration("<Days>x</Days>"), "MalformedXML"},
      {expiration("<Days>99999999999</Days>"), "MalformedXML"},
      {expiration("<Date>20260102</Date>"), "MalformedXML"},
      {expiration("<Date>2026-01-02T01:00:00Z</Date>"), "InvalidArgument", "midnight"},
      {expiration("<Days>1</Days><Date>2026-01-02</Date>"), "MalformedXML"},
      {expiration("<Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"),
       "MalformedXML"},
      {lifecycle(rule("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
                      "</Expiration>",
                      tag)),
       "InvalidRequest", "ExpiredObjectDeleteMarker"},
      {noncurrent(""), "MalformedXML"},
      {noncurrent("<NoncurrentDays>0</NoncurrentDays>"), "InvalidArgument", "NoncurrentDays"},
      {noncurrent("<NewerNoncurrentVersions>1</NewerNoncurrentVersions>"), "MalformedXML"},
      {noncurrent("<NoncurrentDays>1</NoncurrentDays>"
                  "<NewerNoncurrentVersions>101</NewerNoncurrentVersions>"),
       "InvalidArgument", "NewerNoncurrentVersions"},
      {noncurrent("<NoncurrentDays>1</NoncurrentDays>"
                  "<NewerNoncurrentVersions>0</NewerNoncurrentVersions>"),
       "InvalidArgument", "NewerNoncurrentVersions"},
      {lifecycle(rule("", tag, abort)), "InvalidRequest", "Tags"},
      {lifecycle(rule("", "<Filter><ObjectSizeLessThan>1</ObjectSizeLessThan></Filter>", abort)),
       "InvalidRequest", "Object Size"},
      {with_action("<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation>"
                   "</AbortIncompleteMultipartUpload>"),
       "InvalidArgument", "positive"},
      {transition("<Days>1</Days>"), "MalformedXML"},
      {transition("<StorageClass>GLACIER</StorageClass>"), "MalformedXML"},
      {transition("<Days>1</Days><StorageClass>STANDARD</StorageClass>"), "MalformedXML"},
      {transition("<Days>29</Days><StorageClass>STANDARD_IA</StorageClass>"), "InvalidArgument",
       "30"},
      {transition("<Date>20220927</Date><StorageClass>GLACIER</StorageClass>"), "MalformedXML"},
      {lifecycle(rule(kDay1, kNoFilter,
                      "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass>"
                      "</Transition>")),
       "InvalidArgument", "must be greater than"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_lifecycle(row.body), row);
}

// What a decision is, in one word and the rule's name.
std::string told(const LifecycleDecision& decision) {
  static constexpr std::string_view kNames[] = {"none", "expire", "version", "marker"};
  std::string text(kNames[static_cast<size_t>(decision.action)]);
  if (decision.rule != nullptr) text += " " + decision.rule->id;
  return text;
}

WallTime at(std::string_view text) {
  return *parse_iso8601(text);
}

LifecycleRules parsed(const std::string& rules) {
  auto result = parse_lifecycle(lifecycle(rules));
  EXPECT_TRUE(result) << result.error().text();
  return result ? *result : LifecycleRules();
}

TEST(LifecycleRules, DaysAreRoundedUpToMidnight) {
  EXPECT_EQ(lifecycle_due(at("2026-01-01T10:30:00Z"), 3, kLifecycleDayMs), at("2026-01-05"));
  EXPECT_EQ(lifecycle_due(at("2026-01-01T00:00:00Z"), 3, kLifecycleDayMs), at("2026-01-04"));
  EXPECT_EQ(lifecycle_due({10001}, 2, 10000), WallTime{40000});
}

TEST(LifecycleRules, TheEarliestOfTheRulesThatApplyDecides) {
  const LifecycleRules rules =
      parsed(rule("<Expiration><Days>10</Days></Expiration>", kNoFilter, "", "all") +
             rule("<Expiration><Days>2</Days></Expiration>",
                  "<Filter><Prefix>tmp/</Prefix></Filter>", "", "tmp") +
             rule("<Expiration><Date>2026-01-02T00:00:00Z</Date></Expiration>",
                  "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>", "", "tagged"));
  const Tags tags = {{"k", "v"}};
  LifecycleVersion version;
  version.key = "tmp/a";
  version.modified = at("2026-01-01T12:00:00Z");
  const auto decide = [&](std::string_view now) {
    return told(decide_lifecycle(rules, version, at(now), kLifecycleDayMs));
  };
  EXPECT_EQ(decide("2026-01-03T23:59:59Z"), "none");
  EXPECT_EQ(decide("2026-01-04T00:00:00Z"), "expire tmp");
  version.tags = &tags;
  EXPECT_EQ(decide("2026-01-03T23:59:59Z"), "expire tagged");
  version.tags = nullptr;
  version.key = "b";
  EXPECT_EQ(decide("2026-01-04T00:00:00Z"), "none");
  EXPECT_EQ(decide("2026-01-12T00:00:00Z"), "expire all");
}

TEST(LifecycleRules, SizesAndStatusRestrict) {
  LifecycleRules rules = parsed(rule(kDay1,
                                     "<Filter><And><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>"
                                     "<ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>"));
  LifecycleVersion version;
  version.key = "k";
  for (const auto& [size, applies] : {std::pair{5U, false}, {6U, true}, {8U, true}, {9U, false}}) {
    version.size_bytes = size;
    EXPECT_EQ(rule_applies(rules.front(), version), applies) << size;
  }
  version.size_bytes = 6;
  rules.front().enabled = false;
  EXPECT_FALSE(rule_applies(rules.front(), version));
}

TEST(LifecycleRules, NoncurrentVersionsGoAfterTheirSuccessorAged) {
  const LifecycleRules rules =
      parsed(rule("", kNoFilter,
                  "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                  "<NewerNoncurrentVersions>2</NewerNoncurrentVersions>"
                  "</NoncurrentVersionExpiration>"));
  LifecycleVersion version;
  version.key = "k";
  version.is_latest = false;
  version.noncurrent_since = {0};
  const WallTime later{3 * kLifecycleDayMs};
  for (uint64_t newer_count = 0; newer_count < 4; ++newer_count) {
    version.newer_noncurrent_count = newer_count;
    EXPECT_EQ(told(decide_lifecycle(rules, version, later, kLifecycleDayMs)),
              newer_count >= 2 ? "version r" : "none");
  }
  EXPECT_EQ(told(decide_lifecycle(rules, version, {0}, kLifecycleDayMs)), "none");
  version.is_latest = true;
  EXPECT_EQ(told(decide_lifecycle(rules, version, later, kLifecycleDayMs)), "none");
}

TEST(LifecycleRules, DeleteMarkersGoWhenTheyHideNothing) {
  const LifecycleRules at_once =
      parsed(rule("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
                  "</Expiration>",
                  kNoFilter));
  const LifecycleRules by_age = parsed(rule(kDay1, kNoFilter));
  LifecycleVersion marker;
  marker.key = "k";
  marker.is_delete_marker = true;
  const WallTime later{2 * kLifecycleDayMs};
  EXPECT_EQ(told(decide_lifecycle(at_once, marker, {0}, kLifecycleDayMs)), "marker r");
  EXPECT_EQ(told(decide_lifecycle(by_age, marker, {0}, kLifecycleDayMs)), "none");
  EXPECT_EQ(told(decide_lifecycle(by_age, marker, later, kLifecycleDayMs)), "marker r");
  marker.is_only_version = false;
  EXPECT_EQ(told(decide_lifecycle(at_once, marker, later, kLifecycleDayMs)), "none");
  EXPECT_EQ(told(decide_lifecycle(by_age, marker, later, kLifecycleDayMs)), "none");
}

TEST(LifecycleRules, UploadsAreAbortedByPrefix) {
  const LifecycleRules rules =
      parsed(rule("", "<Filter><Prefix>up/</Prefix></Filter>",
                  "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation>"
                  "</AbortIncompleteMultipartUpload>"));
  const LifecycleDecision abort = upload_abort(rules, "up/a", {1}, kLifecycleDayMs);
  ASSERT_NE(abort.rule, nullptr);
  EXPECT_EQ(abort.due, WallTime{3 * kLifecycleDayMs});
  EXPECT_EQ(upload_abort(rules, "a", {1}, kLifecycleDayMs).rule, nullptr);
}

TEST(LifecycleRules, TheHeaderTellsDateAndRule) {
  const LifecycleRules rules = parsed(rule(kDay1, kNoFilter, "", "a rule/\"1\""));
  LifecycleVersion version;
  version.key = "k";
  version.modified = at("2012-12-21T05:00:00Z");
  const LifecycleDecision decision = next_expiration(rules, version, kLifecycleDayMs);
  EXPECT_EQ(expiration_header(decision),
            "expiry-date=\"Sun, 23 Dec 2012 00:00:00 GMT\", rule-id=\"a%20rule%2F%221%22\"");
  version.is_latest = false;
  EXPECT_EQ(next_expiration(rules, version, kLifecycleDayMs).rule, nullptr);
}

}  // namespace
}  // namespace cairn::s3
