#include "cli/admin_flags.h"

#include <CLI/CLI.hpp>

namespace cairn::cli {

void add_data_option(CLI::App& command, std::string& data) {
  command.add_option("--data", data, "Data directory of the running server [CAIRN_DATA]")
      ->envname("CAIRN_DATA")
      ->required()
      ->option_text("DIR");
}

}  // namespace cairn::cli
