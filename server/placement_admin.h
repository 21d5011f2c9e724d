// `cairn admin bucket placement`: where the new objects of a bucket are kept, shown and set.
//
// Parameters of the query: bucket, tenant (its number; needed for an isolated tenant's bucket), and
// of the second the placement's name. Objects that are there stay where they are until they are
// written anew or moved by a lifecycle rule. Thread rule: one reactor.
#pragma once

#include <string>

#include "io/task.h"
#include "object/objects.h"

namespace cairn::server {

inline constexpr std::string_view kPlacementShowCommand = "bucket-placement-show";
inline constexpr std::string_view kPlacementSetCommand = "bucket-placement-set";

// JSON: the bucket's placement and all that there are. kInvalidArgument says which parameter is
// wrong; kNotFound.
io::Task<Result<std::string>> run_placement_command(object::Objects& objects, std::string command,
                                                    std::string query);

}  // namespace cairn::server
