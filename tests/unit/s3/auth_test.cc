// What the authenticator refuses, and with which code; what it accepts although it is unusual.
#include "s3/auth.h"

#include "base/dates.h"
#include "base/encoding.h"
#include "s3/sigv2.h"
#include "test_request.h"

namespace cairn::s3 {
namespace {

constexpr WallTime kNow{1767323045000};  // 2026-01-02T03:04:05Z

class AuthTest : public testing::Test {
 protected:
  AuthTest() { credentials_.add("AK/with/slash", "secret"); }

  TestRequest get() { return {"GET", "/bucket/key?x-id=GetObject", {{"Host", "localhost:9000"}}}; }
  TestRequest signed_get() {
    TestRequest request = get();
    request.sign(identity_, kEmptySha256, kNow);
    return request;
  }
  TestRequest presigned_get(uint32_t expires_seconds = 3600) {
    TestRequest request = get();
    request.presign(identity_, kNow, expires_seconds);
    return request;
  }
  std::string try_auth(TestRequest request) {
    return outcome(authenticate(authenticator_, request));
  }
  S3Error error_of(TestRequest request) {
    S3Result<AuthResult> result = authenticate(authenticator_, request);
    return result ? S3Error{S3Code::kCount, "accepted", {}} : result.error();
  }
  // A signed GET with one replacement in its Authorization header.
  TestRequest with_authorization(std::string_view from, std::string_view to) {
    TestRequest request = signed_get();
    std::string text(*request.view().header("authorization"));
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    request.set("Authorization", text);
    return request;
  }
  TestRequest with_param(std::string_view from, std::string_view to) {
    TestRequest request = presigned_get();
    std::string text = request.target();
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    request.set_target(text);
    return request;
  }

  SigningIdentity identity_{"AK/with/slash", "secret", "local", ""};
  FixedCredentials credentials_;
  StillClock clock_{kNow};
  Authenticator authenticator_{credentials_, clock_, {}};
};

TEST_F(AuthTest, AcceptsWhatTheSignerSigns) {
  EXPECT_EQ(try_auth(signed_get()), "ok");
  EXPECT_EQ(try_auth(presigned_get()), "ok");
  TestRequest anonymous = get();
  const S3Result<AuthResult> result = authenticate(authenticator_, anonymous);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->kind, AuthKind::kAnonymous);
  EXPECT_FALSE(result->identity);
}

TEST_F(AuthTest, RefusesEveryDamageOfAHeaderSignature) {
  struct Row {
    const char* from;
    const char* to;
    const char* code;
  };
  const Row rows[] = {
      {"AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256", "InvalidArgument"},
      {"AWS4-HMAC-SHA256", "Bearer", "InvalidArgument"},
      {"AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "NotImplemented"},
      {"Credential=", "Credentials=", "AuthorizationHeaderMalformed"},
      {"Signature=", "Sign=", "AuthorizationHeaderMalformed"},
      {", Signature=", ", Signature=,Signature=", "AuthorizationHeaderMalformed"},
      {"SignedHeaders=host;", "SignedHeaders=host;host;", "AuthorizationHeaderMalformed"},
      {"SignedHeaders=host;", "SignedHeaders=", "AccessDenied"},
      {";x-amz-date", "", "AccessDenied"},
      {"/20260102/", "/20260103/", "AuthorizationHeaderMalformed"},
      {"/20260102/", "/2026010/", "AuthorizationHeaderMalformed"},
      {"/20260102/", "/", "AuthorizationHeaderMalformed"},
      {"/s3/", "/ec2/", "AuthorizationHeaderMalformed"},
      {"aws4_request", "aws5_request", "AuthorizationHeaderMalformed"},
      {"/local/", "/other/", "SignatureDoesNotMatch"},
      {"AK/with/slash", "AK/with/slasH", "InvalidAccessKeyId"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.from) + " -> " + row.to);
    EXPECT_EQ(try_auth(with_authorization(row.from, row.to)), row.code);
  }
}

TEST_F(AuthTest, RefusesEveryChangeOfASignedRequest) {
  TestRequest other = signed_get();
  other.set_method("PUT");
  EXPECT_EQ(try_auth(other), "SignatureDoesNotMatch");
  other = signed_get();
  other.set_target("/bucket/kez?x-id=GetObject");
  EXPECT_EQ(try_auth(other), "SignatureDoesNotMatch");
  other = signed_get();
  other.set_target("/bucket/key?x-id=GetObject&acl");
  EXPECT_EQ(try_auth(other), "SignatureDoesNotMatch");
  other = signed_get();
  other.set("Host", "localhost:9001");
  EXPECT_EQ(try_auth(other), "SignatureDoesNotMatch");
  other = signed_get();
  other.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
  EXPECT_EQ(try_auth(other), "SignatureDoesNotMatch");
  other = signed_get();
  other.set("x-amz-content-sha256", "nonsense");
  EXPECT_EQ(try_auth(other), "InvalidArgument");
  for (const char* name : {"x-amz-acl", "X-Amz-Meta-Evil", "x-amz-copy-source"}) {
    other = signed_get();
    other.add(name, "x");
    const S3Error error = error_of(other);
    EXPECT_EQ(code_of(error), "AccessDenied") << name;
    EXPECT_EQ(field_of(error, "HeadersNotSigned"), name);
  }
  for (const char* name : {"x-amz-date", "x-amz-content-sha256"}) {
    other = signed_get();
    other.add(name, "20260102T030405Z");
    EXPECT_EQ(try_auth(other), "InvalidArgument") << name;
  }
  other = signed_get();
  other.add("User-Agent", "free to change");
  EXPECT_EQ(try_auth(other), "ok");
}

TEST_F(AuthTest, TheWrongSecretAndARotatedOneAreRefused) {
  TestRequest request = signed_get();
  EXPECT_EQ(try_auth(request), "ok");  // Its key is cached now.
  credentials_.at("AK/with/slash").secret = "rotated";
  EXPECT_EQ(try_auth(request), "SignatureDoesNotMatch");
  identity_.secret = "rotated";
  EXPECT_EQ(try_auth(signed_get()), "ok");
}

TEST_F(AuthTest, DatesAndSkew) {
  TestRequest request = signed_get();
  request.remove("x-amz-date");
  EXPECT_EQ(try_auth(request), "AccessDenied");
  request = signed_get();
  request.set("x-amz-date", "2026-01-02");
  EXPECT_EQ(try_auth(request), "AccessDenied");
  for (const int64_t minutes : {-15, 15}) {
    clock_.set({kNow.unix_ms + minutes * 60000});
    EXPECT_EQ(try_auth(signed_get()), "ok") << minutes;
    clock_.set({kNow.unix_ms + minutes * 60000 + (minutes > 0 ? 1000 : -1000)});
    const S3Error error = error_of(signed_get());
    EXPECT_EQ(code_of(error), "RequestTimeTooSkewed") << minutes;
    EXPECT_EQ(field_of(error, "MaxAllowedSkewMilliseconds"), "900000");
    EXPECT_EQ(field_of(error, "RequestTime"), "20260102T030405Z");
  }
}

TEST_F(AuthTest, MismatchTellsWhatWasSigned) {
  TestRequest request = signed_get();
  request.set("Host", "a");
  const S3Error error = error_of(request);
  EXPECT_EQ(field_of(error, "AWSAccessKeyId"), "AK/with/slash");
  EXPECT_EQ(field_of(error, "CanonicalRequest"),
            "GET\n/bucket/key\nx-id=GetObject\nhost:a\nx-amz-content-sha256:" +
                std::string(kEmptySha256) +
                "\nx-amz-date:20260102T030405Z\n\nhost;x-amz-content-sha256;x-amz-date\n" +
                std::string(kEmptySha256));
  EXPECT_TRUE(field_of(error, "CanonicalRequestBytes").starts_with("47 45 54 0a 2f"));
  EXPECT_TRUE(
      field_of(error, "StringToSign")
          .starts_with("AWS4-HMAC-SHA256\n20260102T030405Z\n20260102/local/s3/aws4_request\n"));
}

TEST_F(AuthTest, TwoMechanismsAreNone) {
  TestRequest request = presigned_get();
  request.add("Authorization", std::string(*signed_get().view().header("authorization")));
  EXPECT_EQ(try_auth(request), "InvalidArgument");
  request = signed_get();
  request.set_target("/bucket/key?x-id=GetObject&Signature=x");
  EXPECT_EQ(try_auth(request), "InvalidArgument");
  request = signed_get();
  request.add("authorization", "AWS a:b");
  EXPECT_EQ(try_auth(request), "InvalidArgument");
  request = presigned_get();
  request.set_target(request.target() + "&AWSAccessKeyId=x");
  EXPECT_EQ(try_auth(request), "InvalidArgument");
}

TEST_F(AuthTest, PresignedMatrix) {
  struct Row {
    const char* from;
    const char* to;
    const char* code;
  };
  const std::string q = "AuthorizationQueryParametersError";
  const Row rows[] = {
      {"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA1", q.c_str()},
      {"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256",
       "NotImplemented"},
      {"X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", q.c_str()},
      {"X-Amz-Expires=3600&", "", q.c_str()},
      {"X-Amz-Expires=3600", "X-Amz-Expires=abc", q.c_str()},
      {"X-Amz-Expires=3600", "X-Amz-Expires=", q.c_str()},
      {"X-Amz-Expires=3600", "X-Amz-Expires=-1", q.c_str()},
      {"X-Amz-Expires=3600", "X-Amz-Expires=604801", q.c_str()},
      {"X-Amz-Expires=3600", "X-Amz-Expires=99999999999999999999999", q.c_str()},
      {"X-Amz-Expires=3600", "X-Amz-Expires=0", "AccessDenied"},
      {"X-Amz-Expires=3600", "X-Amz-Expires=3601", "SignatureDoesNotMatch"},
      {"X-Amz-Date=20260102T030405Z", "X-Amz-Date=20260102", q.c_str()},
      {"X-Amz-Date=20260102T030405Z", "X-Amz-Date=20260103T030405Z", q.c_str()},
      {"X-Amz-Date=20260102T030405Z", "X-Amz-Date=20260102T032006Z", "AccessDenied"},
      {"%2Faws4_request", "%2Faws", q.c_str()},
      {"%2Fs3%2F", "%2Fsqs%2F", q.c_str()},
      {"AK%2Fwith", "XX%2Fwith", "InvalidAccessKeyId"},
      {"X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=date", "AccessDenied"},
      {"x-id=GetObject", "x-id=GetObject&X-Amz-Date=20260102T030405Z", q.c_str()},
      {"x-id=GetObject", "x-id=GetObject&x-amz-acl=private&X-Amz-Acl=public-read", q.c_str()},
      {"x-id=GetObject", "x-id=GetObject&x-amz-acl=private", "SignatureDoesNotMatch"},
      {"x-id=GetObject", "x-id=getObject", "SignatureDoesNotMatch"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.from) + " -> " + row.to);
    EXPECT_EQ(try_auth(with_param(row.from, row.to)), row.code);
  }
  TestRequest request = presigned_get();
  request.add("x-amz-acl", "public-read");
  EXPECT_EQ(try_auth(request), "AccessDenied");
}

TEST_F(AuthTest, PresignedExpires) {
  const TestRequest request = presigned_get(3600);
  clock_.set({kNow.unix_ms + 3599 * 1000});
  EXPECT_EQ(try_auth(request), "ok");
  clock_.set({kNow.unix_ms + 3600 * 1000});
  const S3Error error = error_of(request);
  EXPECT_EQ(error.text(), "Request has expired");
  EXPECT_EQ(field_of(error, "X-Amz-Expires"), "3600");
  EXPECT_EQ(field_of(error, "Expires"), "2026-01-02T04:04:05Z");
  EXPECT_EQ(field_of(error, "ServerTime"), "2026-01-02T04:04:05Z");
}

TEST_F(AuthTest, HoistedHeadersCountAndChecksumsInAQueryDoNot) {
  TestRequest request("PUT",
                      "/bucket/key?X-Amz-Acl=private&x-amz-checksum-crc32=AAAAAA%3D%3D&"
                      "x-amz-sdk-checksum-algorithm=CRC32&x-amz-meta-A=1",
                      {{"Host", "h"}});
  request.presign(identity_, kNow, 60);
  ASSERT_EQ(try_auth(request), "ok");
  const RequestView view = request.view();
  const Query query = *parse_query(view.query);
  EXPECT_EQ(effective_header(view, query, AuthKind::kV4Query, "x-amz-acl"), "private");
  EXPECT_EQ(effective_header(view, query, AuthKind::kV4Query, "x-amz-meta-a"), "1");
  EXPECT_EQ(effective_header(view, query, AuthKind::kV4Query, "x-amz-checksum-crc32"),
            std::nullopt);
  EXPECT_EQ(effective_header(view, query, AuthKind::kV4Query, "x-amz-sdk-checksum-algorithm"),
            std::nullopt);
  EXPECT_EQ(effective_header(view, query, AuthKind::kV4Header, "x-amz-acl"), std::nullopt);
}

TEST_F(AuthTest, CurlWithoutPayloadHash) {
  // Signed by hand over host;x-amz-date with the hash of nothing.
  TestRequest request("GET", "/bucket/key", {{"Host", "h"}, {"x-amz-date", "20260102T030405Z"}});
  const std::string canonical =
      "GET\n/bucket/key\n\nhost:h\nx-amz-date:20260102T030405Z\n\n"
      "host;x-amz-date\n" +
      std::string(kEmptySha256);
  const std::string scope = "20260102/local/s3/aws4_request";
  const std::string text = "AWS4-HMAC-SHA256\n20260102T030405Z\n" + scope + "\n" +
                           to_hex(crypto::sha256(as_bytes(canonical)));
  const std::string signature = to_hex(
      crypto::hmac_sha256(derive_signing_key("secret", "20260102", "local"), as_bytes(text)));
  request.add("Authorization", "AWS4-HMAC-SHA256 Credential=AK/with/slash/" + scope +
                                   ", SignedHeaders=host;x-amz-date, Signature=" + signature);
  S3Result<AuthResult> result = authenticate(authenticator_, request);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->payload.kind, PayloadKind::kUnsigned);
}

// Clients that sign another spelling of the same path: '~' as %7E, and raw sub-delimiters.
TEST_F(AuthTest, OtherSpellingsOfThePath) {
  TestRequest tilde("GET", "/bucket/%7Ekey", {{"Host", "h"}});
  tilde.sign(identity_, kEmptySha256, kNow);
  tilde.set_target("/bucket/~key");
  EXPECT_EQ(try_auth(tilde), "ok");
  TestRequest encoded("GET", "/bucket/a%2Bb%21%24%26%27%28%29%2A%3B%3D%3A%40", {{"Host", "h"}});
  encoded.sign(identity_, kEmptySha256, kNow);
  encoded.set_target("/bucket/a+b!$&'()*;=:@");
  EXPECT_EQ(try_auth(encoded), "ok");
}

TEST_F(AuthTest, ForwardedHostOnlyWhereTrusted) {
  TestRequest request = signed_get();
  request.set("Host", "inner");
  request.add("X-Forwarded-Host", "localhost:9000");
  EXPECT_EQ(try_auth(request), "SignatureDoesNotMatch");
  AuthConfig config;
  config.trust_forwarded_host = true;
  Authenticator behind_proxy(credentials_, clock_, config);
  EXPECT_EQ(outcome(authenticate(behind_proxy, request)), "ok");
}

TEST_F(AuthTest, StrictRegionNamesTheRightOne) {
  AuthConfig config;
  config.region = "eu-west-1";
  config.strict_region = true;
  Authenticator strict(credentials_, clock_, config);
  TestRequest request = signed_get();
  const S3Result<AuthResult> result = authenticate(strict, request);
  ASSERT_FALSE(result);
  EXPECT_EQ(code_of(result.error()), "AuthorizationHeaderMalformed");
  EXPECT_EQ(field_of(result.error(), "Region"), "eu-west-1");
  EXPECT_EQ(result.error().text(),
            "The authorization header is malformed; the region 'local' is wrong; expecting "
            "'eu-west-1'");
  identity_.region = "eu-west-1";
  request = signed_get();
  EXPECT_EQ(outcome(authenticate(strict, request)), "ok");
}

TEST_F(AuthTest, SessionTokens) {
  credentials_.at("AK/with/slash").session_token = "tok";
  EXPECT_EQ(try_auth(signed_get()), "InvalidToken");
  identity_.session_token = "tok";
  EXPECT_EQ(try_auth(signed_get()), "ok");
  EXPECT_EQ(try_auth(presigned_get()), "ok");
  credentials_.at("AK/with/slash").expires = kNow;
  EXPECT_EQ(try_auth(signed_get()), "ExpiredToken");
  credentials_.at("AK/with/slash").session_token.clear();
  EXPECT_EQ(try_auth(signed_get()), "InvalidToken");
}

TEST_F(AuthTest, StreamingPayloadsCarryTheSeed) {
  TestRequest request("PUT", "/bucket/key", {{"Host", "h"}});
  request.sign(identity_, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", kNow);
  S3Result<AuthResult> result = authenticate(authenticator_, request);
  ASSERT_TRUE(result);
  ASSERT_TRUE(result->chunk_signing);
  EXPECT_TRUE(
      request.view().header("authorization")->ends_with(result->chunk_signing->seed_signature));
  TestRequest anonymous(
      "PUT", "/bucket/key",
      {{"Host", "h"}, {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}});
  EXPECT_EQ(try_auth(anonymous), "InvalidRequest");
}

TEST_F(AuthTest, V2Matrix) {
  AuthConfig no_v2;
  no_v2.allow_v2 = false;
  Authenticator refusing(credentials_, clock_, no_v2);
  const auto v2_get = [&](std::string_view secret) {
    TestRequest request("GET", "/bucket/key", {{"Host", "h"}, {"Date", format_http_date(kNow)}});
    const std::string text = "GET\n\n\n" + format_http_date(kNow) + "\n/bucket/key";
    request.add("Authorization", "AWS AK/with/slash:" + v2_signature(secret, text));
    return request;
  };
  EXPECT_EQ(try_auth(v2_get("secret")), "ok");
  EXPECT_EQ(try_auth(v2_get("wrong")), "SignatureDoesNotMatch");
  TestRequest request = v2_get("secret");
  const S3Result<AuthResult> refused = authenticate(refusing, request);
  EXPECT_EQ(refused.error().text(),
            "The authorization mechanism you have provided is not supported. Please use "
            "AWS4-HMAC-SHA256.");
  request.set_target("/bucket/key?acl");
  EXPECT_EQ(try_auth(request), "SignatureDoesNotMatch");
  request = v2_get("secret");
  request.set("Authorization", "AWS nobody:xx");
  EXPECT_EQ(try_auth(request), "InvalidAccessKeyId");
  request.set("Authorization", "AWS nobody");
  EXPECT_EQ(try_auth(request), "InvalidArgument");
  request = v2_get("secret");
  request.remove("Date");
  EXPECT_EQ(try_auth(request), "AccessDenied");
  clock_.set({kNow.unix_ms + 901 * 1000});
  EXPECT_EQ(try_auth(v2_get("secret")), "RequestTimeTooSkewed");
}

TEST_F(AuthTest, V2Presigned) {
  const auto url = [&](int64_t expires_s) {
    const std::string number = std::to_string(expires_s);
    std::string encoded;
    append_uri_encoded(encoded, v2_signature("secret", "GET\n\n\n" + number + "\n/bucket/key"),
                       Slash::kEncode);
    return TestRequest(
        "GET",
        "/bucket/key?AWSAccessKeyId=AK%2Fwith%2Fslash&Expires=" + number + "&Signature=" + encoded,
        {{"Host", "h"}});
  };
  EXPECT_EQ(try_auth(url(kNow.unix_ms / 1000 + 1)), "ok");
  EXPECT_EQ(error_of(url(kNow.unix_ms / 1000)).text(), "Request has expired");
  TestRequest request = url(kNow.unix_ms / 1000 + 1);
  request.set_target(request.target() + "&Expires=1");
  EXPECT_EQ(try_auth(request), "AccessDenied");
  request.set_target("/bucket/key?Signature=x");
  EXPECT_EQ(try_auth(request), "AccessDenied");
}

// Parameters stand decoded in the string to sign of version 2, so other queries have the same one.
TEST_F(AuthTest, V2PresignedParametersCannotBeMergedIntoOne) {
  const std::string number = std::to_string(kNow.unix_ms / 1000 + 1);
  std::string signature;
  append_uri_encoded(signature,
                     v2_signature("secret", "GET\n\n\n" + number +
                                                "\nx-amz-acl:private\nx-amz-meta-a:b:c\n/bucket/key"
                                                "?response-content-type=a&versionId=3"),
                     Slash::kEncode);
  const auto verdict = [&](std::string_view acl_and_meta, std::string_view type_and_version) {
    TestRequest request("GET",
                        "/bucket/key?AWSAccessKeyId=AK%2Fwith%2Fslash&Expires=" + number +
                            "&Signature=" + signature + "&" + std::string(acl_and_meta) + "&" +
                            std::string(type_and_version),
                        {{"Host", "h"}});
    return try_auth(std::move(request));
  };
  constexpr std::string_view kLines = "x-amz-acl=private&x-amz-meta-a=b:c";
  constexpr std::string_view kResources = "response-content-type=a&versionId=3";
  EXPECT_EQ(verdict(kLines, kResources), "ok");
  EXPECT_EQ(verdict("x-amz-acl=private%0Ax-amz-meta-a:b:c", kResources), "AccessDenied");
  EXPECT_EQ(verdict("x-amz-acl:private%0Ax-amz-meta-a=b:c", kResources), "AccessDenied");
  EXPECT_EQ(verdict("x-amz-acl=private&x-amz-meta-a:b=c", kResources), "AccessDenied");
  EXPECT_EQ(verdict(kLines, "response-content-type=a%26versionId%3D3"), "AccessDenied");
  EXPECT_EQ(verdict(kLines, "response-content-type%3Da%26versionId=3"), "AccessDenied");
}

TEST_F(AuthTest, V2PresignedNamesOfFilesMayHoldAnAmpersand) {
  const std::string number = std::to_string(kNow.unix_ms / 1000 + 1);
  const std::string query = "response-content-disposition=attachment; filename=\"A & B&acl.pdf\"";
  const std::string text = "GET\n\n\n" + number + "\n/bucket/key?" + query;
  std::string target = "/bucket/key?AWSAccessKeyId=AK%2Fwith%2Fslash&Expires=" + number +
                       "&response-content-disposition=";
  append_uri_encoded(target, query.substr(query.find('=') + 1), Slash::kEncode);
  target += "&Signature=";
  append_uri_encoded(target, v2_signature("secret", text), Slash::kEncode);
  EXPECT_EQ(try_auth(TestRequest("GET", target, {{"Host", "h"}})), "ok");
}

TEST_F(AuthTest, PostForms) {
  TestRequest form("POST", "/bucket",
                   {{"Host", "h"}, {"Content-Type", "multipart/form-data; boundary=x"}});
  const S3Result<AuthResult> result = authenticate(authenticator_, form);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->kind, AuthKind::kPostForm);
  Authenticator::PostForm fields;
  fields.policy = "eyJjb25kaXRpb25zIjpbXX0=";
  fields.algorithm = "AWS4-HMAC-SHA256";
  fields.credential = "AK/with/slash/20260102/local/s3/aws4_request";
  fields.date = "20260102T030405Z";
  const std::string signature = sign_post_policy_v4(identity_, fields.policy, kNow);
  fields.signature = signature;
  EXPECT_EQ(outcome(authenticator_.verify_post_form(fields)), "ok");
  fields.policy = "eyJjb25kaXRpb25zIjpbXX1=";
  EXPECT_EQ(outcome(authenticator_.verify_post_form(fields)), "SignatureDoesNotMatch");
  fields.credential = "nobody/20260102/local/s3/aws4_request";
  EXPECT_EQ(outcome(authenticator_.verify_post_form(fields)), "InvalidAccessKeyId");
  Authenticator::PostForm v2;
  v2.policy = "cG9saWN5";
  v2.access_key = "AK/with/slash";
  const std::string v2_text = v2_signature("secret", v2.policy);
  v2.signature = v2_text;
  EXPECT_EQ(outcome(authenticator_.verify_post_form(v2)), "ok");
  v2.signature = "AAAA";
  EXPECT_EQ(outcome(authenticator_.verify_post_form(v2)), "SignatureDoesNotMatch");
}

}  // namespace
}  // namespace cairn::s3
