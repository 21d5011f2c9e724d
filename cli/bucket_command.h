// `cairn mb`, `cairn rb`: buckets made and removed.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_bucket_commands(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
