// Appends (S3.md 2.4): one commit that makes an object longer, without its bytes being read or
// stored again.
//
// A small object stays inline and is the object that one PUT of its bytes would have made, ETag and
// checksum included. Any other becomes parts, as a multipart upload has them: what was there, and
// each append. Its ETag is the MD5 over the parts' MD5s and "-N"; a CRC of the whole object, or a
// composite checksum, goes on; another checksum ends, for it would take reading the object.
//
// Where the current version is replaced its chunks stay with the new body, edges and all. In a
// bucket with versioning an append makes a new version, which refers to the chunks by edges of its
// own: the version that was current stays as it was.
// Of several appends at one offset one wins; the others fail with kInvalidWriteOffset.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// kInvalidArgument: kInvalidWriteOffset; kTooManyParts behind kAppendsMax; kSizeMismatch beyond
// kObjectBytesMax; an empty body, or user metadata, for an object that is there. What is added is
// sealed as the object is; `options.sse` counts for a new one, but for the customer's key.
io::Task<Result<std::unique_ptr<ObjectWriter>>> make_append_writer(Context& context,
                                                                   BucketInfo bucket,
                                                                   std::string key,
                                                                   uint64_t offset_bytes,
                                                                   PutOptions options);

}  // namespace cairn::object
