// Object lock: the documents of buckets and objects in and out, and what they may not say.
#include "s3/config_object_lock.h"

#include "base/dates.h"
#include "config_case.h"

namespace cairn::s3 {
namespace {

std::string configuration(std::string_view inside) {
  return with_namespace("ObjectLockConfiguration",
                        "<ObjectLockEnabled>Enabled</ObjectLockEnabled>" + std::string(inside));
}
std::string default_retention(std::string_view inside) {
  return configuration("<Rule><DefaultRetention>" + std::string(inside) +
                       "</DefaultRetention></Rule>");
}

TEST(ObjectLockConfig, RoundTrips) {
  const std::string bodies[] = {
      configuration(""),
      default_retention("<Mode>GOVERNANCE</Mode><Days>1</Days>"),
      default_retention("<Mode>COMPLIANCE</Mode><Years>100</Years>"),
  };
  for (const std::string& body : bodies) {
    const auto config = parse_object_lock(body);
    ASSERT_TRUE(config) << body;
    EXPECT_EQ(write_object_lock(*config), body);
  }
}

TEST(ObjectLockConfig, RefusesBadDocuments) {
  const std::string mode = "<Mode>GOVERNANCE</Mode>";
  const BadDocument rows[] = {
      {with_namespace("ObjectLockConfiguration", ""), "MalformedXML"},
      {with_namespace("ObjectLockConfiguration", "<ObjectLockEnabled>Disabled</ObjectLockEnabled>"),
       "MalformedXML"},
      {configuration("<Rule/>"), "MalformedXML"},
      {configuration("<Other/>"), "MalformedXML"},
      {default_retention(mode), "MalformedXML"},
      {default_retention("<Days>1</Days>"), "MalformedXML"},
      {default_retention("<Mode>governance</Mode><Days>1</Days>"), "MalformedXML"},
      {default_retention(mode + "<Days>1</Days><Years>1</Years>"), "MalformedXML"},
      {default_retention(mode + "<Days>x</Days>"), "MalformedXML"},
      {default_retention(mode + "<Days>0</Days>"), "InvalidRetentionPeriod", "positive"},
      {default_retention(mode + "<Years>-1</Years>"), "InvalidRetentionPeriod", "positive"},
      {default_retention(mode + "<Days>36501</Days>"), "InvalidRetentionPeriod", "too large"},
      {default_retention(mode + "<Years>101</Years>"), "InvalidRetentionPeriod", "too large"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_object_lock(row.body), row);
}

TEST(ObjectLockConfig, CountsDaysAndYears) {
  const WallTime now = *parse_iso8601("2026-01-01T00:00:01Z");
  EXPECT_EQ((DefaultRetention{object::LockMode::kGovernance, 2, 0}.retain_until(now)),
            *parse_iso8601("2026-01-03T00:00:01Z"));
  EXPECT_EQ((DefaultRetention{object::LockMode::kGovernance, 0, 1}.retain_until(now)),
            *parse_iso8601("2027-01-01T00:00:01Z"));
}

TEST(Retention, RoundTripsAndRefuses) {
  const WallTime now = *parse_iso8601("2026-01-01T00:00:00Z");
  const auto document = [](std::string_view inside) { return with_namespace("Retention", inside); };
  const std::string good = document(
      "<Mode>COMPLIANCE</Mode><RetainUntilDate>2026-01-02T00:00:00.000Z</RetainUntilDate>");
  const auto retention = parse_retention(good, now);
  ASSERT_TRUE(retention);
  EXPECT_EQ(write_retention(*retention), good);
  EXPECT_EQ(parse_retention(document(""), now)->mode, object::LockMode::kNone);
  const std::string until = "<RetainUntilDate>2026-01-02T00:00:00Z</RetainUntilDate>";
  const BadDocument rows[] = {
      {document("<Mode>GOVERNANCE</Mode>"), "MalformedXML"},
      {document(until), "MalformedXML"},
      {document("<Mode>abc</Mode>" + until), "MalformedXML"},
      {document("<Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate>"), "MalformedXML"},
      {document("<Mode>GOVERNANCE</Mode><RetainUntilDate>2026-01-01T00:00:00Z</RetainUntilDate>"),
       "InvalidArgument", "in the future"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_retention(row.body, now), row);
}

TEST(LegalHold, RoundTripsAndRefuses) {
  const auto document = [](std::string_view inside) { return with_namespace("LegalHold", inside); };
  for (const bool is_on : {true, false}) {
    EXPECT_EQ(parse_legal_hold(write_legal_hold(is_on)), is_on);
  }
  for (const std::string_view inside : {"", "<Status/>", "<Status>on</Status>", "<A/>"}) {
    expect_refused(parse_legal_hold(document(inside)), {{}, "MalformedXML"});
  }
}

}  // namespace
}  // namespace cairn::s3
