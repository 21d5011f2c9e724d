// `cairn bench`: a load generator for any S3 server.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_bench_command(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
