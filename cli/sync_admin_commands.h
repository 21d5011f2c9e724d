// `cairn admin sync ...`: which buckets a running server sends to other sites, and how far it is.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

// `exit_code` is set by the command that ran, and outlives the parsing.
void add_sync_admin_commands(CLI::App& admin, int& exit_code);

}  // namespace cairn::cli
