// CORS at the door. Property: a preflight is answered without credentials by the bucket's rules
// alone and reaches no handler; replies to actual requests, refusals included, carry the headers of
// the rule that allows them, and nothing when the request has no Origin.
#include "door_fixture.h"
#include "s3/config_kinds.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kRules =
    "<CORSConfiguration><CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET"
    "</AllowedMethod><AllowedOrigin>https://app.example</AllowedOrigin><AllowedHeader>content-*"
    "</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-version-id"
    "</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule><CORSRule><AllowedMethod>HEAD"
    "</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>";

using Headers = std::vector<std::pair<std::string, std::string>>;

class DoorCors : public DoorFixture {
 protected:
  DoorCors() {
    auto config = std::make_shared<object::BucketConfig>();
    config->documents.emplace(document::kCors, kRules);
    objects.config = config;
  }
  std::unique_ptr<MemoryExchange> send(std::string method, std::string target, Headers headers) {
    headers.emplace(headers.begin(), "Host", "localhost:9000");
    TestRequest request(std::move(method), std::move(target), std::move(headers));
    return serve(request);
  }
  static bool has(const MemoryExchange& exchange, std::string_view line) {
    return exchange.fields.find(std::string(line) + "\r\n") != std::string::npos;
  }
};

TEST_F(DoorCors, PreflightTellsWhatTheRuleAllows) {
  const auto reply = send("OPTIONS", "/bucket/key",
                          {{"Origin", "https://app.example"},
                           {"Access-Control-Request-Method", "PUT"},
                           {"Access-Control-Request-Headers", "Content-Type, content-md5"}});
  EXPECT_EQ(reply->status, 200) << reply->reply;
  EXPECT_EQ(reply->reply, "");
  EXPECT_TRUE(has(*reply, "Access-Control-Allow-Origin: https://app.example")) << reply->fields;
  EXPECT_TRUE(has(*reply, "Access-Control-Allow-Credentials: true"));
  EXPECT_TRUE(has(*reply, "Access-Control-Allow-Methods: PUT, GET"));
  EXPECT_TRUE(has(*reply, "Access-Control-Allow-Headers: Content-Type, content-md5"));
  EXPECT_TRUE(has(*reply, "Access-Control-Expose-Headers: ETag, x-amz-version-id"));
  EXPECT_TRUE(has(*reply, "Access-Control-Max-Age: 60"));
  EXPECT_TRUE(
      has(*reply, "Vary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method"));
  EXPECT_EQ(objects.calls, objects.lookups);
}

TEST_F(DoorCors, AnyOriginIsToldAsSuchAndWithoutCredentials) {
  const auto reply =
      send("OPTIONS", "/bucket", {{"Origin", "null"}, {"Access-Control-Request-Method", "HEAD"}});
  EXPECT_EQ(reply->status, 200) << reply->reply;
  EXPECT_TRUE(has(*reply, "Access-Control-Allow-Origin: *"));
  EXPECT_EQ(reply->fields.find("Allow-Credentials"), std::string::npos);
  EXPECT_EQ(reply->fields.find("Allow-Headers"), std::string::npos);
}

TEST_F(DoorCors, PreflightsThatNothingAllowsAreRefused) {
  struct Row {
    std::string target;
    Headers headers;
    int status;
    std::string_view text;
  };
  const Row rows[] = {
      {"/bucket/key", {}, 400, "Insufficient information. Origin request header needed."},
      {"/bucket/key", {{"Origin", "a"}}, 400, "Invalid Access-Control-Request-Method: null"},
      {"/bucket/key",
       {{"Origin", "a"}, {"Access-Control-Request-Method", "PATCH"}},
       400,
       "Invalid Access-Control-Request-Method: PATCH"},
      {"/bucket/key",
       {{"Origin", "https://else"}, {"Access-Control-Request-Method", "PUT"}},
       403,
       "<Method>PUT</Method><ResourceType>OBJECT</ResourceType>"},
      {"/bucket",
       {{"Origin", "https://app.example"},
        {"Access-Control-Request-Method", "PUT"},
        {"Access-Control-Request-Headers", "content-type,x-amz-meta-a"}},
       403,
       "<Code>AccessForbidden</Code>"},
      {"/absent-bucket",
       {{"Origin", "a"}, {"Access-Control-Request-Method", "PUT"}},
       404,
       "<Code>NoSuchBucket</Code>"},
  };
  for (const Row& row : rows) {
    const auto reply = send("OPTIONS", row.target, row.headers);
    EXPECT_EQ(reply->status, row.status) << reply->reply;
    EXPECT_NE(reply->reply.find(row.text), std::string::npos) << reply->reply;
    EXPECT_EQ(reply->fields.find("Access-Control"), std::string::npos);
  }
  EXPECT_EQ(objects.calls, objects.lookups);
}

TEST_F(DoorCors, BucketsWithoutRulesAllowNothing) {
  objects.config = object::default_bucket_config();
  const auto reply =
      send("OPTIONS", "/bucket/key", {{"Origin", "a"}, {"Access-Control-Request-Method", "PUT"}});
  EXPECT_EQ(reply->status, 403);
  EXPECT_NE(reply->reply.find("CORS is not enabled for this bucket."), std::string::npos);
}

TEST_F(DoorCors, RefusalsOfActualRequestsCanBeReadByThePage) {
  const auto refused = send("GET", "/bucket/key", {{"Origin", "https://app.example"}});
  EXPECT_EQ(refused->status, 403) << refused->reply;
  EXPECT_TRUE(has(*refused, "Access-Control-Allow-Origin: https://app.example"));
  // What a preflight asked for is asked for again, where it is given (S3.md 2.3).
  const auto asked =
      send("GET", "/bucket/key",
           {{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "DELETE"}});
  EXPECT_EQ(asked->fields.find("Access-Control"), std::string::npos);
  const auto other = send("GET", "/bucket/key", {{"Origin", "https://else"}});
  EXPECT_EQ(other->status, 403);
  EXPECT_EQ(other->fields.find("Access-Control"), std::string::npos);
}

TEST_F(DoorCors, RequestsWithoutOriginCarryNothing) {
  const auto reply = call("GET", "/bucket?location");
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->fields.find("Access-Control"), std::string::npos);
  EXPECT_EQ(reply->fields.find("Vary"), std::string::npos);
}

}  // namespace
}  // namespace cairn::s3
