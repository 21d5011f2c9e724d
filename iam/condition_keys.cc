#include "iam/condition_keys.h"

#include <algorithm>
#include <iterator>

namespace cairn::iam {
namespace {

constexpr std::string_view kS3Keys[] = {
    "s3:accesspointnetworkorigin",
    "s3:authtype",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:delimiter",
    "s3:if-match",
    "s3:if-none-match",
    "s3:inventoryaccessibleoptionalfields",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:object-lock-legal-hold",
    "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date",
    "s3:objectcreationoperation",
    "s3:prefix",
    "s3:requestobjecttagkeys",
    "s3:resourceaccount",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:versionid",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-object-ownership",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-server-side-encryption-customer-algorithm",
    "s3:x-amz-storage-class",
    "s3:x-amz-website-redirect-location",
};

constexpr std::string_view kAwsKeys[] = {
    "aws:currenttime",     "aws:epochtime",     "aws:principalaccount", "aws:principalarn",
    "aws:principaltype",   "aws:referer",       "aws:requestedregion",  "aws:resourceaccount",
    "aws:securetransport", "aws:sourceaccount", "aws:sourcearn",        "aws:sourceip",
    "aws:tokenissuetime",  "aws:useragent",     "aws:userid",           "aws:username",
};
static_assert(std::size(kS3Keys) + std::size(kAwsKeys) <= kNumberedKeysMax);

// Keys that go on with the name of a tag.
constexpr std::string_view kTagKeys[] = {"s3:buckettag/", "s3:existingobjecttag/",
                                         "s3:requestobjecttag/"};

constexpr std::string_view kNarrowing[] = {"aws:principalaccount",
                                           "aws:principalarn",
                                           "aws:principalorgid",
                                           "aws:sourceaccount",
                                           "aws:sourcearn",
                                           "aws:sourceip",
                                           "aws:sourceowner",
                                           "aws:sourcevpc",
                                           "aws:sourcevpce",
                                           "aws:userid",
                                           "s3:dataaccesspointaccount",
                                           "s3:dataaccesspointarn"};

bool among(const auto& list, std::string_view key) {
  return std::ranges::find(list, key) != std::end(list);
}

}  // namespace

bool is_bucket_policy_key(std::string_view key) {
  return key.starts_with("aws:") || among(kS3Keys, key) ||
         std::ranges::any_of(kTagKeys, [&](std::string_view prefix) {
           return key.starts_with(prefix) && key.size() > prefix.size();
         });
}

bool key_applies_to(std::string_view key, std::string_view action) {
  if (key == "s3:prefix" || key == "s3:delimiter" || key == "s3:max-keys") {
    return action == "s3:ListBucket" || action == "s3:ListBucketVersions";
  }
  if (key == "s3:x-amz-acl") {
    return action == "s3:PutObject" || action == "s3:PutBucketAcl" || action == "s3:PutObjectAcl" ||
           action == "s3:PutObjectVersionAcl";
  }
  if (key == "s3:versionid") {
    return action.find("ObjectVersion") != std::string_view::npos;
  }
  return true;
}

uint8_t number_of_key(std::string_view key) {
  const auto* const aws = std::ranges::find(kAwsKeys, key);
  if (aws != std::end(kAwsKeys)) return static_cast<uint8_t>(aws - std::begin(kAwsKeys) + 1);
  const auto* const s3 = std::ranges::find(kS3Keys, key);
  if (s3 == std::end(kS3Keys)) return 0;
  return static_cast<uint8_t>(std::size(kAwsKeys) + static_cast<size_t>(s3 - kS3Keys) + 1);
}

bool narrows_everybody(std::string_view key) {
  return among(kNarrowing, key);
}

}  // namespace cairn::iam
