// `cairn pull`, `cairn models`: versions of models come back, and what there is.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_pull_command(CLI::App& app, int& exit_code);
void add_models_command(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
