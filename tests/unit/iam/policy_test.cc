// Property: policies that S3 refuses are refused in its words, and principals reach as far as AWS
// says. Method: tables of documents.
#include "iam/policy.h"

#include <gtest/gtest.h>

#include "iam/account.h"
#include "test_keys.h"

namespace cairn::iam {
namespace {

std::string error_of(std::string_view json, PolicyKind kind = PolicyKind::kBucket) {
  const auto policy = Policy::parse(json, kind, "b");
  return policy ? std::string() : policy.error().message;
}

// A bucket policy with one statement; `fields` replaces or adds to what is right.
std::string bucket_policy(std::string_view effect, std::string_view principal,
                          std::string_view action, std::string_view resource,
                          std::string_view more = "") {
  std::string json = R"({"Version":"2012-10-17","Statement":[{"Effect":")";
  json.append(effect).append(R"(","Principal":)").append(principal);
  json.append(R"(,"Action":)").append(action).append(R"(,"Resource":)").append(resource);
  return json.append(more).append("}]}");
}

constexpr std::string_view kGet = R"("s3:GetObject")";
constexpr std::string_view kAll = R"("arn:aws:s3:::b/*")";

TEST(BucketPolicy, IsRefusedInTheWordsOfS3) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "Policies must be valid JSON and the first byte must be '{'"},
      {"[]", "Policies must be valid JSON and the first byte must be '{'"},
      {" {}", "Policies must be valid JSON and the first byte must be '{'"},
      {"{", "This policy contains invalid Json"},
      {"{} x", "This policy contains invalid Json"},
      {R"({"Version":"2012-10-17"})", "Missing required field Statement"},
      {R"({"Statement":[]})", "Could not parse the policy: Statement is empty!"},
      {R"({"Statement":"x"})", "This policy contains invalid Json"},
      {R"({"Version":"2020-01-01","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b"}]})",
       "The policy must contain a valid version string"},
      {R"({"Statement":[{"Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b"}]})",
       "Missing required field Effect cannot be empty!"},
      {bucket_policy("allow", R"("*")", kGet, kAll), "Invalid effect: allow"},
      {R"({"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b"}]})",
       "Missing required field Principal cannot be empty!"},
      {R"({"Statement":[{"Effect":"Allow","Principal":"*","Resource":"arn:aws:s3:::b"}]})",
       "Missing required field Action cannot be empty!"},
      {R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*"}]})",
       "Missing required field Resource cannot be empty!"},
      {bucket_policy("Allow", R"("bob")", kGet, kAll), "Invalid principal in policy"},
      {bucket_policy("Allow", R"({"AWS":[]})", kGet, kAll), "Invalid principal in policy"},
      {bucket_policy("Allow", R"({"AWS":"arn:aws:iam::1:root"})", kGet, kAll),
       "Invalid principal in policy"},
      {bucket_policy("Allow", R"({"AWS":"arn:aws:iam::000000000001:user/*"})", kGet, kAll),
       "Invalid principal in policy"},
      {bucket_policy("Allow", R"({"Robot":"*"})", kGet, kAll), "Invalid principal in policy"},
      {bucket_policy("Allow", R"("*")", R"("s3:Fly")", kAll), "Policy has invalid action"},
      {bucket_policy("Allow", R"("*")", R"("s3:Fly*")", kAll), "Policy has invalid action"},
      {bucket_policy("Allow", R"("*")", R"("iam:CreateUser")", kAll), "Policy has invalid action"},
      {bucket_policy("Allow", R"("*")", R"("s3:CreateBucket")", kAll), "Policy has invalid action"},
      {bucket_policy("Allow", R"("*")", "[]", kAll), "Policy has invalid action"},
      {bucket_policy("Allow", R"("*")", kGet, R"("arn:aws:s3:::other/*")"),
       "Policy has invalid resource"},
      {bucket_policy("Allow", R"("*")", kGet, R"("b/*")"), "Policy has invalid resource"},
      {bucket_policy("Allow", R"("*")", kGet, R"("*")"), "Policy has invalid resource"},
      {bucket_policy("Allow", R"("*")", kGet, R"("arn:aws:s3:::b")"),
       "Action does not apply to any resource(s) in statement"},
      {bucket_policy("Allow", R"("*")", R"(["s3:GetObject","s3:ListBucket"])", kAll),
       "Action does not apply to any resource(s) in statement"},
      {bucket_policy("Allow", R"("*")", kGet, kAll, R"(,"Condition":{"Like":{"aws:Referer":"x"}})"),
       "Invalid Condition type : Like"},
      {bucket_policy("Allow", R"("*")", kGet, kAll,
                     R"(,"Condition":{"StringLike":{"s3:colour":"x"}})"),
       "Policy has an invalid condition key"},
      {bucket_policy("Allow", R"("*")", kGet, kAll,
                     R"(,"Condition":{"StringLike":{"s3:prefix":"x"}})"),
       "Conditions do not apply to combination of actions and resources in statement"},
      {bucket_policy("Allow", R"("*")", kGet, kAll,
                     R"(,"Condition":{"IpAddress":{"aws:SourceIp":"300.1.1.1"}})"),
       "Invalid IP address in Conditions"},
      {bucket_policy("Allow", R"("*")", kGet, kAll, R"(,"Colour":"red")"), "Unknown field Colour"},
      {R"({"Statement":[],"Statement":[]})", "Duplicate field Statement"},
      {bucket_policy("Allow", R"("*")", kGet, kAll, R"(,"Effect":"Deny")"),
       "Duplicate field Effect"},
  };
  for (const auto& [json, message] : rows) EXPECT_EQ(error_of(json), message) << json;
}

TEST(BucketPolicy, IsTakenAsS3TakesIt) {
  for (
      const std::string& json : {
          bucket_policy("Allow", R"("*")", kGet, kAll),
          bucket_policy("Allow", R"({"AWS":"*"})", R"("s3:*")", R"("arn:aws:s3:::b")"),
          bucket_policy("Deny", R"({"AWS":["000000000001"]})", R"("*")",
                        R"(["arn:aws:s3:::*","arn:aws:s3:::*/*"])"),
          bucket_policy("Allow", R"("*")", R"("s3:Get*")", kAll),
          bucket_policy("Allow", R"({"Service":"logging.s3.amazonaws.com"})", R"("s3:PutObject")",
                        kAll),
          bucket_policy("Allow", R"("*")", R"(["s3:GetObject","s3:ListBucket"])",
                        R"("arn:aws:s3:::b*")"),
          bucket_policy("Allow", R"("*")", kGet, kAll,
                        R"(,"Condition":{"Bool":{"aws:SecureTransport":true}})"),
          std::string(
              R"({"Id":"x","Statement":{"Sid":"1","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}})"),
      }) {
    EXPECT_EQ(error_of(json), "") << json;
  }
}

TEST(Policy, BoundsAreKept) {
  EXPECT_NE(error_of("{" + std::string(kPolicyBytesMax, ' ') + "}"), "");
  std::string deep = R"({"Statement":)";
  for (int i = 0; i < 2000; ++i) deep += '[';
  EXPECT_EQ(error_of(deep), "This policy contains invalid Json");
  for (int i = 0; i < 2000; ++i) deep += ']';
  EXPECT_EQ(error_of(deep + "}"), "This policy contains invalid Json");
}

TEST(IdentityPolicy, HasNoPrincipalAndNamesArns) {
  const auto error = [](std::string_view statement) {
    return error_of(R"({"Version":"2012-10-17","Statement":[)" + std::string(statement) + "]}",
                    PolicyKind::kIdentity);
  };
  EXPECT_EQ(error(R"({"Effect":"Allow","Action":["iam:*","s3:Get*"],"Resource":"*"})"), "");
  EXPECT_EQ(error(R"({"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::*"})"), "");
  EXPECT_NE(error(R"({"Effect":"Allow","Action":"s3:*","Resource":"bucket"})"), "");
  EXPECT_NE(error(R"({"Effect":"Allow","Action":"s3","Resource":"*"})"), "");
  EXPECT_NE(error(R"({"Effect":"Allow","Action":"*:*","Resource":"*"})"), "");
  EXPECT_NE(error(R"({"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"})"), "");
  EXPECT_NE(error(R"({"Effect":"Allow","Action":"s3:*"})"), "");
}

TEST(TrustPolicy, SpeaksOfSessionsOnly) {
  const auto error = [](std::string_view statement) {
    return error_of(R"({"Version":"2012-10-17","Statement":[)" + std::string(statement) + "]}",
                    PolicyKind::kTrust);
  };
  EXPECT_EQ(
      error(R"({"Effect":"Allow","Principal":{"AWS":"000000000001"},"Action":"sts:AssumeRole"})"),
      "");
  EXPECT_NE(
      error(R"({"Effect":"Allow","Principal":{"AWS":"000000000001"},"Action":"s3:GetObject"})"),
      "");
  EXPECT_NE(error(R"({"Effect":"Allow","Action":"sts:AssumeRole"})"), "");
  EXPECT_NE(error(R"({"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"})"),
            "");
}

Verdict verdict(const std::string& principal, const Principal* caller) {
  const auto policy =
      Policy::parse(bucket_policy("Allow", principal, kGet, kAll), PolicyKind::kBucket, "b");
  EXPECT_TRUE(policy) << policy.error().message;
  const TableKeys keys({}, caller);
  return (*policy)->evaluate(
      {.action = "s3:GetObject", .resource = "arn:aws:s3:::b/k", .keys = &keys});
}

TEST(Principals, ReachAsFarAsTheyAreNamed) {
  Principal user;
  user.account = crypto::TenantId{1};
  user.kind = PrincipalKind::kUser;
  user.name = "bob";
  user.arn = user_arn(user.account, "/", "bob");
  user.canonical_id = canonical_id(user.account);
  Principal session = user;
  session.kind = PrincipalKind::kRoleSession;
  session.arn = role_arn(user.account, "/", "r");
  session.session_arn = assumed_role_arn(user.account, "r", "s");
  Principal web = user;
  web.kind = PrincipalKind::kFederated;
  web.arn = "arn:aws:iam::000000000001:oidc-provider/idp.example";
  const auto root = make_root_principal(user.account);
  const auto stranger = make_root_principal(crypto::TenantId{2});

  EXPECT_EQ(verdict(R"("*")", nullptr), Verdict::kAllow);
  EXPECT_EQ(verdict(R"("*")", &user), Verdict::kAllow);
  EXPECT_EQ(verdict(R"("*")", &web), Verdict::kNone);
  EXPECT_EQ(verdict(R"({"AWS":"000000000001"})", nullptr), Verdict::kNone);
  EXPECT_EQ(verdict(R"({"AWS":"000000000001"})", root.get()), Verdict::kAllow);
  EXPECT_EQ(verdict(R"({"AWS":"000000000001"})", stranger.get()), Verdict::kNone);
  EXPECT_EQ(verdict(R"({"AWS":"arn:aws:iam::000000000001:root"})", &user), Verdict::kAllowAccount);
  EXPECT_EQ(verdict(R"({"AWS":"arn:aws:iam::000000000001:user/bob"})", &user), Verdict::kAllow);
  EXPECT_EQ(verdict(R"({"AWS":"arn:aws:iam::000000000001:user/bo"})", &user), Verdict::kNone);
  EXPECT_EQ(verdict(R"({"AWS":"arn:aws:iam::000000000001:role/r"})", &session), Verdict::kAllow);
  EXPECT_EQ(verdict(R"({"AWS":"arn:aws:sts::000000000001:assumed-role/r/s"})", &session),
            Verdict::kAllow);
  EXPECT_EQ(verdict(R"({"CanonicalUser":")" + user.canonical_id + "\"}", root.get()),
            Verdict::kAllow);
  EXPECT_EQ(verdict(R"({"AWS":"arn:aws:iam:::user/)" + user.canonical_id + "\"}", root.get()),
            Verdict::kAllow);
  EXPECT_EQ(verdict(R"({"Federated":"arn:aws:iam::000000000001:oidc-provider/idp.example"})", &web),
            Verdict::kAllow);
}

TEST(BucketPolicy, PublicMeansEverybodyWithoutFixedLimits) {
  const auto is_public = [](std::string_view effect, std::string_view principal,
                            std::string_view condition) {
    const std::string json =
        bucket_policy(effect, principal, kGet, kAll,
                      condition.empty() ? "" : ",\"Condition\":" + std::string(condition));
    return (*Policy::parse(json, PolicyKind::kBucket, "b"))->is_public();
  };
  EXPECT_TRUE(is_public("Allow", R"("*")", ""));
  EXPECT_TRUE(is_public("Allow", R"({"AWS":"*"})", ""));
  EXPECT_FALSE(is_public("Deny", R"("*")", ""));
  EXPECT_FALSE(is_public("Allow", R"({"AWS":"000000000001"})", ""));
  EXPECT_FALSE(is_public("Allow", R"("*")", R"({"IpAddress":{"aws:SourceIp":"10.1.0.0/16"}})"));
  EXPECT_TRUE(is_public("Allow", R"("*")", R"({"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}})"));
  EXPECT_TRUE(is_public("Allow", R"("*")", R"({"NotIpAddress":{"aws:SourceIp":"10.1.0.0/16"}})"));
  EXPECT_TRUE(is_public("Allow", R"("*")", R"({"StringLike":{"aws:Referer":"http://x/*"}})"));
  EXPECT_FALSE(
      is_public("Allow", R"("*")", R"({"StringEquals":{"aws:PrincipalAccount":"000000000001"}})"));
  EXPECT_TRUE(is_public("Allow", R"("*")", R"({"StringLike":{"aws:PrincipalAccount":"*"}})"));
}

TEST(Policy, TellsWhetherItReadsTheTagsOfTheObject) {
  const auto reads = [](std::string_view condition) {
    const std::string json = bucket_policy("Allow", R"("*")", kGet, kAll, condition);
    return (*Policy::parse(json, PolicyKind::kBucket, "b"))->reads_object_tags();
  };
  EXPECT_FALSE(reads(""));
  EXPECT_TRUE(reads(R"(,"Condition":{"StringEquals":{"s3:ExistingObjectTag/Kind":"a"}})"));
}

TEST(Policy, VariablesAreTextInTheOldVersion) {
  const auto allows = [](const char* version, const char* resource) {
    const std::string json = std::string(R"({"Version":")") + version +
                             R"(","Statement":[{"Effect":"Allow","Action":"s3:GetObject",)" +
                             R"("Resource":"arn:aws:s3:::b/${aws:userid}"}]})";
    const auto policy = Policy::parse(json, PolicyKind::kIdentity);
    const TableKeys keys({});
    return (*policy)->evaluate({.action = "s3:GetObject", .resource = resource, .keys = &keys}) ==
           Verdict::kAllow;
  };
  EXPECT_TRUE(allows("2012-10-17", "arn:aws:s3:::b/anonymous"));
  EXPECT_FALSE(allows("2012-10-17", "arn:aws:s3:::b/${aws:userid}"));
  EXPECT_TRUE(allows("2008-10-17", "arn:aws:s3:::b/${aws:userid}"));
}

}  // namespace
}  // namespace cairn::iam
