// The admin commands about orphans: objects in a home that other servers share (a pool of Ceph, a
// bucket of a cluster) which no catalog knows, as a crash between a write and its commit leaves
// them. The servers sweep by themselves too; the commands are for looking, and for what the brake
// of a sweep stopped.
//
//   GET  /admin/v1/orphans-show              a dry run
//   POST /admin/v1/orphans-drop?share=0.1    nothing is dropped when more than that share would go
//
// Replies are JSON: {"dry_run", "objects", "orphans", "orphan_bytes", "dropped", "young",
// "strangers", "lost"}. A sweep goes through all that the home has.
// Thread rule: the reactor that opened the home.
#pragma once

#include <string>
#include <string_view>

#include "server/home.h"

namespace cairn::server {

inline constexpr std::string_view kOrphansPrefix = "orphans-";
inline constexpr std::string_view kOrphansShowCommand = "orphans-show";

// `name` begins with kOrphansPrefix. kNotFound for no such command; kFailedPrecondition when the
// home is this server's alone, or when the brake stopped it; kInvalidArgument.
io::Task<Result<std::string>> run_orphan_command(Home& home, std::string name, std::string query);

}  // namespace cairn::server
