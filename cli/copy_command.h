// `cairn cp` and `cairn mv`.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_copy_command(CLI::App& app, int& exit_code);
void add_move_command(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
