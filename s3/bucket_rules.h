// What of a bucket's configuration decides about access: object ownership, public access block,
// policy, access control list; as documents and as what they mean.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "iam/policy.h"
#include "object/types.h"
#include "s3/acl.h"
#include "s3/bucket_cache.h"

namespace cairn::s3 {

struct DoorContext;

// Names of the documents in object::BucketConfig.
inline constexpr std::string_view kPolicyDocument = "policy";
inline constexpr std::string_view kAclDocument = "acl";
inline constexpr std::string_view kOwnershipDocument = "ownershipControls";
inline constexpr std::string_view kPublicAccessBlockDocument = "publicAccessBlock";

// Who owns what others write into the bucket, and whether access control lists count.
enum class Ownership : uint8_t {
  kBucketOwnerEnforced,   // The bucket's owner owns everything; lists do not count.
  kBucketOwnerPreferred,  // As kObjectWriter, but for writes with bucket-owner-full-control.
  kObjectWriter,
};
std::string_view to_string(Ownership ownership);
std::optional<Ownership> parse_ownership(std::string_view name);
// Stored where the bucket's owner took the controls away: then lists count, as on S3.
inline constexpr std::string_view kNoOwnershipControls = "-";

struct PublicAccessBlock {
  bool block_public_acls = false;
  bool ignore_public_acls = false;
  bool block_public_policy = false;
  bool restrict_public_buckets = false;
};
// The setting of that name ("BlockPublicAcls"); null when there is none.
bool* find_setting(PublicAccessBlock& block, std::string_view name);
PublicAccessBlock parse_stored_public_access_block(std::string_view document);
// The document, in the order and words of S3.
std::string format_public_access_block(const PublicAccessBlock& block);

struct BucketRules {
  Ownership ownership = Ownership::kBucketOwnerEnforced;
  PublicAccessBlock block;
  std::shared_ptr<const iam::Policy> policy;  // Null = none.
  std::shared_ptr<const Acl> acl;             // Null = private to the owner, or not counting.
  // A stored document that cannot be read: nobody but the owner's root may do anything.
  bool is_damaged = false;

  bool acls_count() const { return ownership != Ownership::kBucketOwnerEnforced; }
};
BucketRules rules_of(const DoorContext& context, const object::BucketInfo& bucket);
Ownership ownership_of(const DoorContext& context, const object::BucketInfo& bucket);

}  // namespace cairn::s3
