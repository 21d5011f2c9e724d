// `cairn stat`, `cairn cat`, `cairn presign`: one object at a time.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_object_commands(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
