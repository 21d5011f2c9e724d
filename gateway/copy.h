// Copies between a gateway bucket and elsewhere.
#pragma once

#include "gateway/served.h"
#include "object/types.h"
#include "s3/copy_source.h"

namespace cairn::gateway {

// CopyObject and UploadPartCopy of the call, whose bucket is here, with `source` in the gateway
// bucket of served.link. REQUIRES: the caller may read the source.
io::Task<s3::S3Status> copy_here(Served& served, object::BucketInfo bucket, s3::CopySource source);

}  // namespace cairn::gateway
