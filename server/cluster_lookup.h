// `cluster-lookup`: how much of some objects' chunks each node of the cluster has, in which tier.
// Thread rule: the main reactor.
#pragma once

#include <string>

#include "io/task.h"
#include "object/objects.h"
#include "server/cluster.h"

namespace cairn::server {

// JSON: {"objects":N,"chunks":N,"bytes":N,"nodes":{NAME:{"chunks":N,"kept":BYTES,"ram":BYTES,
// "disk":BYTES,"pinned":BYTES} or {"error":TEXT}}}; "chunks" of a node are those of which it has
// something. kFailedPrecondition without peers, kNotFound when no object is meant.
io::Task<Result<std::string>> look_up(Cluster& cluster, object::Objects& objects,
                                      std::string bucket, std::string prefix);

}  // namespace cairn::server
