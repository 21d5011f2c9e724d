// --include and --exclude of a command, in the order they were given.
#pragma once

#include "cli/filters.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace cairn::cli {

void add_filter_flags(CLI::App& command);
// Of a command that was parsed; for its callback: a bad pattern is CLI11's ValidationError.
Filters given_filters(const CLI::App& command);

}  // namespace cairn::cli
