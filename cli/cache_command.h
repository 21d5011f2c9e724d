// `cairn cache`: warm, status, drop and unpin of the running server of a data directory.
#pragma once

#include <CLI/CLI.hpp>

namespace cairn::cli {

// `exit_code` outlives the parsing of `app`.
void add_cache_command(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
