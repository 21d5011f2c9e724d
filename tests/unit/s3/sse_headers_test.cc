// Headers of server-side encryption, by tables (S3.md 2.3 "SSE").
#include "s3/sse_headers.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "crypto/digest.h"

namespace cairn::s3 {
namespace {

constexpr crypto::TenantId kTenant{1};
constexpr std::string_view kKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr std::string_view kKeyMd5 = "tP/LI3N87DFaSk0aoqYgzg==";

std::string text_of(const S3Error& error) {
  return std::string(code_info(error.code).name) + ": " + std::string(error.text());
}

TEST(CustomerKey, IsTakenWholeOrNotAtAll) {
  const S3Result<crypto::SseKeyPointer> none = parse_customer_key({}, false);
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ(*none, nullptr);
  const S3Result<crypto::SseKeyPointer> key = parse_customer_key({"AES256", kKey, kKeyMd5}, true);
  ASSERT_TRUE(key.has_value()) << text_of(key.error());
  EXPECT_EQ((*key)->kind, crypto::SseKind::kCustomer);
  EXPECT_EQ(to_base64((*key)->secret.view()), kKey);
}

TEST(CustomerKey, TableOfRefusals) {
  struct Row {
    CustomerKeyHeaders headers;
    bool secure;
    const char* expected;
  };
  const std::string short_key = to_base64(Bytes(31, 1));
  const std::string long_key = to_base64(Bytes(33, 1));
  const auto md5_of = [](BytesView key) {
    return to_base64(crypto::digest_of(crypto::DigestKind::kMd5, key).view());
  };
  const std::string short_md5 = md5_of(Bytes(31, 1));
  const std::string long_md5 = md5_of(Bytes(33, 1));
  const std::string other_md5 = to_base64(Bytes(16, 1));
  const Row rows[] = {
      {{"AES256", kKey, kKeyMd5},
       false,
       "InvalidRequest: Requests specifying Server Side Encryption "
       "with Customer provided keys must be made over a secure connection."},
      {{{}, kKey, kKeyMd5},
       true,
       "InvalidArgument: Requests specifying Server Side Encryption with "
       "Customer provided keys must provide a valid encryption algorithm."},
      {{"AES256", {}, kKeyMd5},
       true,
       "InvalidArgument: Requests specifying Server Side Encryption "
       "with Customer provided keys must provide an appropriate secret key."},
      {{"AES256", kKey, {}},
       true,
       "InvalidArgument: Requests specifying Server Side Encryption with "
       "Customer provided keys must provide the client calculated MD5 of the secret key."},
      {{"AES128", kKey, kKeyMd5},
       true,
       "InvalidEncryptionAlgorithmError: The Encryption request you specified is not valid. "
       "Supported value: AES256."},
      {{"", kKey, kKeyMd5},
       true,
       "InvalidEncryptionAlgorithmError: The Encryption request you specified is not valid. "
       "Supported value: AES256."},
      {{"AES256", short_key, short_md5},
       true,
       "InvalidArgument: The secret key was invalid for the specified algorithm."},
      {{"AES256", short_key, kKeyMd5},
       true,
       "InvalidArgument: The calculated MD5 hash of the key did "
       "not match the hash that was provided."},
      {{"AES256", long_key, long_md5},
       true,
       "InvalidArgument: The secret key was invalid for the specified algorithm."},
      {{"AES256", "!", kKeyMd5},
       true,
       "InvalidArgument: The secret key was invalid for the specified algorithm."},
      {{"AES256", kKey, other_md5},
       true,
       "InvalidArgument: The calculated MD5 hash of the key did "
       "not match the hash that was provided."},
      {{"AES256", kKey, "x"},
       true,
       "InvalidArgument: The calculated MD5 hash of the key did not "
       "match the hash that was provided."},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.expected);
    const S3Result<crypto::SseKeyPointer> key = parse_customer_key(row.headers, row.secure);
    ASSERT_FALSE(key.has_value());
    EXPECT_EQ(text_of(key.error()), row.expected);
  }
}

TEST(KmsKeyName, TableOfNames) {
  const std::pair<const char*, const char*> good[] = {
      {"1234abcd-12ab-34cd-56ef-1234567890ab", "1234abcd-12ab-34cd-56ef-1234567890ab"},
      {"testkey-1", "testkey-1"},
      {"alias/aws/s3", "alias/aws/s3"},
      {"arn:aws:kms:us-east-1:000000000001:key/abc", "abc"},
      {"arn:aws:kms:us-east-1:000000000001:alias/mine", "alias/mine"},
      {"arn:aws-cn:kms:us-east-1:000000000001:key/abc", "abc"},
  };
  for (const auto& [given, expected] : good) {
    EXPECT_EQ(parse_kms_key_name(given, kTenant, "us-east-1").value_or("refused"), expected)
        << given;
  }
  const std::string too_long(crypto::kKmsNameBytesMax + 1, 'a');
  const std::string_view bad[] = {"arn:aws:kms:elsewhere:000000000001:key/abc",
                                  "arn:aws:kms:us-east-1:000000000002:key/abc",
                                  "arn:aws:s3:us-east-1:000000000001:key/abc",
                                  "arn:aws:kms:us-east-1:000000000001:abc",
                                  "arn:aws:kms:us-east-1:000000000001:key/",
                                  "arn:aws:kms:us-east-1:000000000001:key/alias/x",
                                  "arn:aws:kms:us-east-1",
                                  "",
                                  "a b",
                                  too_long};
  for (const std::string_view given : bad) {
    const S3Result<std::string> name = parse_kms_key_name(given, kTenant, "us-east-1");
    ASSERT_FALSE(name.has_value()) << given;
    EXPECT_EQ(name.error().code, S3Code::kKmsNotFound);
  }
}

TEST(EncryptionContext, IsKeptInOneForm) {
  const auto of = [](std::string_view json) {
    return parse_encryption_context(to_base64(as_bytes(json))).value_or("refused");
  };
  EXPECT_EQ(of("{ \"b\" : \"2\", \"a\":\"1\" }"), "{\"a\":\"1\",\"b\":\"2\"}");
  EXPECT_EQ(of("{}"), "");
  EXPECT_EQ(of("{\"a\":1}"), "refused");
  EXPECT_EQ(of("{\"a\":{}}"), "refused");
  EXPECT_EQ(of("[\"a\"]"), "refused");
  EXPECT_EQ(of("{"), "refused");
  EXPECT_EQ(of("{\"a\":\"\xff\"}"), "refused");
  EXPECT_EQ(of(std::string(100'000, '[')), "refused");
  EXPECT_FALSE(parse_encryption_context("{}").has_value());
}

TEST(EncryptionHeaders, TableOfWrites) {
  struct Row {
    EncryptionHeaders headers;
    bool with_customer_key;
    const char* expected;
  };
  const std::string context = to_base64(as_bytes("{\"a\":\"b\"}"));
  const Row rows[] = {
      {{}, false, "tenant"},
      {{"AES256", {}, {}, {}}, false, "tenant"},
      {{}, true, "customer"},
      {{"aws:kms", {}, {}, {}}, false, "kms  "},
      {{"aws:kms", "key", context, "true"}, false, "kms key {\"a\":\"b\"} bucket-key"},
      {{"aws:kms", "alias/x", {}, "False"}, false, "kms alias/x "},
      {{"aws:kms", {}, {}, "yes"}, false, "InvalidArgument"},
      {{"aws:kms", {}, "{}", {}}, false, "InvalidArgument"},
      {{"aws:kms", "a b", {}, {}}, false, "KMS.NotFoundException"},
      {{"aws:kms:dsse", {}, {}, {}}, false, "NotImplemented"},
      {{"AES128", {}, {}, {}}, false, "InvalidArgument"},
      {{"", {}, {}, {}}, false, "InvalidArgument"},
      {{{}, "key", {}, {}}, false, "InvalidArgument"},
      {{"AES256", "key", {}, {}}, false, "InvalidArgument"},
      {{{}, {}, context, {}}, false, "InvalidArgument"},
      {{"AES256", {}, {}, {}}, true, "InvalidArgument"},
      {{"aws:kms", "key", {}, {}}, true, "InvalidArgument"},
      {{{}, "key", {}, {}}, true, "InvalidArgument"},
  };
  const auto shown = [](const S3Result<object::SseRequest>& request) -> std::string {
    if (!request) return std::string(code_info(request.error().code).name);
    if (request->kind == crypto::SseKind::kTenant) return "tenant";
    if (request->kind == crypto::SseKind::kCustomer) return "customer";
    return "kms " + request->kms_key + " " + request->kms_context +
           (request->bucket_key ? " bucket-key" : "");
  };
  for (size_t i = 0; i < std::size(rows); ++i) {
    crypto::SseKeyPointer key;
    if (rows[i].with_customer_key) key = *parse_customer_key({"AES256", kKey, kKeyMd5}, true);
    EXPECT_EQ(shown(parse_encryption_headers(rows[i].headers, key, kTenant, "us-east-1")),
              rows[i].expected)
        << "row " << i;
  }
}

TEST(ShownKmsKey, UuidsAreArnsAndNamesAreNames) {
  EXPECT_EQ(shown_kms_key("1234abcd-12ab-34cd-56ef-1234567890ab", kTenant, "eu-west-1"),
            "arn:aws:kms:eu-west-1:000000000001:key/1234abcd-12ab-34cd-56ef-1234567890ab");
  EXPECT_EQ(shown_kms_key("testkey-1", kTenant, "eu-west-1"), "testkey-1");
}

}  // namespace
}  // namespace cairn::s3
