// ListObjectVersions: object rows and version rows of the same keys, merged in key order.
#pragma once

#include <memory>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// As Objects::list_versions(). Seeks to its markers: the work of a page depends on what it returns.
io::Task<Result<VersionListPage>> list_versions(Context& context, BucketInfo bucket,
                                                VersionListRequest request);
// As Objects::walk_versions().
io::Task<Result<std::unique_ptr<VersionCursor>>> walk_versions(Context& context, BucketInfo bucket,
                                                               VersionListRequest request);

}  // namespace cairn::object
