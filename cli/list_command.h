// `cairn ls`, `cairn du`, `cairn find`: what there is.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_list_command(CLI::App& app, int& exit_code);
void add_usage_command(CLI::App& app, int& exit_code);
void add_find_command(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
