// Goal: PostObject lets nothing reach the object layer that its form does not prove. Method: one
// right form, which must get as far as the object layer, and single changes to it, which must not.
#include "base/dates.h"
#include "base/encoding.h"
#include "door_fixture.h"
#include "s3/sigv2.h"
#include "s3/sigv4.h"

namespace cairn::s3 {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct DoorPost : DoorFixture {
  // Fields of a V4 form, the policy covering each of them.
  Fields signed_fields(Fields fields, std::string expiration = "2026-01-02T04:00:00Z") const {
    const std::string date = format_amz_date(clock.wall_now());
    fields.emplace_back("x-amz-algorithm", "AWS4-HMAC-SHA256");
    fields.emplace_back("x-amz-credential", std::string(kAwsAccessKey) + "/" + date.substr(0, 8) +
                                                "/us-east-1/s3/aws4_request");
    fields.emplace_back("x-amz-date", date);
    const std::string policy = policy_for(fields, std::move(expiration));
    fields.emplace_back("policy", policy);
    fields.emplace_back("x-amz-signature", sign_post_policy_v4(signer(), policy, clock.wall_now()));
    return fields;
  }
  static std::string policy_for(const Fields& fields, std::string expiration) {
    std::string text = "{\"expiration\": \"" + expiration + "\", \"conditions\": [" +
                       "{\"bucket\": \"bucket\"}, [\"content-length-range\", 1, 10]";
    for (const auto& [name, value] : fields) {
      text += ", {\"" + name + "\": \"" + value + "\"}";
    }
    return to_base64(as_bytes(text + "]}"));
  }
  static std::string body_of(const Fields& fields, std::string_view file = "12345",
                             std::string_view file_name = "f.txt") {
    std::string body;
    for (const auto& [name, value] : fields) {
      body +=
          "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
    }
    body += "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" +
            std::string(file_name) + "\"\r\n\r\n";
    return body + std::string(file) + "\r\n--b--\r\n";
  }
  std::unique_ptr<MemoryExchange> post(std::string body, std::string target = "/bucket",
                                       std::string type = "multipart/form-data; boundary=b") {
    TestRequest request("POST", std::move(target),
                        {{"Host", "localhost:9000"}, {"Content-Type", std::move(type)}});
    return serve(request, std::move(body));
  }
  void expect_refused(std::string body, int status, std::string_view words) {
    objects.calls = objects.lookups = 0;
    const auto exchange = post(std::move(body));
    EXPECT_EQ(exchange->status, status) << exchange->reply;
    EXPECT_NE(exchange->reply.find(words), std::string::npos) << exchange->reply;
    EXPECT_EQ(objects.calls, objects.lookups);
  }
  static void set(Fields& fields, std::string_view name, std::string value) {
    for (auto& field : fields) {
      if (field.first == name) field.second = std::move(value);
    }
  }
  static void drop(Fields& fields, std::string_view name) {
    std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  }
};

TEST_F(DoorPost, TheRightFormReachesTheObjects) {
  const auto exchange = post(body_of(signed_fields({{"key", "k"}})));
  EXPECT_EQ(exchange->status, 503) << exchange->reply;  // What the counting objects answer.
  EXPECT_TRUE(exchange->continued);
  EXPECT_EQ(objects.calls, 2U);  // The bucket and the put.
  Fields v2 = {{"key", "k"}};
  const std::string policy = policy_for(v2, "2026-01-02T04:00:00Z");
  v2.emplace_back("AWSAccessKeyId", kAwsAccessKey);
  v2.emplace_back("signature", v2_signature(kAwsSecret, policy));
  v2.emplace_back("policy", policy);
  objects.calls = 0;
  EXPECT_EQ(post(body_of(v2))->status, 503);
  EXPECT_EQ(objects.calls, 2U);
}

TEST_F(DoorPost, EverySignatureFieldIsChecked) {
  const Fields right = signed_fields({{"key", "k"}});
  const std::pair<std::string_view, std::string_view> names[] = {
      {"x-amz-algorithm", "X-Amz-Algorithm"},
      {"x-amz-credential", "X-Amz-Credential"},
      {"x-amz-date", "X-Amz-Date"},
      {"x-amz-signature", "X-Amz-Signature"},
      {"policy", "policy"}};
  for (const auto& [name, shown] : names) {
    Fields fields = right;
    drop(fields, name);
    expect_refused(body_of(fields), 400,
                   "Bucket POST must contain a field named &apos;" + std::string(shown) + "&apos;");
  }
  const std::tuple<std::string_view, std::string_view, int, std::string_view> wrong[] = {
      {"x-amz-algorithm", "AWS4-ECDSA-P256-SHA256", 400, "Only AWS4-HMAC-SHA256 is supported"},
      {"x-amz-credential", "no-slashes", 400, "the Credential is mal-formed"},
      {"x-amz-credential", "nobody/20260102/us-east-1/s3/aws4_request", 403, "InvalidAccessKeyId"},
      {"x-amz-date", "today", 400, "X-Amz-Date must be formated via ISO8601 Long format"},
      {"x-amz-signature", "00", 403, "SignatureDoesNotMatch"},
      {"policy", "e30=", 403, "SignatureDoesNotMatch"},
  };
  for (const auto& [name, value, status, words] : wrong) {
    Fields fields = right;
    set(fields, name, std::string(value));
    expect_refused(body_of(fields), status, words);
  }
}

TEST_F(DoorPost, NothingBesideThePolicyGetsIn) {
  const Fields right = signed_fields({{"key", "k"}, {"acl", "private"}, {"x-amz-meta-a", "1"}});
  for (const std::string_view name : {"key", "acl", "x-amz-meta-a"}) {
    Fields fields = right;
    set(fields, name, "other");
    expect_refused(body_of(fields), 403, "Policy Condition failed");
    fields = right;
    drop(fields, name);
    expect_refused(body_of(fields), 403, "Policy Condition failed");
  }
  for (const std::string_view name :
       {"Content-Type", "x-amz-meta-b", "tagging", "success_action_redirect", "x-amz-acl",
        "x-amz-storage-class", "x-amz-server-side-encryption", "x-amz-checksum-crc32"}) {
    Fields fields = right;
    fields.emplace_back(name, "value");
    expect_refused(body_of(fields), 403, "Extra input fields: " + std::string(name));
  }
  expect_refused(body_of(signed_fields({{"key", "k"}}, "2026-01-02T03:04:05Z")), 403,
                 "Policy expired");
}

TEST_F(DoorPost, KeysAreCheckedLikeThoseOfUrls) {
  expect_refused(body_of(signed_fields({{"acl", "private"}})), 400,
                 "must contain a field named &apos;key&apos;");
  expect_refused(body_of(signed_fields({{"key", std::string(1025, 'k')}})), 400, "KeyTooLong");
}

// Before anybody has signed: a form of 20 KiB stays one.
TEST_F(DoorPost, AFileNamePutInManyTimesDoesNotMakeAFormLongerThanFormsMayBe) {
  std::string variables;
  for (int i = 0; i < 800; ++i) variables += "${filename}";
  const Fields fields = {{"key", "${filename}"}, {"x-amz-meta-a", variables}};
  expect_refused(body_of(fields, "12345", std::string(10'000, 'n')), 400,
                 "MaxPostPreDataLengthExceeded");
  // As often, and short: refused for what it is, an unsigned form.
  expect_refused(body_of(fields, "12345", "n"), 403, "AccessDenied");
}

TEST_F(DoorPost, UnsignedFormsAndOtherBodiesAreRefused) {
  expect_refused(body_of({{"key", "k"}}), 403, "AccessDenied");
  EXPECT_EQ(objects.calls, 1U);  // Whose bucket it is decides who may post.
  expect_refused("--b--\r\n", 400, "POST requires exactly one file upload per request.");
  expect_refused("not a form", 400, "MalformedPOSTRequest");
  EXPECT_EQ(post("{}", "/bucket", "application/json")->status, 412);
  EXPECT_EQ(post("x", "/bucket", "multipart/form-data")->status, 400);
  EXPECT_EQ(post(body_of({}), "/bucket?delete")->status, 403);
  EXPECT_EQ(objects.calls, 0U);
}

TEST_F(DoorPost, FormsAreNotSignedInHeaders) {
  TestRequest request(
      "POST", "/bucket",
      {{"Host", "localhost:9000"}, {"Content-Type", "multipart/form-data; boundary=b"}});
  request.sign(signer(), "UNSIGNED-PAYLOAD", clock.wall_now());
  EXPECT_EQ(serve(request, body_of({{"key", "k"}}))->status, 400);
  EXPECT_EQ(objects.calls, 0U);
}

}  // namespace
}  // namespace cairn::s3
