// `cairn rm`: deletes objects, prefixes, versions.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_remove_command(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
