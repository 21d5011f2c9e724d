// Another storage class for one version, in place: what S3's lifecycle transitions do.
//
// Where the class is kept in another placement, the body's bytes are read, verified, cut and sealed
// again under ids of that placement, run by run as the version's edges have owners; what the
// placement has already is shared. One commit then replaces the manifest, the edges and the class,
// if the version is still the one that was read. Version id, time of change, ETag, checksums,
// parts, tags and locks stay. The old body goes to the collector's queue as that of a replaced
// version does.
//
// Every body gets new owners for its edges: an edge that waits in the collector's queue since an
// earlier transition must not be one that the version needs again. The first half of the head's
// owner stays, because it is a part of the version id.
//
// Crash: until the commit is durable the version is as it was, and the new chunks are without
// edges, which the collector's sweep finds; afterwards it is as asked for. Thread rule: any
// reactor. Holds memory for the manifest and for the chunk being written.
#pragma once

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// As Objects::transition(). kCorruption when the bytes are not those that were stored.
io::Task<Result<TransitionedInfo>> transition_version(Context& context, BucketInfo bucket,
                                                      ObjectInfo version,
                                                      TransitionOptions options);

}  // namespace cairn::object
