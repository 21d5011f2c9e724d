// `cairn configure`: writes a profile, asking on the terminal for what no flag gives.
#pragma once

#include "cli/profile.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

class ConfigureCommand {
 public:
  explicit ConfigureCommand(int& exit_code) : exit_code_(exit_code) {}
  void add_to(CLI::App& app);

 private:
  int run();
  Status ask(Profile& profile) const;

  int& exit_code_;
  Profile given_;
  std::string secret_file_;
  bool is_interactive_ = false;
};

}  // namespace cairn::cli
