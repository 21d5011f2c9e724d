// Property: a request does no more than what its caller, the bucket and its lists allow together.
// Method: a door over counting objects; a request whose handler ran made a call beyond the door's
// own look-ups. Whole behaviour, with stored objects, is in tests/integration/access_test.py.
#include "door_fixture.h"
#include "s3/acl.h"
#include "s3/bucket_rules.h"

namespace cairn::s3 {
namespace {

constexpr crypto::TenantId kOther{2};
constexpr const char* kVersion = "00000000000000000000000000000001";

struct DoorAccess : DoorFixture {
  static std::shared_ptr<const iam::Policy> identity_policy(std::string_view actions,
                                                            std::string_view resource = "*",
                                                            std::string_view more = "") {
    std::string json = R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":)";
    json.append(actions).append(R"(,"Resource":")").append(resource).append("\"");
    json.append(more).append("}]}");
    return iam::Policy::parse(json, iam::PolicyKind::kIdentity).value();
  }
  SigningIdentity user(std::string_view actions, std::string_view resource = "*") {
    return add_user("AKIAUSER", crypto::kRootTenant, {identity_policy(actions, resource)});
  }
  SigningIdentity other_root() {
    SigningIdentity who = add_user("AKIAOTHER", kOther);
    credentials.at("AKIAOTHER").identity.principal = iam::make_root_principal(kOther);
    return who;
  }
  void set_document(std::string_view name, std::string text) {
    auto changed = std::make_shared<object::BucketConfig>(*objects.config);
    changed->documents[std::string(name)] = std::move(text);
    objects.config = changed;
  }
  void set_policy(std::string_view statements) {
    set_document("policy",
                 R"({"Version":"2012-10-17","Statement":[)" + std::string(statements) + "]}");
  }
  void set_object(const Acl& acl) {
    object::ObjectInfo info;
    info.key = "key";
    info.acl = format_acl(acl);
    objects.object = info;
  }

  // Whether the handler ran. `door_calls`: look-ups of the object by the door.
  bool ran(const std::unique_ptr<MemoryExchange>& exchange, size_t door_calls = 0) {
    const bool did = objects.calls > objects.lookups + door_calls;
    EXPECT_EQ(did, exchange->status != 403) << exchange->reply;
    objects.calls = objects.lookups = 0;
    return did;
  }
  bool ran_as(const SigningIdentity& who, std::string method, std::string target,
              std::vector<std::pair<std::string, std::string>> headers = {}) {
    TestRequest request(std::move(method), std::move(target), {{"Host", "localhost:9000"}});
    for (auto& [name, value] : headers) request.add(name, value);
    request.sign(who, kEmptySha256, clock.wall_now());
    return ran(serve(request));
  }
  bool ran_anonymously(std::string method, std::string target,
                       std::vector<std::pair<std::string, std::string>> headers = {},
                       size_t door_calls = 0) {
    TestRequest request(std::move(method), std::move(target), {{"Host", "localhost:9000"}});
    for (auto& [name, value] : headers) request.add(name, value);
    return ran(serve(request), door_calls);
  }
};

constexpr std::string_view kPublicRead =
    R"({"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"})";

TEST_F(DoorAccess, NobodyReadsWhatAPolicyGivesToEverybodyAndNothingElse) {
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key"));
  set_policy(kPublicRead);
  EXPECT_TRUE(ran_anonymously("GET", "/bucket/key"));
  EXPECT_TRUE(ran_anonymously("HEAD", "/bucket/key"));
  EXPECT_FALSE(ran_anonymously("PUT", "/bucket/key"));
  EXPECT_FALSE(ran_anonymously("DELETE", "/bucket/key"));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket"));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key?acl"));
  EXPECT_FALSE(ran_anonymously("GET", std::string("/bucket/key?versionId=") + kVersion));
}

TEST_F(DoorAccess, NobodyChoosesResponseHeaders) {
  set_policy(kPublicRead);
  TestRequest request("GET", "/bucket/key?response-content-type=a", {{"Host", "localhost:9000"}});
  EXPECT_EQ(serve(request)->status, 400);
  EXPECT_EQ(objects.calls, 0U);
}

TEST_F(DoorAccess, VersionsHaveActionsOfTheirOwn) {
  const std::string version = std::string("/bucket/key?versionId=") + kVersion;
  const SigningIdentity plain = user(R"(["s3:GetObject","s3:DeleteObject"])");
  EXPECT_TRUE(ran_as(plain, "GET", "/bucket/key"));
  EXPECT_FALSE(ran_as(plain, "GET", version));
  EXPECT_FALSE(ran_as(plain, "DELETE", version));
  const SigningIdentity versioned = user(R"(["s3:GetObjectVersion","s3:DeleteObjectVersion"])");
  EXPECT_TRUE(ran_as(versioned, "GET", version));
  EXPECT_TRUE(ran_as(versioned, "DELETE", version));
  EXPECT_FALSE(ran_as(versioned, "GET", "/bucket/key"));
}

TEST_F(DoorAccess, HeadersOfAWriteNeedRightsOfTheirOwn) {
  const std::tuple<std::string, std::string, std::string> rows[] = {
      {"x-amz-tagging", "a=b", "s3:PutObjectTagging"},
      {"x-amz-object-lock-mode", "GOVERNANCE", "s3:PutObjectRetention"},
      {"x-amz-object-lock-legal-hold", "ON", "s3:PutObjectLegalHold"},
  };
  for (const auto& [name, value, action] : rows) {
    const SigningIdentity writer = user(R"("s3:PutObject")");
    TestRequest request("PUT", "/bucket/key", {{"Host", "localhost:9000"}, {name, value}});
    request.sign(writer, kEmptySha256, clock.wall_now());
    EXPECT_EQ(serve(request)->status, 403) << name;
    const SigningIdentity both = user("[\"s3:PutObject\",\"" + action + "\"]");
    TestRequest again("PUT", "/bucket/key", {{"Host", "localhost:9000"}, {name, value}});
    again.sign(both, kEmptySha256, clock.wall_now());
    EXPECT_NE(serve(again)->status, 403) << name;
  }
  const SigningIdentity writer = user(R"("s3:PutObject")");
  EXPECT_TRUE(ran_as(writer, "PUT", "/bucket/key", {{"x-amz-acl", "private"}}));
  EXPECT_TRUE(ran_as(writer, "PUT", "/bucket/key", {{"x-amz-acl", "bucket-owner-full-control"}}));
  EXPECT_FALSE(ran_as(writer, "PUT", "/bucket/key", {{"x-amz-acl", "public-read"}}));
}

// An uploadId that the request has no use for: parts alone are spared the question.
TEST_F(DoorAccess, AnUploadIdSparesNoRightOfANewUpload) {
  const std::tuple<std::string, std::string, std::string> rows[] = {
      {"x-amz-tagging", "a=b", "s3:PutObjectTagging"},
      {"x-amz-acl", "public-read", "s3:PutObjectAcl"},
      {"x-amz-object-lock-mode", "GOVERNANCE", "s3:PutObjectRetention"},
      {"x-amz-object-lock-legal-hold", "ON", "s3:PutObjectLegalHold"},
  };
  const std::string target = "/bucket/key?uploads&uploadId=x";
  for (const auto& [name, value, action] : rows) {
    const auto status_as = [&](const SigningIdentity& who) {
      TestRequest request("POST", target, {{"Host", "localhost:9000"}, {name, value}});
      request.sign(who, kEmptySha256, clock.wall_now());
      return serve(request)->status;
    };
    EXPECT_EQ(status_as(user(R"("s3:PutObject")")), 403) << name;
    EXPECT_NE(status_as(user("[\"s3:PutObject\",\"" + action + "\"]")), 403) << name;
  }
  const SigningIdentity writer = user(R"("s3:PutObject")");
  EXPECT_TRUE(ran_as(writer, "POST", target));
}

TEST_F(DoorAccess, GovernanceIsBypassedByRightOnly) {
  const std::vector<std::pair<std::string, std::string>> bypass = {
      {"x-amz-bypass-governance-retention", "true"}};
  const std::string version = std::string("/bucket/key?versionId=") + kVersion;
  EXPECT_FALSE(ran_as(user(R"("s3:DeleteObjectVersion")"), "DELETE", version, bypass));
  EXPECT_TRUE(ran_as(user(R"(["s3:DeleteObjectVersion","s3:BypassGovernanceRetention"])"), "DELETE",
                     version, bypass));
}

TEST_F(DoorAccess, CopiesReadTheirSource) {
  objects.object.emplace();
  objects.object->key = "source";
  const auto copies = [&](const SigningIdentity& who) {
    TestRequest request("PUT", "/bucket/key", {{"Host", "localhost:9000"}});
    request.add("x-amz-copy-source", "/bucket/source");
    request.sign(who, kEmptySha256, clock.wall_now());
    return serve(request)->status != 403;
  };
  EXPECT_FALSE(copies(user(R"("s3:PutObject")")));
  EXPECT_FALSE(copies(user(R"("s3:GetObject")")));
  EXPECT_TRUE(copies(user(R"(["s3:GetObject","s3:PutObject"])")));
  EXPECT_FALSE(copies(user(R"(["s3:GetObject","s3:PutObject"])", "arn:aws:s3:::bucket/key")));
  objects.object->metadata.tags = {{"a", "b"}};
  EXPECT_FALSE(copies(user(R"(["s3:GetObject","s3:PutObject"])")));
  EXPECT_TRUE(copies(user(R"(["s3:GetObject*","s3:PutObject*"])")));
}

TEST_F(DoorAccess, EachKeyOfADeletionIsAskedFor) {
  const std::string body =
      "<Delete><Object><Key>mine/1</Key></Object><Object><Key>theirs</Key></Object></Delete>";
  TestRequest request("POST", "/bucket?delete", {{"Host", "localhost:9000"}});
  request.add("Content-MD5", "Y0htEjdIyvdFdn4S8HISHg==");
  request.sign(user(R"("s3:DeleteObject")", "arn:aws:s3:::bucket/mine/*"), "UNSIGNED-PAYLOAD",
               clock.wall_now());
  serve(request, body);
  ASSERT_EQ(objects.removed.size(), 1U);  // The other key never reached the objects.
  EXPECT_EQ(objects.removed.front().key, "mine/1");
}

TEST_F(DoorAccess, OtherAccountsNeedBothSides) {
  set_policy(
      R"({"Effect":"Allow","Principal":{"AWS":"000000000002"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"})");
  EXPECT_TRUE(ran_as(other_root(), "GET", "/bucket/key"));
  EXPECT_FALSE(ran_as(other_root(), "PUT", "/bucket/key"));
  const SigningIdentity poor = add_user("AKIAPOOR", kOther);
  EXPECT_FALSE(ran_as(poor, "GET", "/bucket/key"));
  const SigningIdentity rich = add_user("AKIARICH", kOther, {identity_policy(R"("s3:*")")});
  EXPECT_TRUE(ran_as(rich, "GET", "/bucket/key"));
  EXPECT_FALSE(ran_as(rich, "DELETE", "/bucket/key"));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key"));
}

TEST_F(DoorAccess, TheBlockKeepsPublicPoliciesInside) {
  set_policy(kPublicRead);
  PublicAccessBlock block;
  block.restrict_public_buckets = true;
  set_document("publicAccessBlock", format_public_access_block(block));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key"));
  EXPECT_FALSE(ran_as(other_root(), "GET", "/bucket/key"));
  EXPECT_TRUE(ran_as(add_user("AKIAINSIDE", crypto::kRootTenant), "GET", "/bucket/key"));
}

TEST_F(DoorAccess, TheRootRepairsAPolicyThatLocksEverybodyOut) {
  set_policy(
      R"({"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]})");
  EXPECT_FALSE(ran_as(signer(), "GET", "/bucket/key"));
  EXPECT_FALSE(ran_as(signer(), "PUT", "/bucket?acl"));
  EXPECT_TRUE(ran_as(signer(), "DELETE", "/bucket?policy"));
  EXPECT_EQ(call("GET", "/bucket?policy")->status, 200);
  EXPECT_EQ(call_as(user(R"("s3:*")"), "GET", "/bucket?policy")->status, 403);
}

TEST_F(DoorAccess, KeysAreReadFromHeadersQueryAndPeer) {
  const auto allows_if = [&](std::string_view condition, std::string_view action) {
    set_policy(R"({"Effect":"Allow","Principal":"*","Action":")" + std::string(action) +
               R"(","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"],"Condition":)" +
               std::string(condition) + "}");
  };
  allows_if(R"({"StringLike":{"aws:Referer":"http://good/*"}})", "s3:Get*");
  EXPECT_TRUE(ran_anonymously("GET", "/bucket/key", {{"Referer", "http://good/x"}}));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key"));
  allows_if(R"({"StringEquals":{"s3:prefix":["a/"]}})", "s3:ListBucket");
  EXPECT_TRUE(ran_anonymously("GET", "/bucket?prefix=a/"));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket?prefix=b/"));
  allows_if(R"({"NumericLessThanEquals":{"s3:max-keys":"10"}})", "s3:ListBucket");
  EXPECT_TRUE(ran_anonymously("GET", "/bucket?max-keys=10"));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket?max-keys=11"));
  allows_if(R"({"StringEquals":{"s3:x-amz-storage-class":"STANDARD"}})", "s3:PutObject");
  EXPECT_TRUE(ran_anonymously("PUT", "/bucket/key", {{"x-amz-storage-class", "STANDARD"}}));
  EXPECT_FALSE(ran_anonymously("PUT", "/bucket/key"));
  allows_if(R"({"Bool":{"aws:SecureTransport":"true"}})", "s3:Get*");
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key"));
  allows_if(R"({"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}})", "s3:Get*");
  EXPECT_TRUE(ran_anonymously("GET", "/bucket/key"));
}

TEST_F(DoorAccess, ForwardedAddressesCountFromTrustedProxiesOnly) {
  set_policy(
      R"({"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*","Condition":{"IpAddress":{"aws:SourceIp":"10.1.2.3"}}})");
  const std::vector<std::pair<std::string, std::string>> forwarded = {
      {"X-Forwarded-For", "10.1.2.3"}};
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key", forwarded));
  make_door([](DoorOptions& options) {
    options.trusted_proxies = {*iam::parse_ip_network("127.0.0.1"),
                               *iam::parse_ip_network("10.9.0.0/16")};
  });
  EXPECT_TRUE(ran_anonymously("GET", "/bucket/key", forwarded));
  EXPECT_TRUE(ran_anonymously("GET", "/bucket/key", {{"X-Forwarded-For", "8.8.8.8, 10.1.2.3"}}));
  EXPECT_TRUE(ran_anonymously("GET", "/bucket/key", {{"X-Forwarded-For", "10.1.2.3, 10.9.0.1"}}));
  // What a client puts in front of what its proxy saw is not believed.
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key", {{"X-Forwarded-For", "10.1.2.3, 8.8.8.8"}}));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key", {{"X-Forwarded-For", "10.1.2.3, bad"}}));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key",
                               {{"X-Forwarded-For", "10.1.2.3"}, {"X-Forwarded-For", "8.8.8.8"}}));
}

TEST_F(DoorAccess, ListsCountOnlyWhereOwnershipLetsThem) {
  Acl acl = private_acl(crypto::kRootTenant);
  acl.grants.push_back({Grantee::kEverybody, {}, Permission::kRead});
  set_object(acl);
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key"));
  set_document("ownershipControls", "ObjectWriter");
  EXPECT_TRUE(ran_anonymously("GET", "/bucket/key", {}, 1));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key?acl", {}, 1));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket"));
  set_document("acl", format_acl(acl));
  EXPECT_TRUE(ran_anonymously("GET", "/bucket"));
  EXPECT_FALSE(ran_anonymously("PUT", "/bucket/new"));
  PublicAccessBlock block;
  block.ignore_public_acls = true;
  set_document("publicAccessBlock", format_public_access_block(block));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key", {}, 1));
  EXPECT_FALSE(ran_anonymously("GET", "/bucket"));
}

TEST_F(DoorAccess, WhatAnotherAccountWroteIsItsOwn) {
  set_document("ownershipControls", "ObjectWriter");
  set_policy(kPublicRead);
  set_object(private_acl(kOther));
  TestRequest request("GET", "/bucket/key", {{"Host", "localhost:9000"}});
  request.sign(signer(), kEmptySha256, clock.wall_now());
  EXPECT_EQ(serve(request)->status, 403);  // The bucket's owner, and its policy, have no say.
  TestRequest nobody("GET", "/bucket/key", {{"Host", "localhost:9000"}});
  EXPECT_EQ(serve(nobody)->status, 403);
  TestRequest own("GET", "/bucket/key", {{"Host", "localhost:9000"}});
  own.sign(other_root(), kEmptySha256, clock.wall_now());
  EXPECT_NE(serve(own)->status, 403);
  Acl shared = private_acl(kOther);
  shared.grants.push_back(
      {Grantee::kAccount, iam::canonical_id(crypto::kRootTenant), Permission::kRead});
  set_object(shared);
  TestRequest again("GET", "/bucket/key", {{"Host", "localhost:9000"}});
  again.sign(signer(), kEmptySha256, clock.wall_now());
  EXPECT_NE(serve(again)->status, 403);
}

// Policies of users and sessions may name any key, so also what only begins like one of ours.
TEST_F(DoorAccess, KeysOfTagsWithoutATagHaveNoValue) {
  for (const std::string_view key : {"s3:RequestObjectTag", "s3:RequestObjectTag/",
                                     "s3:RequestObjectTags", "s3:ExistingObjectTag"}) {
    const std::string condition =
        R"(,"Condition":{"StringEquals":{")" + std::string(key) + R"(":"b"}})";
    const SigningIdentity who =
        add_user("AKIAUSER", crypto::kRootTenant, {identity_policy(R"("s3:*")", "*", condition)});
    EXPECT_FALSE(ran_as(who, "PUT", "/bucket/key", {{"x-amz-tagging", "a=b"}})) << key;
  }
}

TEST_F(DoorAccess, TagsOfTheObjectDecide) {
  set_policy(
      R"({"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*","Condition":{"StringEquals":{"s3:ExistingObjectTag/Kind":"open"}}})");
  objects.object.emplace();
  objects.object->key = "key";
  EXPECT_FALSE(ran_anonymously("GET", "/bucket/key", {}, 1));
  objects.object->metadata.tags = {{"Kind", "open"}};
  EXPECT_TRUE(ran_anonymously("GET", "/bucket/key", {}, 1));
}

// Keeps what the door tells of a request.
struct TargetKeeper : RequestObserver {
  bool wants_text(const RequestRecord&) const override { return true; }
  void on_finished(const RequestRecord& record) override { target = record.target; }
  std::string target;
};

TEST_F(DoorAccess, SecretsOfAUrlAreNotToldHoweverTheirNamesAreWritten) {
  TargetKeeper keeper;
  make_door([&](DoorOptions& options) { options.observer = &keeper; });
  const std::pair<const char*, const char*> kRows[] = {
      {"/b/k?versionId=v&X-Amz-Signature=hidden", "/b/k?versionId=v&X-Amz-Signature=-"},
      {"/b/k?X%2DAmz%2dSignature=hidden&a", "/b/k?X%2DAmz%2dSignature=-&a"},
      {"/b/k?X-Amz-Security-Toke%6E=hidden", "/b/k?X-Amz-Security-Toke%6E=-"},
      {"/b/k?%53ignature=hidden&AWSAccessKeyI%64=hidden", "/b/k?%53ignature=-&AWSAccessKeyI%64=-"},
      {"/b/k?Signature%=shown&%zz=shown", "/b/k?Signature%=shown&%zz=shown"}};
  for (const auto& [sent, told] : kRows) {
    http::RequestHead head;
    head.target = sent;
    http::ExchangeSummary summary;
    summary.head = &head;
    door->on_exchange_end(summary);
    EXPECT_EQ(keeper.target, told);
  }
}

TEST(StoredAcl, SurvivesBeingWrittenAndRead) {
  Acl acl = private_acl(kOther);
  acl.grants.push_back({Grantee::kEverybody, {}, Permission::kRead});
  acl.grants.push_back({Grantee::kAuthenticated, {}, Permission::kWriteAcp});
  acl.grants.push_back({Grantee::kLogDelivery, {}, Permission::kWrite});
  const std::optional<Acl> again = parse_stored_acl(format_acl(acl), crypto::kRootTenant);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->owner, kOther);
  EXPECT_EQ(again->grants, acl.grants);
  EXPECT_EQ(parse_stored_acl("", kOther)->grants, private_acl(kOther).grants);
  for (const char* bad : {"owner=", "owner=x", "x", "owner=1\nREAD", "owner=1\nFLY all",
                          "owner=1\nREAD nobody", "owner=1\n\n"}) {
    EXPECT_FALSE(parse_stored_acl(bad, kOther)) << bad;
  }
}

}  // namespace
}  // namespace cairn::s3
