// What a bucket's ownership and public access block make of the lists that requests bring.
#pragma once

#include <string>

#include "object/types.h"
#include "s3/acl.h"
#include "s3/call.h"

namespace cairn::s3 {

// The stored list (and owner) of the object that the call writes into its bucket; empty = the
// bucket owner's, private. AccessControlListNotSupported, AccessDenied, InvalidArgument.
S3Result<std::string> acl_of_new_object(const Call& call);

// Ownership and list that x-amz-object-ownership, x-amz-acl and x-amz-grant-* ask for.
// InvalidBucketAclWithObjectOwnership, InvalidArgument.
S3Status set_access_of_new_bucket(const Call& call, object::BucketConfig& config);

// The list that a PutBucketAcl or PutObjectAcl asks for, in headers or its document; checked
// against the rules of the call's bucket. nullopt: it says what holds anyway, nothing is to be
// stored.
S3Result<std::optional<Acl>> acl_of_change(const Call& call, crypto::TenantId owner);

}  // namespace cairn::s3
