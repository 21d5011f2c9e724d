// DeleteObject and DeleteObjects: removal of versions and delete markers.
#pragma once

#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// As Objects::remove().
io::Task<Result<std::vector<RemovedInfo>>> remove_versions(Context& context, BucketInfo bucket,
                                                           std::vector<RemoveRequest> requests,
                                                           CommitHook hook);

// kPermissionDenied kObjectLocked while retention or a legal hold keeps the version.
Status check_lock(const ObjectLock& lock, WallTime now, bool bypass_governance);

}  // namespace cairn::object
