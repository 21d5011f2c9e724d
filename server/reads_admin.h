// `cairn admin bucket reads`: whether reads of a bucket may be stale (object/stale_reads.h), shown
// and set.
//
// Parameters of the query: bucket, and of the second `reads`: strong or stale. Not for buckets of
// isolated tenants, whose names mean nothing before the caller is known. Thread rule: one reactor.
#pragma once

#include <string>

#include "io/task.h"
#include "object/objects.h"

namespace cairn::server {

inline constexpr std::string_view kReadsPrefix = "bucket-reads-";
inline constexpr std::string_view kReadsShowCommand = "bucket-reads-show";

// JSON: the bucket and its reads. kInvalidArgument says which parameter is wrong; kNotFound;
// kFailedPrecondition where the catalog is this server's own, so that no read is ever stale.
io::Task<Result<std::string>> run_reads_command(object::Objects& objects, bool is_shared,
                                                std::string command, std::string query);

}  // namespace cairn::server
