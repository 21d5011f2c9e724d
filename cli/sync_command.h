// `cairn sync`: makes one folder like another.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_sync_command(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
