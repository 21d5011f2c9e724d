// An object's tags, as the header that gives them to a copy of it elsewhere.
#pragma once

#include <string>

#include "io/task.h"
#include "transfer/s3_client.h"

namespace cairn::transfer {

// The value of x-amz-tagging; empty when the object has no tags, or the server none at all, or does
// not show them to this user.
io::Task<S3Result<std::string>> fetch_tagging(S3Client& client, std::string bucket, std::string key,
                                              std::string version_id, io::Until until);

}  // namespace cairn::transfer
