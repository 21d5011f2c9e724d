// The admin commands about placements and homes.
//
//   GET  /admin/v1/placement-status
//   POST /admin/v1/placement-switch?name=NAME&primary=HOME&drain=HOME&undrain=HOME
//   POST /admin/v1/placement-repair               a survey now
//   POST /admin/v1/placement-forget?home=HOME     it may vanish from the configuration
//
// Of primary, drain and undrain any may be given, the latter two repeatedly. Replies are JSON, all
// of them the status after the command.
// Thread rule: the reactor that opened the homes.
#pragma once

#include <string>
#include <string_view>

#include "server/named_homes.h"

namespace cairn::server {

inline constexpr std::string_view kHomesStatusCommand = "placement-status";

// `name` begins with "placement-". kNotFound for no such command, placement or home,
// kFailedPrecondition when the directory has one home only, kInvalidArgument.
io::Task<Result<std::string>> run_home_command(Home& home, std::string name, std::string query);

}  // namespace cairn::server
