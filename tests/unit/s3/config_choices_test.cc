// Small documents: versioning, request payment, accelerate, encryption, logging. Each comes back as
// it was put, and each bad one is refused with S3's code.
#include "config_case.h"
#include "s3/config_encryption.h"
#include "s3/config_logging.h"
#include "s3/config_versioning.h"

namespace cairn::s3 {
namespace {

using object::Versioning;

std::string versioning(std::string_view inside) {
  return with_namespace("VersioningConfiguration", inside);
}

TEST(VersioningConfig, RoundTrips) {
  for (const std::string_view status : {"Enabled", "Suspended"}) {
    const std::string body = versioning("<Status>" + std::string(status) + "</Status>");
    const auto parsed = parse_versioning(body);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(write_versioning(*parsed), body);
  }
  EXPECT_EQ(write_versioning(Versioning::kUnversioned), versioning(""));
  EXPECT_EQ(
      parse_versioning(versioning("<MfaDelete>Disabled</MfaDelete><Status> Enabled\n</Status>")),
      Versioning::kEnabled);
}

TEST(VersioningConfig, RefusesBadDocuments) {
  const BadDocument rows[] = {
      {versioning(""), "IllegalVersioningConfigurationException"},
      {versioning("<Status/>"), "IllegalVersioningConfigurationException"},
      {versioning("<Status>enabled</Status>"), "MalformedXML"},
      {versioning("<Status>Enabled</Status><Status>Enabled</Status>"), "MalformedXML"},
      {versioning("<Status>Enabled</Status><Other/>"), "MalformedXML"},
      {versioning("<Status>Enabled</Status><MfaDelete>On</MfaDelete>"), "MalformedXML"},
      {versioning("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"), "NotImplemented"},
      {"<Versioning><Status>Enabled</Status></Versioning>", "MalformedXML"},
      {"", "MissingRequestBodyError"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_versioning(row.body), row);
}

TEST(RequestPaymentConfig, RoundTripsAndRefuses) {
  const auto document = [](std::string_view inside) {
    return with_namespace("RequestPaymentConfiguration", inside);
  };
  for (const std::string_view payer : {"BucketOwner", "Requester"}) {
    const std::string body = document("<Payer>" + std::string(payer) + "</Payer>");
    ASSERT_TRUE(parse_request_payment(body));
    EXPECT_EQ(write_request_payment(*parse_request_payment(body)), body);
  }
  for (const std::string_view inside : {"", "<Payer/>", "<Payer>Nobody</Payer>", "<A/>"}) {
    expect_refused(parse_request_payment(document(inside)), {{}, "MalformedXML"});
  }
}

TEST(AccelerateConfig, RoundTripsAndRefuses) {
  const auto document = [](std::string_view inside) {
    return with_namespace("AccelerateConfiguration", inside);
  };
  for (const std::string_view status : {"Enabled", "Suspended"}) {
    const std::string body = document("<Status>" + std::string(status) + "</Status>");
    ASSERT_TRUE(parse_accelerate(body));
    EXPECT_EQ(write_accelerate(*parse_accelerate(body)), body);
  }
  for (const std::string_view inside : {"", "<Status/>", "<Status>On</Status>", "<A/>"}) {
    expect_refused(parse_accelerate(document(inside)), {{}, "MalformedXML"});
  }
}

std::string encryption(std::string_view by_default, std::string_view more = {}) {
  return with_namespace("ServerSideEncryptionConfiguration",
                        "<Rule><ApplyServerSideEncryptionByDefault>" + std::string(by_default) +
                            "</ApplyServerSideEncryptionByDefault>" + std::string(more) +
                            "</Rule>");
}

TEST(EncryptionConfig, RoundTrips) {
  const std::string bodies[] = {
      encryption("<SSEAlgorithm>AES256</SSEAlgorithm>",
                 "<BucketKeyEnabled>false</BucketKeyEnabled>"),
      encryption("<SSEAlgorithm>aws:kms</SSEAlgorithm>",
                 "<BucketKeyEnabled>true</BucketKeyEnabled>"),
      encryption("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>k-1</KMSMasterKeyID>",
                 "<BucketKeyEnabled>true</BucketKeyEnabled>"),
      encryption("<SSEAlgorithm>AES256</SSEAlgorithm>",
                 "<BucketKeyEnabled>false</BucketKeyEnabled><BlockedEncryptionTypes>"
                 "<EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>"),
      encryption("<SSEAlgorithm>AES256</SSEAlgorithm>",
                 "<BucketKeyEnabled>false</BucketKeyEnabled><BlockedEncryptionTypes>"
                 "<EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes>")};
  for (const std::string& body : bodies) {
    const auto config = parse_encryption(body);
    ASSERT_TRUE(config) << body;
    EXPECT_EQ(write_encryption(*config), body);
  }
}

TEST(EncryptionConfig, RefusesBadDocuments) {
  const std::string aes = "<SSEAlgorithm>AES256</SSEAlgorithm>";
  const BadDocument rows[] = {
      {with_namespace("ServerSideEncryptionConfiguration", ""), "MalformedXML"},
      {with_namespace("ServerSideEncryptionConfiguration", "<Rule/>"), "MalformedXML"},
      {encryption(""), "MalformedXML"},
      {encryption("<SSEAlgorithm>AES128</SSEAlgorithm>"), "MalformedXML"},
      {encryption(aes, "<BucketKeyEnabled>1</BucketKeyEnabled>"), "MalformedXML"},
      {encryption(aes, "<Other/>"), "MalformedXML"},
      {encryption("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID/>"), "MalformedXML"},
      {encryption(aes + "<KMSMasterKeyID>k</KMSMasterKeyID>"), "InvalidArgument", "not applicable"},
      {encryption("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>"), "NotImplemented"},
      {encryption(aes,
                  "<BlockedEncryptionTypes><EncryptionType>AES256</EncryptionType>"
                  "</BlockedEncryptionTypes>"),
       "MalformedXML"},
      {encryption(aes, "<BlockedEncryptionTypes/>"), "MalformedXML"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_encryption(row.body), row);
  // What is blocked may be all that a rule says.
  const auto blocked = parse_encryption(
      with_namespace("ServerSideEncryptionConfiguration",
                     "<Rule><BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType>"
                     "</BlockedEncryptionTypes></Rule>"));
  ASSERT_TRUE(blocked);
  EXPECT_TRUE(blocked->blocks_customer_keys);
  EXPECT_EQ(blocked->algorithm, DefaultEncryption::kAes256);
}

std::string logging(std::string_view inside) {
  return with_namespace("BucketLoggingStatus", inside);
}
constexpr std::string_view kTarget =
    "<TargetBucket>logs</TargetBucket><TargetPrefix>a/</TargetPrefix>";

TEST(LoggingConfig, RoundTrips) {
  const std::string bodies[] = {
      logging(""),
      logging("<LoggingEnabled>" + std::string(kTarget) + "</LoggingEnabled>"),
      logging("<LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix></TargetPrefix>"
              "</LoggingEnabled>"),
      logging("<LoggingEnabled>" + std::string(kTarget) +
              "<TargetObjectKeyFormat><SimplePrefix></SimplePrefix></TargetObjectKeyFormat>"
              "</LoggingEnabled>"),
      logging("<LoggingEnabled>" + std::string(kTarget) +
              "<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime"
              "</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>"
              "</LoggingEnabled>"),
  };
  for (const std::string& body : bodies) {
    const auto target = parse_logging(body);
    ASSERT_TRUE(target) << body;
    EXPECT_EQ(write_logging(*target), body);
  }
}

TEST(LoggingConfig, RefusesBadDocuments) {
  const auto enabled = [](std::string_view inside) {
    return logging("<LoggingEnabled>" + std::string(inside) + "</LoggingEnabled>");
  };
  const std::string target(kTarget);
  const BadDocument rows[] = {
      {logging("<Other/>"), "MalformedXML"},
      {enabled(""), "MalformedXML"},
      {enabled("<TargetBucket>a</TargetBucket>"), "MalformedXML"},
      {enabled("<TargetPrefix>a</TargetPrefix>"), "MalformedXML"},
      {enabled("<TargetBucket/><TargetPrefix/>"), "MalformedXML"},
      {enabled(target + "<TargetObjectKeyFormat/>"), "MalformedXML"},
      {enabled(target + "<TargetObjectKeyFormat><SimplePrefix/><PartitionedPrefix/>"
                        "</TargetObjectKeyFormat>"),
       "MalformedXML"},
      {enabled(target + "<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>Now"
                        "</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>"),
       "MalformedXML"},
      {enabled(target + "<TargetGrants><Grant/></TargetGrants>"), "NotImplemented"},
      {enabled("<TargetBucket>a</TargetBucket><TargetPrefix>" + repeated("p", 1025) +
               "</TargetPrefix>"),
       "MalformedXML"},
  };
  for (const BadDocument& row : rows) expect_refused(parse_logging(row.body), row);
}

}  // namespace
}  // namespace cairn::s3
