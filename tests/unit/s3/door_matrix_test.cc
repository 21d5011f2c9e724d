// Goal: no route is served to a caller who is not verified. Method: every row of the route table
// times every way to fail authentication; each must be answered 400 or 403 and must not reach the
// object layer. The control, the same request rightly signed, must get past authentication.
#include "door_fixture.h"
#include "s3/routes.h"
#include "s3/sigv2.h"

namespace cairn::s3 {
namespace {

struct RouteCase {
  const Route* route;
};

std::string method_text(Method method) {
  switch (method) {
    case Method::kGet: return "GET";
    case Method::kHead: return "HEAD";
    case Method::kPut: return "PUT";
    case Method::kPost: return "POST";
    case Method::kDelete: return "DELETE";
    case Method::kOther: break;
  }
  return "OTHER";
}

std::string path_of(const Route& route) {
  switch (route.resource) {
    case Resource::kService: return "/";
    case Resource::kBucket: return "/bucket";
    case Resource::kObject: return "/bucket/key";
  }
  return "";
}

// A request that only this row matches.
TestRequest request_for(const Route& route) {
  std::string target = path_of(route);
  char separator = '?';
  for (const std::string_view name : {route.query, route.query_too}) {
    if (name.empty()) continue;
    target += separator;
    target.append(name).append("=2");
    separator = '&';
  }
  TestRequest request(method_text(route.method), target, {{"Host", "localhost:9000"}});
  if (!route.header.empty()) request.add(route.header, "/bucket/source");
  return request;
}

class DoorMatrix : public DoorFixture, public ::testing::WithParamInterface<size_t> {
 protected:
  const Route& route() const { return routes()[GetParam()]; }
  TestRequest request() const { return request_for(route()); }

  // Serves `request` and checks that it was refused untouched.
  void expect_refused(TestRequest& refused, int status, std::string_view code) {
    const std::unique_ptr<MemoryExchange> exchange = serve(refused);
    EXPECT_EQ(exchange->status, status) << exchange->reply;
    if (route().method != Method::kHead) {
      EXPECT_NE(exchange->reply.find("<Code>" + std::string(code) + "</Code>"), std::string::npos)
          << exchange->reply;
    }
    EXPECT_EQ(objects.calls, 0U);
    EXPECT_FALSE(exchange->continued);
  }
};

TEST_P(DoorMatrix, TheRequestFindsThisRow) {
  TestRequest sent = request();
  const RequestView view = sent.view();
  const S3Result<Query> query = Query::parse(view.query);
  ASSERT_TRUE(query);
  const S3Result<Target> target = split_target("localhost:9000", view.path, {});
  ASSERT_TRUE(target);
  const S3Result<const Route*> found = find_route(view, *query, *target);
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, &route());
}

TEST_P(DoorMatrix, RightlySignedGetsPastAuthentication) {
  TestRequest sent = request();
  sent.sign(signer(), kEmptySha256, clock.wall_now());
  const std::unique_ptr<MemoryExchange> exchange = serve(sent);
  EXPECT_NE(exchange->status, 403) << exchange->reply;
  EXPECT_NE(exchange->status, 0);
  if (route().needs_bucket) EXPECT_GT(objects.calls, 0U);
}

TEST_P(DoorMatrix, Anonymous) {
  TestRequest sent = request();
  // A form is signed in its body; this request has none, which is found out first.
  if (route().name == "PostObject") {
    expect_refused(sent, 412, "PreconditionFailed");
    return;
  }
  expect_refused(sent, 403, "AccessDenied");
}

TEST_P(DoorMatrix, BadSignature) {
  TestRequest sent = request();
  sent.sign(signer(), kEmptySha256, clock.wall_now());
  std::string authorization(*sent.view().header("authorization"));
  authorization.back() = authorization.back() == '0' ? '1' : '0';
  sent.set("Authorization", authorization);
  expect_refused(sent, 403, "SignatureDoesNotMatch");
}

TEST_P(DoorMatrix, WrongSecret) {
  SigningIdentity wrong = signer();
  wrong.secret += "x";
  TestRequest sent = request();
  sent.sign(wrong, kEmptySha256, clock.wall_now());
  expect_refused(sent, 403, "SignatureDoesNotMatch");
}

TEST_P(DoorMatrix, UnknownAccessKey) {
  SigningIdentity unknown = signer();
  unknown.access_key = "AKIANOBODY";
  TestRequest sent = request();
  sent.sign(unknown, kEmptySha256, clock.wall_now());
  expect_refused(sent, 403, "InvalidAccessKeyId");
}

TEST_P(DoorMatrix, OldDate) {
  TestRequest sent = request();
  sent.sign(signer(), kEmptySha256, WallTime{clock.wall_now().unix_ms - 16 * 60 * 1000});
  expect_refused(sent, 403, "RequestTimeTooSkewed");
}

TEST_P(DoorMatrix, ExpiredPresignedUrl) {
  TestRequest sent = request();
  sent.presign(signer(), WallTime{clock.wall_now().unix_ms - 61'000}, 60);
  expect_refused(sent, 403, "AccessDenied");
}

TEST_P(DoorMatrix, PresignedWithWrongSecret) {
  SigningIdentity wrong = signer();
  wrong.secret += "x";
  TestRequest sent = request();
  sent.presign(wrong, clock.wall_now(), 60);
  expect_refused(sent, 403, "SignatureDoesNotMatch");
}

TEST_P(DoorMatrix, HeaderAndQueryAtOnce) {
  TestRequest sent = request();
  sent.presign(signer(), clock.wall_now(), 60);
  sent.sign(signer(), kEmptySha256, clock.wall_now());
  expect_refused(sent, 400, "InvalidArgument");
}

TEST_P(DoorMatrix, UnsignedAmzHeader) {
  TestRequest sent = request();
  sent.sign(signer(), kEmptySha256, clock.wall_now());
  sent.add("x-amz-meta-added", "later");
  expect_refused(sent, 403, "AccessDenied");
}

TEST_P(DoorMatrix, BadV2Signature) {
  TestRequest sent = request();
  sent.add("Date", "Fri, 02 Jan 2026 03:04:05 GMT");
  sent.add("Authorization", "AWS " + std::string(kAwsAccessKey) + ":AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
  expect_refused(sent, 403, "SignatureDoesNotMatch");
}

TEST_P(DoorMatrix, ExpiredV2Url) {
  TestRequest sent = request();
  const char separator = sent.target().find('?') == std::string::npos ? '?' : '&';
  sent.set_target(sent.target() + separator + "AWSAccessKeyId=" + std::string(kAwsAccessKey) +
                  "&Expires=1000&Signature=AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D");
  const std::unique_ptr<MemoryExchange> exchange = serve(sent);
  EXPECT_EQ(exchange->status, 403) << exchange->reply;
  EXPECT_EQ(objects.calls, 0U);
}

INSTANTIATE_TEST_SUITE_P(Routes, DoorMatrix, ::testing::Range<size_t>(0, routes().size()),
                         [](const auto& info) {
                           return std::string(routes()[info.param].name) + "_" +
                                  std::to_string(info.param);
                         });

// Unauthenticated callers learn nothing of which sub-resources or buckets there are.
using DoorRefusals = DoorFixture;

TEST_F(DoorRefusals, AbsentAndForeignBucketsLookAlike) {
  const auto absent = call("GET", "/absent-bucket");
  EXPECT_EQ(absent->status, 404);
  EXPECT_NE(absent->reply.find("<Code>NoSuchBucket</Code>"), std::string::npos);
}

TEST_F(DoorRefusals, KnownSubresourcesAreNeverListedOrWritten) {
  for (const std::string target : {"/bucket?inventory", "/bucket?session", "/bucket?metrics",
                                   "/bucket/key?torrent", "/bucket?select&select-type=2"}) {
    EXPECT_EQ(call("GET", target)->status, 501) << target;
  }
  for (const std::string target : {"/bucket?policy", "/bucket?versioning", "/bucket/key?retention",
                                   "/bucket/key?tagging"}) {
    EXPECT_EQ(call("PUT", target)->status, 501) << target;
  }
  for (const std::string target : {"/bucket?policy", "/bucket/key?tagging"}) {
    EXPECT_EQ(call("DELETE", target)->status, 501) << target;
  }
  EXPECT_EQ(objects.calls, 0U);
}

TEST_F(DoorRefusals, HalfAnUploadPartIsNoPutObject) {
  EXPECT_EQ(call("PUT", "/bucket/key?partNumber=1")->status, 400);
  EXPECT_EQ(call("PUT", "/bucket/key?uploadId=1")->status, 400);
}

TEST_F(DoorRefusals, MethodsThatNoResourceKnows) {
  EXPECT_EQ(call("PATCH", "/bucket/key")->status, 405);
  EXPECT_EQ(call("POST", "/")->status, 405);
  EXPECT_EQ(call("OPTIONS", "/bucket/key")->status, 403);
}

TEST_F(DoorRefusals, StreamingPayloadOnlyWhereBodiesStream) {
  TestRequest request("DELETE", "/bucket/key", {{"Host", "localhost:9000"}});
  request.sign(signer(), "STREAMING-UNSIGNED-PAYLOAD-TRAILER", clock.wall_now());
  const auto exchange = serve(request);
  EXPECT_EQ(exchange->status, 400);
  EXPECT_EQ(objects.calls, 0U);
}

TEST_F(DoorRefusals, ProbesAnswerOnlyWithoutCredentials) {
  TestRequest probe("GET", "/readyz", {{"Host", "localhost:9000"}});
  EXPECT_EQ(serve(probe)->status, 503);
  door->set_ready(true);
  EXPECT_EQ(serve(probe)->status, 200);
  EXPECT_EQ(call("GET", "/readyz")->status, 404);  // A signed request means the bucket.
}

TEST_F(DoorRefusals, BodyHashIsComparedBeforeADocumentCounts) {
  TestRequest request("POST", "/bucket?delete", {{"Host", "localhost:9000"}});
  request.sign(signer(), kEmptySha256, clock.wall_now());
  const auto exchange = serve(request, "<Delete><Object><Key>victim</Key></Object></Delete>");
  EXPECT_EQ(exchange->status, 400);
  EXPECT_NE(exchange->reply.find("XAmzContentSHA256Mismatch"), std::string::npos);
  EXPECT_EQ(objects.calls, 1U);  // The bucket was looked up, nothing was deleted.
}

}  // namespace
}  // namespace cairn::s3
