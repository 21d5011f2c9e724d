// `cairn admin user|group|policy|key|tenant ...`: asks the running server and shows its answer as a
// table, or as it came with --json.
#pragma once

#include <map>
#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

// Adds the commands to `admin`. Outlives the parsing; `exit_code` is set by the command that ran.
class AccountCommands {
 public:
  explicit AccountCommands(int& exit_code) : exit_code_(exit_code) {}
  void add_to(CLI::App& admin);

 private:
  struct Option;
  struct Verb;
  void add_verb(CLI::App& group, const std::string& group_name, const Verb& verb);
  int run(const std::string& command);

  int& exit_code_;
  std::string data_;
  bool as_json_ = false;
  std::string policy_file_;
  std::map<std::string, std::string> params_;
};

}  // namespace cairn::cli
