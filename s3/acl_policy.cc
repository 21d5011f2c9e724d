#include "s3/acl_policy.h"

#include "iam/account.h"

namespace cairn::s3 {
namespace {

// Whether a list only says what holds where lists do not count: full control for the owner.
bool is_owner_only(const Acl& acl, crypto::TenantId bucket_owner) {
  return acl.grants_only(iam::canonical_id(bucket_owner));
}

S3Status check_block(const BucketRules& rules, const Acl& acl) {
  if (rules.block.block_public_acls && acl.is_public()) return s3_fail(S3Code::kAccessDenied);
  return {};
}

}  // namespace

S3Result<std::string> acl_of_new_object(const Call& call) {
  const crypto::TenantId bucket_owner = call.bucket.tenant;
  const BucketRules rules = rules_of(call.context, call.bucket);
  // What nobody in particular writes is the bucket owner's.
  const bool is_own = !rules.acls_count() || call.caller() == nullptr ||
                      (rules.ownership == Ownership::kBucketOwnerPreferred &&
                       call.header("x-amz-acl") == "bucket-owner-full-control");
  const crypto::TenantId owner = is_own ? bucket_owner : call.caller()->account;
  const S3Result<std::optional<Acl>> asked = parse_acl_headers(call, owner, bucket_owner);
  if (!asked) return std::unexpected(asked.error());
  if (!rules.acls_count()) {
    if (*asked && !is_owner_only(**asked, bucket_owner)) {
      return s3_fail(S3Code::kAccessControlListNotSupported);
    }
    return std::string();
  }
  const Acl acl = *asked ? **asked : private_acl(owner);
  if (S3Status checked = check_block(rules, acl); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  const bool is_default = owner == bucket_owner && acl.grants == private_acl(owner).grants;
  return is_default ? std::string() : format_acl(acl);
}

S3Status set_access_of_new_bucket(const Call& call, object::BucketConfig& config) {
  Ownership ownership = call.context.object_ownership;
  if (const auto header = call.header("x-amz-object-ownership")) {
    const std::optional<Ownership> named = parse_ownership(*header);
    if (!named) {
      return invalid_argument("Invalid x-amz-object-ownership header: " + std::string(*header),
                              "x-amz-object-ownership", *header);
    }
    ownership = *named;
    config.documents[std::string(kOwnershipDocument)] = *header;
  }
  const crypto::TenantId owner = call.identity().tenant;
  const S3Result<std::optional<Acl>> asked = parse_acl_headers(call, owner, owner);
  if (!asked) return std::unexpected(asked.error());
  if (!*asked || (*asked)->grants == private_acl(owner).grants) return {};
  if (ownership == Ownership::kBucketOwnerEnforced) {
    if (is_owner_only(**asked, owner)) return {};
    return s3_fail(S3Code::kInvalidBucketAclWithObjectOwnership);
  }
  config.documents[std::string(kAclDocument)] = format_acl(**asked);
  return {};
}

S3Result<std::optional<Acl>> acl_of_change(const Call& call, crypto::TenantId owner) {
  const crypto::TenantId bucket_owner = call.bucket.tenant;
  S3Result<std::optional<Acl>> asked = parse_acl_headers(call, owner, bucket_owner);
  if (!asked) return std::unexpected(std::move(asked.error()));
  if (*asked && !call.document.empty()) return s3_fail(S3Code::kUnexpectedContent);
  if (!*asked) {
    if (call.document.empty()) return s3_fail(S3Code::kMissingSecurityHeader);
    S3Result<Acl> document = parse_acl_document(call, owner);
    if (!document) return std::unexpected(std::move(document.error()));
    *asked = std::move(*document);
  }
  const BucketRules rules = rules_of(call.context, call.bucket);
  if (!rules.acls_count()) {
    if (!is_owner_only(**asked, bucket_owner)) {
      return s3_fail(S3Code::kAccessControlListNotSupported);
    }
    return std::optional<Acl>();
  }
  if (S3Status checked = check_block(rules, **asked); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return asked;
}

}  // namespace cairn::s3
