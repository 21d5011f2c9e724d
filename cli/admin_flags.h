// The option that every command for a running server has: which data directory it serves.
#pragma once

#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name.
class App;
}

namespace cairn::cli {

// Adds the required `--data DIR`, also read from CAIRN_DATA, to `command`. `data` outlives it.
void add_data_option(CLI::App& command, std::string& data);

}  // namespace cairn::cli
