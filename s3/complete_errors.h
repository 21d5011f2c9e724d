// Why a CompleteMultipartUpload failed, in S3's words: what object/ refuses is told with the
// numbers and names of the upload and the request at fault.
#pragma once

#include "io/task.h"
#include "object/objects.h"
#include "s3/call.h"

namespace cairn::s3 {

// `asked` is what was to be completed.
io::Task<S3Error> complete_error(Call& call, Error error, object::CompleteOptions asked);

}  // namespace cairn::s3
