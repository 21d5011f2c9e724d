// The admin commands about the cluster.
//
//   GET  /admin/v1/cluster-status
//   POST /admin/v1/cluster-drain?name=NODE   cluster-undrain?name=NODE
//   POST /admin/v1/cluster-warm?bucket=B&prefix=P   cluster-pin?bucket=B&prefix=P
//   GET  /admin/v1/cluster-lookup?bucket=B&prefix=P
//
// A drained node owns no chunks any more and tells load balancers that it is not ready; it goes on
// serving. Warming asks the owner of every chunk of the objects to fetch it; no bytes come here.
// The status has what each node that answers says of itself; a look-up, how much of the objects'
// chunks each has in which tier.
// Replies are JSON. Thread rule: the main reactor.
#pragma once

#include <string>

#include "io/task.h"
#include "object/objects.h"
#include "server/cluster.h"

namespace cairn::server {

// `cluster` may be null. kFailedPrecondition without a cluster, kNotFound for no such command, node
// or object, kInvalidArgument for parameters that are missing.
io::Task<Result<std::string>> run_cluster_command(Cluster* cluster, object::Objects& objects,
                                                  std::string name, std::string query);

}  // namespace cairn::server
