// Who may do what: every request, copy source and deleted key is decided here, of the caller's own
// policies, the bucket's policy, access control lists and the public access block. Deny by default;
// whatever cannot be read or found out denies.
//
// Thread rule: the door's reactor.
#pragma once

#include <string>
#include <string_view>

#include "s3/bucket_rules.h"
#include "s3/call.h"
#include "s3/copy_source.h"

namespace cairn::s3 {

// What the call's route needs, with everything that its headers ask for besides (tags, retention,
// lists, versions). The door calls it once, before the handler, unless the route says that its
// handler does (Gate::kHandler).
io::Task<S3Status> authorize_route(Call& call);

// AccessDenied when the header `name` (x-amz-expected-bucket-owner, or that of a copy's source) is
// there and names another account than the bucket's: by number, or by canonical id.
S3Status check_expected_owner(const Call& call, std::string_view name,
                              const object::BucketInfo& bucket);

// One more action, on an object other than the call's target or not named in its head.
struct Asked {
  std::string action;
  object::BucketInfo bucket;
  std::string key;         // Empty = the bucket itself.
  std::string version_id;  // Empty = the current one.
};
io::Task<S3Status> authorize(const Call& call, Asked asked);

// The same for actions that no object's list or tags have a say in: PutObject, DeleteObject, and
// those of buckets.
S3Status authorize_now(const Call& call, std::string_view action, const object::BucketInfo& bucket,
                       std::string_view key, std::string_view version_id = {});

// "s3:GetObjectVersion" for "s3:GetObject", when a version is named.
std::string_view versioned_action(std::string_view action, bool has_version);

// Only who may list a bucket is told that a key is not in it: turns NoSuchKey and NoSuchVersion
// into AccessDenied for everybody else.
S3Error hide_missing(const Call& call, const object::BucketInfo& bucket, S3Error error);

// Another bucket of the request (copy source): looked up, and the right to read the source checked.
io::Task<S3Result<object::BucketInfo>> open_source_bucket(const Call& call, CopySource source);

}  // namespace cairn::s3
