// Signatures made by others: the examples of AWS's documentation, and a table made by botocore.
#include <fstream>

#include "base/dates.h"
#include "s3/sigv2.h"
#include "test_request.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kAwsDate = "20130524T000000Z";
constexpr std::string_view kScopeText = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";

struct Example {
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string payload, signed_headers, signature;
};

TestRequest request_of(const Example& example, std::string_view signature) {
  TestRequest request(example.method, example.target, example.headers);
  request.add("Host", "examplebucket.s3.amazonaws.com");
  request.add("x-amz-date", std::string(kAwsDate));
  request.add("x-amz-content-sha256", example.payload);
  request.add("Authorization", "AWS4-HMAC-SHA256 Credential=" + std::string(kScopeText) +
                                   ",SignedHeaders=" + example.signed_headers +
                                   ",Signature=" + std::string(signature));
  return request;
}

TEST(SigV4Examples, AwsHeaderExamplesVerifyAndAnyOtherSignatureDoesNot) {
  const std::vector<Example> examples = {
      {"GET",
       "/test.txt",
       {{"Range", "bytes=0-9"}},
       std::string(kEmptySha256),
       "host;range;x-amz-content-sha256;x-amz-date",
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"PUT",
       "/test$file.text",
       {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
       "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
       "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"GET",
       "/?lifecycle",
       {},
       std::string(kEmptySha256),
       "host;x-amz-content-sha256;x-amz-date",
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"GET",
       "/?max-keys=2&prefix=J",
       {},
       std::string(kEmptySha256),
       "host;x-amz-content-sha256;x-amz-date",
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
  };
  FixedCredentials credentials;
  credentials.add(kAwsAccessKey, kAwsSecret);
  const StillClock clock(*parse_amz_date(kAwsDate));
  Authenticator authenticator(credentials, clock, {});
  for (const Example& example : examples) {
    SCOPED_TRACE(example.target);
    // Twice: derived key, then cached key.
    for (int round = 0; round < 2; ++round) {
      TestRequest good = request_of(example, example.signature);
      const S3Result<AuthResult> result = authenticate(authenticator, good);
      ASSERT_TRUE(result) << field_of(result.error(), "CanonicalRequest");
      EXPECT_EQ(result->kind, AuthKind::kV4Header);
      EXPECT_EQ(result->identity->access_key, kAwsAccessKey);
      EXPECT_EQ(result->payload.kind, PayloadKind::kHashed);
    }
    std::string damaged = example.signature;
    damaged[63] = damaged[63] == '0' ? '1' : '0';
    TestRequest bad = request_of(example, damaged);
    EXPECT_EQ(outcome(authenticate(authenticator, bad)), "SignatureDoesNotMatch");
  }
}

TEST(SigV4Examples, AwsPresignedExample) {
  FixedCredentials credentials;
  credentials.add(kAwsAccessKey, kAwsSecret);
  StillClock clock(*parse_amz_date(kAwsDate));
  Authenticator authenticator(credentials, clock, {});
  const std::string query =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-"
      "1"
      "%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders="
      "host";
  const std::string signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
  TestRequest request("GET", "/test.txt?" + query + "&X-Amz-Signature=" + signature,
                      {{"Host", "examplebucket.s3.amazonaws.com"}});
  const S3Result<AuthResult> result = authenticate(authenticator, request);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->kind, AuthKind::kV4Query);
  EXPECT_EQ(result->payload.kind, PayloadKind::kUnsigned);
  request.set_method("HEAD");
  EXPECT_EQ(outcome(authenticate(authenticator, request)), "SignatureDoesNotMatch");

  // The signer makes the same URL.
  TestRequest unsigned_request("GET", "/test.txt", {{"Host", "examplebucket.s3.amazonaws.com"}});
  const SigningIdentity identity{std::string(kAwsAccessKey), std::string(kAwsSecret), "us-east-1",
                                 ""};
  EXPECT_EQ(presign_v4(identity, unsigned_request.view(), clock.wall_now(), 86400),
            query + "&X-Amz-Signature=" + signature);
}

TEST(SigV2Examples, AwsDocumentation) {
  struct V2Example {
    std::string method, path, date, content_type, signature;
  };
  const std::vector<V2Example> examples = {
      {"GET", "/photos/puppy.jpg", "Tue, 27 Mar 2007 19:36:42 +0000", "",
       "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="},
      {"PUT", "/photos/puppy.jpg", "Tue, 27 Mar 2007 21:15:45 +0000", "image/jpeg",
       "iqRzw+ileNPu1fhspnRs8nOjjIA="},
      {"GET", "/?prefix=photos&max-keys=50&marker=puppy", "Tue, 27 Mar 2007 19:42:41 +0000", "",
       "m0WP8eCtspQl5Ahe6L1SozdX9YA="},
      {"GET", "/?acl", "Tue, 27 Mar 2007 19:44:46 +0000", "", "82ZHiFIjc+WbcwFKGUVEQspPn+0="},
  };
  FixedCredentials credentials;
  credentials.add(kAwsAccessKey, kAwsSecret);
  const std::vector<std::string> domains = {"us-west-1.s3.amazonaws.com"};
  for (const V2Example& example : examples) {
    SCOPED_TRACE(example.path);
    const StillClock clock(*parse_http_date(example.date));
    Authenticator authenticator(credentials, clock, {});
    TestRequest request(example.method, example.path,
                        {{"Host", "awsexamplebucket1.us-west-1.s3.amazonaws.com"},
                         {"Date", example.date},
                         {"Authorization", "AWS AKIAIOSFODNN7EXAMPLE:" + example.signature}});
    if (!example.content_type.empty()) request.add("Content-Type", example.content_type);
    const S3Result<AuthResult> result = authenticate(authenticator, request, domains);
    ASSERT_TRUE(result) << field_of(result.error(), "StringToSign");
    EXPECT_EQ(result->kind, AuthKind::kV2Header);
    request.add("x-amz-acl", "public-read");
    EXPECT_EQ(outcome(authenticate(authenticator, request, domains)), "SignatureDoesNotMatch");
  }
}

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : line) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "\\x") == 0) {
      out += static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Every row verifies, and fails once its method is another.
TEST(BotocoreTable, EverySignatureVerifiesAndNoneForAnotherMethod) {
  std::ifstream file(CAIRN_S3_TEST_DATA "/botocore_signatures.txt");
  ASSERT_TRUE(file);
  const StillClock clock(*parse_amz_date("20260102T030405Z"));
  std::map<std::string, int> counts;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    SCOPED_TRACE(line);
    std::vector<std::string> fields = split(line, '|');
    ASSERT_GE(fields.size(), 6U);
    for (std::string& field : fields) field = unescaped(field);
    FixedCredentials credentials;
    credentials.add("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", fields[5]);
    Authenticator authenticator(credentials, clock, {});
    TestRequest request(fields[1], fields[3] + "?" + fields[4], {{"Host", fields[2]}});
    // A presigned V2 URL carries everything in the query; botocore's own headers are not sent.
    for (size_t i = 6; i < fields.size() && fields[0] != "v2q"; ++i) {
      const size_t colon = fields[i].find(':');
      request.add(fields[i].substr(0, colon), std::string(trimmed(fields[i].substr(colon + 1))));
    }
    const S3Result<AuthResult> result = authenticate(authenticator, request);
    ASSERT_TRUE(result) << code_of(result.error()) << " " << result.error().text() << "\n"
                        << field_of(result.error(), "StringToSign") << "\n"
                        << field_of(result.error(), "CanonicalRequest");
    ++counts[fields[0]];
    request.set_method("OPTIONS");
    EXPECT_EQ(outcome(authenticate(authenticator, request)), "SignatureDoesNotMatch");
  }
  for (const char* kind : {"v4", "v4q", "v2", "v2q"}) EXPECT_GE(counts[kind], 50) << kind;
}

}  // namespace
}  // namespace cairn::s3
