// CopyObject and UploadPartCopy by reference: new reference edges on the source's chunks instead of
// new bytes. The source's epoch is pinned meanwhile, and every chunk is held in the store, so the
// collector cannot come between.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// As Objects::copy(). kFailedPrecondition kConditionIfMatch when the source is not the one that
// `source` describes any more.
io::Task<Result<ObjectInfo>> copy_object(Context& context, BucketInfo source_bucket,
                                         ObjectInfo source, BucketInfo target_bucket,
                                         std::string target_key, PutOptions options);
// The range is read for its digests, but stored by reference.
io::Task<Result<PartInfo>> copy_part(Context& context, BucketInfo source_bucket, ObjectInfo source,
                                     std::optional<ByteRange> range, BucketInfo bucket,
                                     UploadInfo upload, uint32_t part_number, CopyKeys keys);

}  // namespace cairn::object
