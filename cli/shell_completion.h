// Completions for bash, zsh and fish and the manual page, made from the tree of commands itself, so
// that they are never behind it.
#pragma once

#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);
// cairn(1) in the man macros; `version` is shown at its foot.
std::string manual_page(const CLI::App& app, const std::string& version);

// `cairn completion SHELL`, `cairn man`, `cairn help [COMMAND...]`.
void add_help_commands(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
