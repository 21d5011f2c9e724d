// Notifications: the document in and out, what may not overlap, and which events a rule takes.
#include "s3/config_notification.h"

#include "config_case.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kArn = "arn:cairn:webhook:local::hook";

std::string notification(std::string_view inside) {
  return with_namespace("NotificationConfiguration", inside);
}
std::string queue(std::string_view id, std::string_view events, std::string_view filter = {}) {
  std::string out = "<QueueConfiguration>";
  if (!id.empty()) out.append("<Id>").append(id).append("</Id>");
  out.append("<Queue>").append(kArn).append("</Queue>").append(events);
  if (!filter.empty()) {
    out.append("<Filter><S3Key>").append(filter).append("</S3Key></Filter>");
  }
  return out.append("</QueueConfiguration>");
}
std::string filter(std::string_view name, std::string_view value) {
  return "<FilterRule><Name>" + std::string(name) + "</Name><Value>" + std::string(value) +
         "</Value></FilterRule>";
}
constexpr std::string_view kCreated = "<Event>s3:ObjectCreated:*</Event>";
constexpr std::string_view kRemoved = "<Event>s3:ObjectRemoved:Delete</Event>";

S3Result<NotificationRules> parse(const std::string& body) {
  return parse_notification(body, [](std::string_view name) { return name == "hook"; });
}

TEST(NotificationConfig, RoundTrips) {
  const std::string bodies[] = {
      notification(""),
      notification(queue("a", kCreated, filter("Prefix", "in/") + filter("Suffix", ".png")) +
                   "<TopicConfiguration><Id>b</Id><Topic>" + std::string(kArn) + "</Topic>" +
                   std::string(kRemoved) + "</TopicConfiguration>" +
                   "<CloudFunctionConfiguration><Id>c</Id><CloudFunction>" + std::string(kArn) +
                   "</CloudFunction><Event>s3:ObjectTagging:*</Event>"
                   "</CloudFunctionConfiguration>"),
  };
  for (const std::string& body : bodies) {
    const auto rules = parse(body);
    ASSERT_TRUE(rules) << body;
    EXPECT_EQ(write_notification(*rules), body);
  }
}

TEST(NotificationConfig, NamesRulesWithoutId) {
  const auto rules = parse(notification(queue("", kCreated) + queue("", kRemoved)));
  ASSERT_TRUE(rules);
  EXPECT_FALSE((*rules)[0].id.empty());
  EXPECT_NE((*rules)[0].id, (*rules)[1].id);
  EXPECT_EQ((*rules)[0].target, "hook");
}

TEST(NotificationConfig, RefusesBadDocuments) {
  const std::string unknown = "<QueueConfiguration><Queue>arn:cairn:webhook:local::other</Queue>" +
                              std::string(kCreated) + "</QueueConfiguration>";
  const std::string foreign = "<QueueConfiguration><Queue>arn:aws:sqs:us-east-1:1:q</Queue>" +
                              std::string(kCreated) + "</QueueConfiguration>";
  const BadDocument rows[] = {
      {notification("<Other/>"), "MalformedXML"},
      {notification("<QueueConfiguration/>"), "MalformedXML"},
      {notification(queue("a", "")), "MalformedXML"},
      {notification("<EventBridgeConfiguration/>"), "NotImplemented", "EventBridge"},
      {notification(unknown), "InvalidArgument", "destination configurations"},
      {notification(foreign), "InvalidArgument", "destination configurations"},
      {notification(queue("a", "<Event>s3:ObjectCreated</Event>")), "InvalidArgument",
       "not supported"},
      {notification(queue(repeated("i", 256), kCreated)), "InvalidArgument", "255"},
      {notification(queue("a", kCreated, filter("Middle", "x"))), "InvalidArgument",
       "prefix or suffix"},
      {notification(queue("a", kCreated, filter("prefix", "x") + filter("Prefix", "y"))),
       "InvalidArgument", "more than one prefix"},
      {notification(queue("a", kCreated, filter("suffix", repeated("x", 1025)))), "InvalidArgument",
       "1024"},
      {notification(queue("a", kCreated) + queue("b", kCreated)), "InvalidArgument", "overlapping"},
      {notification(queue("a", kCreated) +
                    queue("b", "<Event>s3:ObjectCreated:Put</Event>", filter("prefix", "x"))),
       "InvalidArgument", "overlapping"},
      {notification(queue("a", kCreated, filter("suffix", ".png")) +
                    queue("b", kCreated, filter("suffix", "b.png"))),
       "InvalidArgument", "overlapping"},
      {notification(queue("a", kCreated) + queue("a", kRemoved)), "InvalidArgument", "Same ID"},
  };
  for (const BadDocument& row : rows) expect_refused(parse(row.body), row);
}

TEST(NotificationConfig, TakesRulesThatCannotMeet) {
  EXPECT_TRUE(
      parse(notification(queue("a", kCreated, filter("prefix", "x/")) +
                         queue("b", kCreated, filter("prefix", "y/")) + queue("c", kRemoved))));
  EXPECT_TRUE(parse(notification(queue("a", kCreated, filter("suffix", ".png")) +
                                 queue("b", kCreated, filter("suffix", ".jpg")))));
}

TEST(NotificationConfig, RulesTakeEventsByNameAndKey) {
  const auto rules =
      parse(notification(queue("a", kCreated, filter("prefix", "in/") + filter("suffix", ".png"))));
  ASSERT_TRUE(rules);
  const NotificationRule& rule = rules->front();
  EXPECT_TRUE(rule.matches("s3:ObjectCreated:Put", "in/a.png"));
  EXPECT_TRUE(rule.matches("s3:ObjectCreated:CompleteMultipartUpload", "in/.png"));
  EXPECT_FALSE(rule.matches("s3:ObjectRemoved:Delete", "in/a.png"));
  EXPECT_FALSE(rule.matches("s3:ObjectCreated:Put", "out/a.png"));
  EXPECT_FALSE(rule.matches("s3:ObjectCreated:Put", "in/a.jpg"));
}

TEST(NotificationConfig, ReadsNamesOutOfArns) {
  EXPECT_EQ(webhook_name("arn:cairn:webhook:local::hook"), "hook");
  EXPECT_EQ(webhook_name("arn:cairn:webhook:::hook"), "hook");
  for (const std::string_view bad :
       {"", "hook", "arn:cairn:webhook:local::", "arn:cairn:webhook:local:hook",
        "arn:cairn:webhook:local:1:hook", "arn:cairn:webhook:local::a:b", "arn:cairn:queue:l::h"}) {
    EXPECT_FALSE(webhook_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace cairn::s3
