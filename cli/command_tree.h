// The tree of commands as plain values, for completions and the manual page.
#pragma once

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

struct OptionText {
  std::vector<std::string> names;  // "-r", "--recursive"; empty = positional.
  std::string value;               // "SIZE"; empty = a switch.
  std::string help;
  bool is_positional = false;
  bool is_required = false;
};

struct CommandText {
  std::vector<std::string> path;  // {"admin", "user", "add"}; empty = `cairn` itself.
  std::string help;
  std::vector<OptionText> options;
  std::vector<std::string> children;  // Names.

  std::string path_text() const;  // "admin user add"
};

// Parents before children, in the order they were added.
std::vector<CommandText> command_tree(const CLI::App& app);

}  // namespace cairn::cli
