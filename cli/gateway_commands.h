// `cairn admin gateway add|list|remove`: buckets of other S3 servers behind this one.
#pragma once

#include <CLI/CLI.hpp>

namespace cairn::cli {

// `exit_code` is set by the command that ran; it outlives the parsing.
void add_gateway_commands(CLI::App& admin, int& exit_code);

}  // namespace cairn::cli
