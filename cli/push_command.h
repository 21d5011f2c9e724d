// `cairn push`: a directory becomes a version of a model.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_push_command(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
