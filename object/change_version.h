// Changes of what may change on a version after it was written: tags, lock, ACL.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// As Objects::change_version().
io::Task<Result<ObjectInfo>> change_version(Context& context, BucketInfo bucket, std::string key,
                                            std::string version_id,
                                            std::function<Status(ObjectInfo&)> change,
                                            CommitHook hook);

// What a read of `row` in `bucket` is told when there is no object: kNoSuchKey, kNoSuchVersion or,
// for a delete marker, as reason::kIsDeleteMarker says.
std::unexpected<Error> no_such_version(std::string_view version_id);

}  // namespace cairn::object
