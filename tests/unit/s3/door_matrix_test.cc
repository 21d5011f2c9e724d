// Goal: no route is served to a caller who is not verified. Method: every row of the route table
// times every way to fail authentication or to lack the right; each must be answered 400 or 403 and
// must not reach the object layer, but for the door's own look-up of the bucket. The control, the
// same request rightly signed, must get past authentication.
#include "base/encoding.h"
#include "crypto/digest.h"
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

// What the body of a route that authorises by itself names, so that there is something to refuse.
constexpr std::string_view kDeletion = "<Delete><Object><Key>victim</Key></Object></Delete>";
constexpr const char* kDeletionMd5 = "ilKnSqyhRNNLPr/YXRsbQQ==";
bool names_keys(const Route& route) {
  return route.name == "DeleteObjects";
}

class DoorMatrix : public DoorFixture, public ::testing::WithParamInterface<size_t> {
 protected:
  const Route& route() const { return routes()[GetParam()]; }
  TestRequest request() const {
    TestRequest made = request_for(route());
    if (names_keys(route())) made.add("Content-MD5", kDeletionMd5);
    return made;
  }

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

  // Serves a request of a caller who may be known but has no right: whatever the door looks up, no
  // handler changes or reads anything.
  void expect_denied(TestRequest& denied) {
    const bool has_body = names_keys(route());
    const auto exchange = serve(denied, has_body ? std::string(kDeletion) : std::string());
    EXPECT_EQ(objects.calls, objects.lookups);
    if (route().gate == Gate::kDoor) EXPECT_FALSE(exchange->continued);
    if (is_form()) {
      EXPECT_TRUE(exchange->status == 400 || exchange->status == 412) << exchange->reply;
      return;
    }
    if (has_body) {
      EXPECT_EQ(exchange->reply.find("<Deleted>"), std::string::npos) << exchange->reply;
    } else {
      EXPECT_EQ(exchange->status, 403) << exchange->reply;
    }
    if (route().method != Method::kHead) {
      EXPECT_NE(exchange->reply.find("<Code>AccessDenied</Code>"), std::string::npos)
          << exchange->reply;
    }
  }
  // A form is signed in its body: one without, or signed in its head, is refused for that
  // (door_post_test.cc has its rights).
  bool is_form() const { return route().name == "PostObject"; }
  std::string payload() const {
    return names_keys(route()) ? to_hex(crypto::sha256(as_bytes(kDeletion)))
                               : std::string(kEmptySha256);
  }

  static std::shared_ptr<const iam::Policy> policy(std::string_view effect,
                                                   std::string_view actions,
                                                   std::string_view resource) {
    std::string json = R"({"Version":"2012-10-17","Statement":[{"Effect":")";
    json.append(effect).append(R"(",")").append(actions);
    json.append(R"(,"Resource":")").append(resource).append(R"("}]})");
    return iam::Policy::parse(json, iam::PolicyKind::kIdentity).value();
  }
};

TEST_P(DoorMatrix, TheRequestFindsThisRow) {
  TestRequest sent = request();
  const RequestView view = sent.view();
  const S3Result<Query> query = parse_query(view.query);
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
  sent.add("x-amz-content-sha256", payload());
  expect_denied(sent);
}

TEST_P(DoorMatrix, UserWithoutPolicies) {
  TestRequest sent = request();
  sent.sign(add_user("AKIAUSER", crypto::kRootTenant), payload(), clock.wall_now());
  expect_denied(sent);
}

TEST_P(DoorMatrix, UserWithEveryActionButThisOnes) {
  const std::string actions = R"(NotAction":")" + std::string(route().action) + "\"";
  TestRequest sent = request();
  sent.sign(add_user("AKIAUSER", crypto::kRootTenant, {policy("Allow", actions, "*")}), payload(),
            clock.wall_now());
  expect_denied(sent);
}

TEST_P(DoorMatrix, UserWithThisActionElsewhere) {
  TestRequest sent = request();
  const auto elsewhere = policy("Allow", R"(Action":"s3:*")", "arn:aws:s3:::other*");
  sent.sign(add_user("AKIAUSER", crypto::kRootTenant, {elsewhere}), payload(), clock.wall_now());
  expect_denied(sent);
}

TEST_P(DoorMatrix, UserWithADeny) {
  TestRequest sent = request();
  const auto all = policy("Allow", R"(Action":"*")", "*");
  const auto none = policy("Deny", R"(Action":"s3:*")", "*");
  sent.sign(add_user("AKIAUSER", crypto::kRootTenant, {all, none}), payload(), clock.wall_now());
  expect_denied(sent);
}

TEST_P(DoorMatrix, UserWithThisActionGetsPast) {
  const std::string actions = R"(Action":["s3:GetObject*",")" + std::string(route().action) + "\"]";
  TestRequest sent = request();
  sent.sign(add_user("AKIAUSER", crypto::kRootTenant, {policy("Allow", actions, "*")}), payload(),
            clock.wall_now());
  const auto exchange = serve(sent, names_keys(route()) ? std::string(kDeletion) : std::string());
  EXPECT_NE(exchange->status, 403) << exchange->reply;
  EXPECT_EQ(exchange->reply.find("AccessDenied"), std::string::npos) << exchange->reply;
}

TEST_P(DoorMatrix, RootOfAnotherAccount) {
  if (!route().needs_bucket) return;  // It is about the caller's own account.
  const SigningIdentity stranger = add_user("AKIASTRANGER", crypto::TenantId{2});
  Identity& identity = credentials.at("AKIASTRANGER").identity;
  identity.principal = iam::make_root_principal(crypto::TenantId{2});
  TestRequest sent = request();
  sent.sign(stranger, payload(), clock.wall_now());
  expect_denied(sent);
}

TEST_P(DoorMatrix, CallerWhoseRightsAreNotKnown) {
  credentials.at(kAwsAccessKey).identity.principal = nullptr;
  TestRequest sent = request();
  sent.sign(signer(), payload(), clock.wall_now());
  expect_denied(sent);
}

TEST_P(DoorMatrix, BucketWithADamagedPolicy) {
  auto config = std::make_shared<object::BucketConfig>();
  config->documents["policy"] = "{";
  objects.config = config;
  TestRequest sent = request();
  sent.sign(signer(), payload(), clock.wall_now());
  const bool repairs = route().name.ends_with("BucketPolicy");
  if (!route().needs_bucket || repairs) return;
  expect_denied(sent);
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

TEST(DoorMatrixSize, EveryRouteMeetsEveryKindOfCredential) {
  constexpr size_t kRoutesMin = 58;
  constexpr size_t kKindsMin = 21;
  EXPECT_GE(routes().size(), kRoutesMin);
  size_t cases = 0;
  const ::testing::UnitTest& all = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const ::testing::TestSuite& suite = *all.GetTestSuite(i);
    if (std::string_view(suite.name()).ends_with("/DoorMatrix")) {
      cases += static_cast<size_t>(suite.total_test_count());
    }
  }
  EXPECT_GE(cases, kKindsMin * routes().size());
}

// Unauthenticated callers learn nothing of which sub-resources or buckets there are.
using DoorRefusals = DoorFixture;

TEST_F(DoorRefusals, AbsentAndForeignBucketsLookAlike) {
  const auto absent = call("GET", "/absent-bucket");
  EXPECT_EQ(absent->status, 404);
  EXPECT_NE(absent->reply.find("<Code>NoSuchBucket</Code>"), std::string::npos);
}

TEST_F(DoorRefusals, KnownSubresourcesAreNeverListedOrWritten) {
  for (const std::string target :
       {"/bucket?session", "/bucket?abac", "/bucket/key?torrent", "/bucket?metadataTable"}) {
    EXPECT_EQ(call("GET", target)->status, 501) << target;
  }
  for (const std::string target : {"/bucket?replication", "/bucket?inventory&id=1",
                                   "/bucket?metrics&id=1", "/bucket/key?encryption"}) {
    EXPECT_EQ(call("PUT", target)->status, 501) << target;
  }
  EXPECT_EQ(call("POST", "/bucket/key?select&select-type=2")->status, 501);
  EXPECT_EQ(call("DELETE", "/bucket?metadataTable")->status, 501);
  EXPECT_EQ(objects.calls, 0U);
}

TEST_F(DoorRefusals, HalfAnUploadPartIsNoPutObject) {
  EXPECT_EQ(call("PUT", "/bucket/key?partNumber=1")->status, 400);
  EXPECT_EQ(call("PUT", "/bucket/key?uploadId=1")->status, 400);
}

TEST_F(DoorRefusals, MethodsThatNoResourceKnows) {
  EXPECT_EQ(call("PATCH", "/bucket/key")->status, 405);
  EXPECT_EQ(call("POST", "/")->status, 405);
  EXPECT_EQ(call("OPTIONS", "/bucket/key")->status, 400);
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
