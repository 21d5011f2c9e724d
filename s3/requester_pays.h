// Buckets whose requesters pay (S3 User Guide, "Using Requester Pays buckets"): who is not of the
// owner's account says in every request that it knows. Nobody is charged here.
#pragma once

#include "object/types.h"
#include "s3/call.h"
#include "s3/errors.h"

namespace cairn::s3 {

bool requesters_pay(const object::BucketInfo& bucket);

// AccessDenied when the bucket's requesters pay, the caller is a stranger to its account, and the
// request does not say `x-amz-request-payer: requester`; or when the caller is nobody, who cannot
// pay.
S3Status check_requester(const Call& call, const object::BucketInfo& bucket);

// check_requester() of the call's bucket; replies then tell who pays.
S3Status accept_requester(Call& call);

}  // namespace cairn::s3
