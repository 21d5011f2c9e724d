// Object lock in the headers of objects (S3.md 2.4): what a write asks for, what a read tells.
#pragma once

#include "object/types.h"
#include "s3/call.h"
#include "s3/errors.h"

namespace cairn::s3 {

// The lock of a version that the call writes: x-amz-object-lock-*, else the bucket's default
// retention. InvalidRequest on a bucket without object lock; InvalidArgument for bad values.
S3Result<object::ObjectLock> lock_of_write(const Call& call);
// PutObject with a lock must bring a checksum of its body (Content-MD5 or x-amz-checksum-*):
// InvalidRequest.
S3Status check_lock_has_checksum(const Call& call, const object::ObjectLock& lock);
// x-amz-object-lock-mode, -retain-until-date and -legal-hold of a version that has them.
void add_lock_headers(http::ResponseHead& head, const object::ObjectLock& lock);
// x-amz-bypass-governance-retention: true
bool bypasses_governance(const Call& call);

// Whether `old` may become `wanted` at `now`: compliance is never shortened nor lifted, governance
// only with a bypass. AccessDenied.
S3Status check_retention_change(const object::ObjectLock& old, const object::ObjectLock& wanted,
                                bool bypass, WallTime now);

}  // namespace cairn::s3
