// `cairn admin migrate`: a running server's data into a cluster.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name.
class App;
}

namespace cairn::cli {

// `exit_code` gets what the command ends with.
void add_migrate_command(CLI::App& admin, int& exit_code);

}  // namespace cairn::cli
