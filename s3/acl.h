// Access control lists of buckets and objects (S3 User Guide, "Access control list overview"): the
// model, its stored text (docs/format.md), canned lists and x-amz-grant-* headers. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/key_ring.h"
#include "iam/policy.h"
#include "iam/principal.h"
#include "s3/errors.h"
#include "s3/xml_writer.h"

namespace cairn::s3 {

struct Call;

inline constexpr size_t kAclGrantsStoredMax = 100;  // S3's bound of one list.

enum class Grantee : uint8_t {
  kAccount,        // By canonical id.
  kEverybody,      // .../groups/global/AllUsers
  kAuthenticated,  // .../groups/global/AuthenticatedUsers: everybody with an account here.
  kLogDelivery,    // .../groups/s3/LogDelivery
};
enum class Permission : uint8_t { kFullControl, kRead, kWrite, kReadAcp, kWriteAcp };

struct Grant {
  Grantee grantee = Grantee::kAccount;
  std::string canonical_id;  // Of kAccount.
  Permission permission = Permission::kFullControl;
  friend bool operator==(const Grant&, const Grant&) = default;
};

struct Acl {
  crypto::TenantId owner;
  std::vector<Grant> grants;

  bool is_public() const;  // Grants anything to kEverybody or kAuthenticated.
  // Whether nobody but `account` gets anything.
  bool grants_only(std::string_view canonical_id) const;
};

// The list of something that was given none: full control for its owner.
Acl private_acl(crypto::TenantId owner);

// Stored text, both ways. An empty text is private_acl(owner); nullopt when it is damaged.
std::string format_acl(const Acl& acl);
std::optional<Acl> parse_stored_acl(std::string_view text, crypto::TenantId owner);

// The list that x-amz-acl or x-amz-grant-* headers of the call ask for; nullopt when there are
// none. `owner` is the owner of the new thing, `bucket_owner` of the bucket it is in.
// InvalidArgument for an unknown list or grantee, InvalidRequest for both kinds of header at once.
S3Result<std::optional<Acl>> parse_acl_headers(const Call& call, crypto::TenantId owner,
                                               crypto::TenantId bucket_owner);
// Of an AccessControlPolicy body. MalformedACLError, InvalidArgument.
S3Result<Acl> parse_acl_document(const Call& call, crypto::TenantId owner);

// AccessControlPolicy, with the declaration.
std::string acl_document(const Call& call, const Acl& acl);

// How far the list allows the S3 action to the caller (null = anonymous), as a list of an object or
// of a bucket. With `ignores_public`, grants to everybody count for nothing.
enum class AclOf : uint8_t { kBucket, kObject };
iam::Verdict evaluate_acl(const Acl& acl, AclOf of, std::string_view action,
                          const iam::Principal* caller, bool ignores_public);

}  // namespace cairn::s3
