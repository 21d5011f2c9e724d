// `cairn sync-site`: a bucket of one site as a bucket of another, by hand: one pass or --watch.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_sync_site_command(CLI::App& app, int& exit_code);

}  // namespace cairn::cli
