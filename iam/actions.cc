#include "iam/actions.h"

#include <algorithm>
#include <iterator>

#include "iam/text.h"

namespace cairn::iam {
namespace {

using enum ActionTarget;

constexpr ActionInfo kActions[] = {
    {"s3:AbortMultipartUpload", kObject},
    {"s3:BypassGovernanceRetention", kObject},
    {"s3:CreateAccessPoint", kAccount},
    {"s3:CreateBucket", kAccount},
    {"s3:CreateBucketMetadataTableConfiguration", kBucket},
    {"s3:DeleteBucket", kBucket},
    {"s3:DeleteBucketMetadataTableConfiguration", kBucket},
    {"s3:DeleteBucketOwnershipControls", kBucket},
    {"s3:DeleteBucketPolicy", kBucket},
    {"s3:DeleteBucketPublicAccessBlock", kBucket},
    {"s3:DeleteBucketTagging", kBucket},
    {"s3:DeleteBucketWebsite", kBucket},
    {"s3:DeleteObject", kObject},
    {"s3:DeleteObjectTagging", kObject},
    {"s3:DeleteObjectVersion", kObject},
    {"s3:DeleteObjectVersionTagging", kObject},
    {"s3:GetAccelerateConfiguration", kBucket},
    {"s3:GetAccountPublicAccessBlock", kAccount},
    {"s3:GetAnalyticsConfiguration", kBucket},
    {"s3:GetBucketAbac", kBucket},
    {"s3:GetBucketAcl", kBucket},
    {"s3:GetBucketCORS", kBucket},
    {"s3:GetBucketLocation", kBucket},
    {"s3:GetBucketLogging", kBucket},
    {"s3:GetBucketMetadataTableConfiguration", kBucket},
    {"s3:GetBucketNotification", kBucket},
    {"s3:GetBucketObjectLockConfiguration", kBucket},
    {"s3:GetBucketOwnershipControls", kBucket},
    {"s3:GetBucketPolicy", kBucket},
    {"s3:GetBucketPolicyStatus", kBucket},
    {"s3:GetBucketPublicAccessBlock", kBucket},
    {"s3:GetBucketRequestPayment", kBucket},
    {"s3:GetBucketTagging", kBucket},
    {"s3:GetBucketVersioning", kBucket},
    {"s3:GetBucketWebsite", kBucket},
    {"s3:GetEncryptionConfiguration", kBucket},
    {"s3:GetIntelligentTieringConfiguration", kBucket},
    {"s3:GetInventoryConfiguration", kBucket},
    {"s3:GetLifecycleConfiguration", kBucket},
    {"s3:GetMetricsConfiguration", kBucket},
    {"s3:GetObject", kObject},
    {"s3:GetObjectAcl", kObject},
    {"s3:GetObjectAttributes", kObject},
    {"s3:GetObjectLegalHold", kObject},
    {"s3:GetObjectRetention", kObject},
    {"s3:GetObjectTagging", kObject},
    {"s3:GetObjectTorrent", kObject},
    {"s3:GetObjectVersion", kObject},
    {"s3:GetObjectVersionAcl", kObject},
    {"s3:GetObjectVersionAttributes", kObject},
    {"s3:GetObjectVersionForReplication", kObject},
    {"s3:GetObjectVersionTagging", kObject},
    {"s3:GetObjectVersionTorrent", kObject},
    {"s3:GetReplicationConfiguration", kBucket},
    {"s3:InitiateReplication", kObject},
    {"s3:ListAllMyBuckets", kAccount},
    {"s3:ListBucket", kBucket},
    {"s3:ListBucketMultipartUploads", kBucket},
    {"s3:ListBucketVersions", kBucket},
    {"s3:ListMultipartUploadParts", kObject},
    {"s3:ObjectOwnerOverrideToBucketOwner", kObject},
    {"s3:PutAccelerateConfiguration", kBucket},
    {"s3:PutAccountPublicAccessBlock", kAccount},
    {"s3:PutAnalyticsConfiguration", kBucket},
    {"s3:PutBucketAbac", kBucket},
    {"s3:PutBucketAcl", kBucket},
    {"s3:PutBucketCORS", kBucket},
    {"s3:PutBucketLogging", kBucket},
    {"s3:PutBucketNotification", kBucket},
    {"s3:PutBucketObjectLockConfiguration", kBucket},
    {"s3:PutBucketOwnershipControls", kBucket},
    {"s3:PutBucketPolicy", kBucket},
    {"s3:PutBucketPublicAccessBlock", kBucket},
    {"s3:PutBucketRequestPayment", kBucket},
    {"s3:PutBucketTagging", kBucket},
    {"s3:PutBucketVersioning", kBucket},
    {"s3:PutBucketWebsite", kBucket},
    {"s3:PutEncryptionConfiguration", kBucket},
    {"s3:PutIntelligentTieringConfiguration", kBucket},
    {"s3:PutInventoryConfiguration", kBucket},
    {"s3:PutLifecycleConfiguration", kBucket},
    {"s3:PutMetricsConfiguration", kBucket},
    {"s3:PutObject", kObject},
    {"s3:PutObjectAcl", kObject},
    {"s3:PutObjectLegalHold", kObject},
    {"s3:PutObjectRetention", kObject},
    {"s3:PutObjectTagging", kObject},
    {"s3:PutObjectVersionAcl", kObject},
    {"s3:PutObjectVersionTagging", kObject},
    {"s3:PutReplicationConfiguration", kBucket},
    {"s3:ReplicateDelete", kObject},
    {"s3:ReplicateObject", kObject},
    {"s3:ReplicateTags", kObject},
    {"s3:RestoreObject", kObject},
    {"s3:UpdateObjectEncryption", kObject},
};
static_assert(std::size(kActions) <= kKnownActionsMax);

constexpr bool is_sorted() {
  for (size_t i = 1; i < std::size(kActions); ++i) {
    if (compare_folded(kActions[i - 1].name, kActions[i].name) >= 0) return false;
  }
  return true;
}
static_assert(is_sorted(), "find_action() searches by halving");

}  // namespace

std::span<const ActionInfo> known_actions() {
  return kActions;
}

std::optional<size_t> find_action(std::string_view name) {
  const auto* const found = std::lower_bound(std::begin(kActions), std::end(kActions), name,
                                             [](const ActionInfo& info, std::string_view wanted) {
                                               return compare_folded(info.name, wanted) < 0;
                                             });
  if (found == std::end(kActions) || compare_folded(found->name, name) != 0) return std::nullopt;
  return static_cast<size_t>(found - std::begin(kActions));
}

}  // namespace cairn::iam
