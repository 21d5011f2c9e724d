// `cairn admin cluster ...`: who is in the cluster of a running server, and what its nodes keep.
#pragma once

#include <CLI/CLI.hpp>

namespace cairn::cli {

void add_cluster_commands(CLI::App& admin, int& exit_code);

}  // namespace cairn::cli
